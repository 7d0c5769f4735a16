"""Reading many: the list of requests, a request's history and mails, lines by supplier."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from chalicelib.domain import access, reservations
from chalicelib.domain.access import Actor, Department, Level
from chalicelib.domain.changes import ARCHIVED_AT_ONCE
from chalicelib.domain.listing import (
    ItemQuery,
    ListQuery,
    PageQuery,
    Selection,
    Summary,
    position,
    seal,
    select,
    unseal,
)
from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import BudgetRequest, HistoryEntry, LineItem, Status
from chalicelib.domain.totals import DepartmentTotals
from chalicelib.usecases.caching import ListCache
from chalicelib.usecases.ports import Notifications, RequestLists, RequestStore

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of many; `page` is None where a cursor led here."""

    model_config = ConfigDict(frozen=True)

    rows: tuple[T, ...]
    total: int
    limit: int
    page: int | None
    next_cursor: str | None = None
    is_cached: bool = False


class FoundItem(BaseModel):
    """A line that a search found, and the request it is of."""

    model_config = ConfigDict(frozen=True)

    item: LineItem
    budget_request_id: int
    request_code: str
    department: Department
    request_status: Status


#: The rows of a page, how many there are in all, and whether more come after these.
Cut = tuple[tuple[Summary, ...], int, bool]


def requests(
    query: ListQuery,
    *,
    by: Actor,
    at: datetime,
    lists: RequestLists,
    cache: ListCache[Cut],
    cursor_secrets: Iterable[str],
) -> Page[Summary]:
    """Return the requests `by` may see that `query` asks for, newest first, with their number.

    One round trip where the page is cached and nothing was committed since, for whoever selects
    the same: a cursor alone is the caller's own. Raises InvalidInputError for a foreign cursor,
    FilterTooBroadError past the row budget.
    """
    caller = f"{by.level}#{by.id}"

    def cursor(rows: Sequence[Summary]) -> str:
        return seal(cursor_secrets, position(rows[-1]), question=query.question, caller=caller)

    after = None
    if query.cursor is not None:
        after = unseal(cursor_secrets, query.cursor, question=query.question, caller=caller)
    selection = select(query, by)
    if selection is None:
        return Page(rows=(), total=0, limit=query.limit, page=None if after else query.page)
    totals = lists.totals(selection.departments)
    is_settled = cache.is_settled(totals)
    question = (selection, after, query.skip, query.limit)
    known = cache.find(question, totals)
    rows, total, goes_on = known or _cut(selection, query, after, lists, totals)
    if is_settled and not known:
        cache.keep(question, totals, (rows, total, goes_on))
    return Page(
        rows=tuple(reservations.as_of(row, at) for row in rows),
        total=total,
        limit=query.limit,
        page=None if after else query.page,
        next_cursor=cursor(rows) if goes_on else None,
        is_cached=known is not None,
    )


def _cut(
    selection: Selection,
    query: ListQuery,
    after: str | None,
    lists: RequestLists,
    totals: Sequence[DepartmentTotals],
) -> Cut:
    if selection.is_counted:
        rows, total, goes_on = _counted(selection, query, after, lists, selection.counted(totals))
    else:
        rows, total, goes_on = _measured(selection, query, after, lists)
    return tuple(rows), total, goes_on


def _counted(
    selection: Selection, query: ListQuery, after: str | None, lists: RequestLists, total: int
) -> tuple[Sequence[Summary], int, bool]:
    """Cut a page where the totals know how many there are: no row beyond the page is read."""
    if after is not None:
        rows = lists.slice(selection, after=after, limit=query.limit + 1)
        return rows[: query.limit], total, len(rows) > query.limit
    size = max(0, min(query.limit, total - query.skip))
    behind = total - query.skip - size
    if size == 0:
        return (), total, False
    if query.skip <= behind:
        rows = lists.slice(selection, skip=query.skip, limit=size)
    else:  # nearer to the oldest: counted from there
        rows = lists.slice(selection, skip=behind, limit=size, newest_first=False)[::-1]
    return rows, total, behind > 0 and bool(rows)


def _measured(
    selection: Selection, query: ListQuery, after: str | None, lists: RequestLists
) -> tuple[Sequence[Summary], int, bool]:
    """Cut a page where the total is only known by reading: the row budget bounds that."""
    rows = lists.all(selection)
    rest = rows if after is None else [row for row in rows if position(row) < after]
    skip = query.skip if after is None else 0
    page = rest[skip : skip + query.limit]
    return page, len(rows), bool(page) and len(rest) > skip + query.limit


def history(request: BudgetRequest, query: PageQuery, *, lists: RequestLists) -> Page[HistoryEntry]:
    """Return a page of a request's history, newest first; a second read for what is archived."""
    archived = request.archived_history
    total = archived + len(request.history)
    end = max(0, total - query.skip)
    start = max(0, end - query.limit)
    carried = request.history[max(0, start - archived) : max(0, end - archived)]
    older: Sequence[HistoryEntry] = ()
    if start < min(end, archived):
        first = start - start % ARCHIVED_AT_ONCE
        chunks = lists.archived_history(request.id, first=first, last=min(end, archived) - 1)
        older = chunks[start - first : min(end, archived) - first]
    rows = (*older, *carried)[::-1]
    return Page(rows=rows, total=total, limit=query.limit, page=query.page)


def notifications(
    request: BudgetRequest, query: PageQuery, *, store: Notifications
) -> Page[Notification]:
    """Return a page of a request's mails, newest first."""
    return _page(store.latest(request.id, MAX_NOTIFICATIONS), query)


def items(
    query: ItemQuery, *, by: Actor, lists: RequestLists, store: RequestStore
) -> Page[FoundItem]:
    """Return the lines of a supplier in what an admin may see, newest request first.

    Raises ForbiddenError; FilterTooBroadError where the supplier has too many requests.
    """
    access.may_search_items(by)
    ids = lists.of_supplier(query.supplier_id)
    known = store.get_many(ids)
    found = [
        FoundItem(
            item=item,
            budget_request_id=request.id,
            request_code=request.request_code,
            department=request.department,
            request_status=request.status,
        )
        for request in (known[number] for number in ids if number in known)
        if by.level is Level.SUPERADMIN or request.department == by.department
        for item in request.item_allocations
        if query.takes(item)
    ]
    return _page(found, query)


#: More mails than any request has: a handful of events, a few addresses each.
MAX_NOTIFICATIONS = 1000


def _page(rows: Sequence[T], query: PageQuery) -> Page[T]:
    cut = tuple(rows[query.skip : query.skip + query.limit])
    return Page(rows=cut, total=len(rows), limit=query.limit, page=query.page)
