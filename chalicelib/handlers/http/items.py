"""Routes of a request's line items: while it is a draft, and when they are decided (SPEC.md 3)."""

from http import HTTPStatus

from chalicelib.domain.access import Scope
from chalicelib.domain.content import (
    ItemApproval,
    ItemRejection,
    ItemUpdate,
    NewItem,
)
from chalicelib.domain.requests import BudgetRequest, LineItem
from chalicelib.handlers.http import views
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.handlers.http.requests import viewed
from chalicelib.usecases import drafts, reviews

ITEMS = "/budget-requests/{id}/items"
ITEM = ITEMS + "/{itemId}"


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        ITEMS,
        scope=Scope.REQUESTS_READ,
        summary="List the items of a request",
        message="Items retrieved successfully",
        gives=views.ITEMS,
        etag=True,
    )
    def list_items(call: Call) -> Answer:
        request = viewed(call)
        return Answer([item.model_dump() for item in request.item_allocations], views.etag(request))

    @api.route(
        "POST",
        ITEMS,
        takes=NewItem,
        status=HTTPStatus.CREATED,
        summary="Add an item to a draft",
        message="Item added successfully",
        gives=LineItem,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def add_item(call: Call[NewItem]) -> Answer:
        def present(request: BudgetRequest) -> Answer:
            return views.item(request, request.item_allocations[-1])

        added = drafts.add_item(
            call.request_id, call.body, by=call.actor, at=call.at, writing=call.writing(present)
        )
        return present(added)

    @api.route(
        "PUT",
        ITEM,
        takes=ItemUpdate,
        summary="Rewrite an item of a draft, or modify its allocation once it was submitted",
        message="Item updated successfully",
        gives=LineItem,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def change_item(call: Call[ItemUpdate]) -> Answer:
        changed = reviews.update_item(
            call.request_id,
            call.item_id,
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(),
        )
        return views.item(changed, changed.item(call.item_id))

    @api.route(
        "DELETE",
        ITEM,
        summary="Take an item off a draft",
        message="Item removed successfully",
        gives=views.REMOVED_ITEM,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def remove_item(call: Call) -> Answer:
        item_id = call.item_id
        changed = drafts.remove_item(
            call.request_id, item_id, by=call.actor, at=call.at, writing=call.writing()
        )
        return Answer({"id": item_id}, views.etag(changed))

    @api.route(
        "POST",
        ITEM + "/approve",
        takes=ItemApproval,
        summary="Allocate money to an item",
        message="Item approved successfully",
        gives=LineItem,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def approve_item(call: Call[ItemApproval]) -> Answer:
        return _decide(call)

    @api.route(
        "POST",
        ITEM + "/reject",
        takes=ItemRejection,
        summary="Allocate nothing to an item, saying why",
        message="Item rejected successfully",
        gives=LineItem,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def reject_item(call: Call[ItemRejection]) -> Answer:
        return _decide(call)


def _decide(call: Call[ItemApproval] | Call[ItemRejection]) -> Answer:
    item_id = call.item_id

    def present(request: BudgetRequest) -> Answer:
        return views.item(request, request.item(item_id))

    decided = reviews.decide_item(
        call.request_id,
        item_id,
        call.body,
        by=call.actor,
        at=call.at,
        writing=call.writing(present),
    )
    return present(decided)
