"""Routes that show many, in pages: requests, history, mails, lines by supplier (SPEC.md 3)."""

from typing import Any

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import FilterTooBroadError
from chalicelib.domain.listing import ItemQuery, ListQuery, Summary
from chalicelib.domain.notifications import Notification
from chalicelib.domain.paging import PageMeta, PageQuery
from chalicelib.domain.requests import HistoryEntry
from chalicelib.handlers.http import views
from chalicelib.handlers.http.answers import ManyOf
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.handlers.http.requests import viewed
from chalicelib.usecases import lists as usecase
from chalicelib.usecases.lists import Page


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        "/budget-requests",
        scope=Scope.REQUESTS_READ,
        asks=ListQuery,
        summary="List what you may see, newest first",
        message="Budget requests retrieved successfully",
        gives=ManyOf(Summary),
        meta=PageMeta,
        raises=(FilterTooBroadError,),
        may_be_cached=True,
    )
    def list_requests(call: Call[Nothing, ListQuery]) -> Answer:
        page = usecase.requests(
            call.query,
            by=call.actor,
            at=call.at,
            lists=bootstrap.request_lists(),
            cache=bootstrap.list_cache(),
            cursor_secrets=bootstrap.jwt_secrets(),
        )
        rows = [row.model_dump() for row in page.rows]
        return Answer(rows, meta=_meta(page), is_cached=page.is_cached)

    @api.route(
        "GET",
        "/budget-requests/{id}/history",
        scope=Scope.REQUESTS_READ,
        asks=PageQuery,
        summary="Read a request's history, newest first",
        message="History retrieved successfully",
        gives=ManyOf(HistoryEntry),
        meta=PageMeta,
    )
    def history(call: Call[Nothing, PageQuery]) -> Answer:
        page = usecase.history(viewed(call), call.query, lists=bootstrap.request_lists())
        return Answer([row.model_dump() for row in page.rows], meta=_meta(page))

    @api.route(
        "GET",
        "/budget-requests/{id}/notifications",
        scope=Scope.REQUESTS_READ,
        asks=PageQuery,
        summary="Read a request's mails, newest first",
        message="Notifications retrieved successfully",
        gives=ManyOf(Notification),
        meta=PageMeta,
    )
    def notifications(call: Call[Nothing, PageQuery]) -> Answer:
        page = usecase.notifications(viewed(call), call.query, store=bootstrap.notifications())
        return Answer([row.model_dump() for row in page.rows], meta=_meta(page))

    @api.route(
        "GET",
        "/item-allocations",
        asks=ItemQuery,
        summary="Find line items by supplier",
        message="Items retrieved successfully",
        gives=ManyOf(views.FOUND_ITEM),
        meta=PageMeta,
        raises=(FilterTooBroadError,),
    )
    def search_items(call: Call[Nothing, ItemQuery]) -> Answer:
        page = usecase.items(
            call.query,
            by=call.actor,
            lists=bootstrap.request_lists(),
            store=bootstrap.requests(),
            cursor_secrets=bootstrap.jwt_secrets(),
        )
        return Answer([views.found_item(row) for row in page.rows], meta=_meta(page))


def _meta(page: Page[Any]) -> dict[str, Any]:
    return PageMeta(
        page=page.page,
        limit=page.limit,
        total=page.total,
        total_pages=None if page.total is None else -(-page.total // page.limit),
        next_cursor=page.next_cursor,
    ).model_dump()
