"""Reading many: the list of requests, a request's history and mails, lines by supplier."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar

from chalicelib.domain import access, reservations
from chalicelib.domain.access import DEPARTMENTS, Actor, Department, Level
from chalicelib.domain.changes import ARCHIVED_AT_ONCE
from chalicelib.domain.content import MAX_ITEMS
from chalicelib.domain.errors import FilterTooBroadError
from chalicelib.domain.listing import (
    ROW_BUDGET,
    SEARCH_BUDGET,
    ItemQuery,
    ListQuery,
    Place,
    Selection,
    Sifted,
    Summary,
    mark_of,
    position,
    request_at,
    select,
)
from chalicelib.domain.notifications import Notification
from chalicelib.domain.paging import PageQuery, seal, unseal
from chalicelib.domain.requests import BudgetRequest, HistoryEntry, LineItem, Status
from chalicelib.domain.totals import DepartmentTotals
from chalicelib.usecases.caching import ListCache
from chalicelib.usecases.ports import Notifications, RequestLists, RequestStore

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of many; `page` is None where a cursor led here, `total` where nobody knows it."""

    rows: tuple[T, ...]
    total: int | None
    limit: int
    page: int | None
    next_cursor: str | None = None
    is_cached: bool = False


@dataclass(frozen=True)
class FoundItem:
    """A line that a search found, and the request it is of."""

    item: LineItem
    budget_request_id: int
    request_code: str
    department: Department
    request_status: Status


@dataclass(frozen=True)
class Cut:
    """The rows of a page, how many there are in all, and after which position it goes on."""

    rows: tuple[Summary, ...]
    total: int | None
    goes_on_after: str | None


@dataclass(frozen=True)
class _Question:
    """What a page is cut for; two that are equal are answered by one page."""

    selection: Selection
    place: Place | None
    skip: int
    limit: int

    @property
    def after(self) -> str | None:
        """The position it goes on after."""
        return self.place.after if self.place else None


def requests(
    query: ListQuery,
    *,
    by: Actor,
    at: datetime,
    lists: RequestLists,
    cache: ListCache[Cut],
    cursor_secrets: Iterable[str],
    row_budget: int = ROW_BUDGET,
) -> Page[Summary]:
    """Return the requests `by` may see that `query` asks for, newest first, with their number.

    One round trip where the page is cached and nothing was committed since, for whoever selects
    the same: a cursor alone is the caller's own. Raises InvalidInputError for a foreign cursor,
    FilterTooBroadError for a page by number that the row budget does not reach.
    """
    sealed = {"question": query.question, "caller": f"{by.level}#{by.id}"}
    place = None
    if query.cursor is not None:
        place = Place.of(unseal(cursor_secrets, query.cursor, **sealed))
    selection = select(query, by)
    if selection is None:
        return Page(rows=(), total=0, limit=query.limit, page=None if place else query.page)
    totals = lists.totals(selection.departments)
    is_settled = cache.is_settled(totals)
    mark = mark_of(cursor_secrets, totals)
    if place is not None and place.mark != mark:  # counted before the last commit
        place = place.model_copy(update={"total": None, "mark": None})
    question = _Question(selection, place, 0 if place else query.skip, query.limit)
    known = cache.find(question, totals)
    cut = known or _cut(question, lists, totals, row_budget)
    if is_settled and not known:
        cache.keep(question, totals, cut)
    next_cursor = None
    if cut.goes_on_after is not None:
        following = Place(after=cut.goes_on_after)
        if cut.total is None:
            following = Place(after=cut.goes_on_after, is_long=True)
        elif is_settled and not selection.is_counted:  # what may be behind is not handed on
            following = Place(after=cut.goes_on_after, total=cut.total, mark=mark)
        next_cursor = seal(cursor_secrets, following.text, **sealed)
    return Page(
        rows=tuple(reservations.as_of(row, at) for row in cut.rows),
        total=cut.total,
        limit=query.limit,
        page=None if place else query.page,
        next_cursor=next_cursor,
        is_cached=known is not None,
    )


def _cut(
    asked: _Question, lists: RequestLists, totals: Sequence[DepartmentTotals], row_budget: int
) -> Cut:
    selection, place = asked.selection, asked.place
    if selection.is_counted:
        return _counted(asked, lists, selection.counted(totals), row_budget)
    is_long = place.is_long if place else selection.is_longer_than(row_budget, totals)
    return _measured(asked, lists, row_budget, is_long=is_long)


def _counted(asked: _Question, lists: RequestLists, total: int, row_budget: int) -> Cut:
    """Cut a page where the totals know how many there are: no row beyond the page is read."""
    selection, skip = asked.selection, asked.skip
    if asked.after is not None:
        rows = lists.slice(selection, after=asked.after, limit=asked.limit + 1)
        return _page_of(rows, asked.limit, total)
    size = max(0, min(asked.limit, total - skip))
    behind = total - skip - size
    if size == 0:
        return Cut((), total, None)
    if min(skip, behind) + size > row_budget:
        raise FilterTooBroadError
    if skip <= behind:
        rows = lists.slice(selection, skip=skip, limit=size)
    else:  # nearer to the oldest: counted from there
        rows = lists.slice(selection, skip=behind, limit=size, newest_first=False)[::-1]
    return Cut(tuple(rows), total, position(rows[-1]) if behind > 0 and rows else None)


def _measured(asked: _Question, lists: RequestLists, row_budget: int, *, is_long: bool) -> Cut:
    """Cut a page where the total is only known by reading, once for all pages by cursor.

    Where the row budget does not suffice for that, the page is what it suffices for, and the total
    is not known.
    """
    selection, after, skip, limit = asked.selection, asked.after, asked.skip, asked.limit
    total = asked.place.total if asked.place else None
    if total is None and not is_long:
        whole = lists.sift(selection, rows=row_budget)
        if whole.stopped_at is None:
            left = [row for row in whole.found if after is None or position(row) < after]
            return _page_of(left[skip:], limit, len(whole.found))
        if after is None:
            return _reached(whole, skip, limit)
    found = lists.sift(selection, after=after, matches=skip + limit + 1, rows=row_budget)
    return _reached(found, skip, limit, total)


def _reached(sifted: Sifted, skip: int, limit: int, total: int | None = None) -> Cut:
    """Cut a page out of what the row budget sufficed for; what is behind is left to a cursor."""
    if sifted.stopped_at is not None and len(sifted.found) < skip:
        raise FilterTooBroadError
    return _page_of(sifted.found[skip:], limit, total, sifted.stopped_at)


def _page_of(
    rows: Sequence[Summary], limit: int, total: int | None, stopped_at: str | None = None
) -> Cut:
    page = tuple(rows[:limit])
    return Cut(page, total, position(page[-1]) if len(rows) > limit else stopped_at)


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
    query: ItemQuery,
    *,
    by: Actor,
    lists: RequestLists,
    store: RequestStore,
    cursor_secrets: Iterable[str],
    search_budget: int = SEARCH_BUDGET,
) -> Page[FoundItem]:
    """Return the lines of a supplier in what an admin may see, newest request first.

    Where the supplier has more requests than the search budget, a page is what the next ones have,
    and nobody counts all. Raises ForbiddenError; InvalidInputError for a foreign cursor;
    FilterTooBroadError for a page by number that the budget does not reach.
    """
    access.may_search_items(by)
    own = DEPARTMENTS if by.level is Level.SUPERADMIN else [by.department] if by.department else []
    sealed = {"question": query.question, "caller": f"{by.level}#{by.id}"}
    place, after, skip = None, None, query.skip
    if query.cursor is not None:
        place, skip = Place.of(unseal(cursor_secrets, query.cursor, **sealed)), 0
        after = _spot(place.after)

    def rows(first: str | None = None) -> list[str]:
        return lists.of_supplier(query.supplier_id, own, first=first, limit=search_budget + 1)

    found = [] if place and place.is_long else rows()
    is_long = len(found) > search_budget or bool(place and place.is_long)
    if is_long and after:
        found = rows(after[0])
    goes_on = len(found) > search_budget
    lines = _lines(query, found[:search_budget], store)
    total = None
    if not is_long:
        lines = iter(counted := tuple(lines))
        total = len(counted)
    left = (each for each in lines if after is None or each[0] < after)
    page = tuple(islice(left, skip, skip + query.limit + 1))
    if goes_on and skip and not page:
        raise FilterTooBroadError
    last = None
    if len(page) > query.limit:
        last = page[query.limit - 1][0]
    elif goes_on:
        last = (found[search_budget - 1], -MAX_ITEMS)
    return Page(
        rows=tuple(line for _, line in page[: query.limit]),
        total=total,
        limit=query.limit,
        page=None if place else query.page,
        next_cursor=seal(cursor_secrets, _place(last, is_long=is_long).text, **sealed)
        if last
        else None,
    )


#: Where a line stands in a search: where its request does, and how many lines are before it, as a
#: negative number, so that what comes later is less.
Spot = tuple[str, int]


def _spot(text: str) -> Spot:
    at, _, before = text.rpartition("#")
    return at, -int(before)


def _place(spot: Spot, *, is_long: bool) -> Place:
    return Place(after=f"{spot[0]}#{-spot[1]}", is_long=is_long)


def _lines(
    query: ItemQuery, places: Sequence[str], store: RequestStore
) -> Iterator[tuple[Spot, FoundItem]]:
    """Yield the lines asked for of the requests at `places`, reading these when they are needed."""
    for start in range(0, len(places), _READ_AT_ONCE):
        known = store.get_many([request_at(at) for at in places[start : start + _READ_AT_ONCE]])
        for at in places[start : start + _READ_AT_ONCE]:
            if request := known.get(request_at(at)):
                for before, item in enumerate(request.item_allocations):
                    if query.takes(item):
                        yield (at, -before), _found(item, request)


def _found(item: LineItem, request: BudgetRequest) -> FoundItem:
    return FoundItem(
        item=item,
        budget_request_id=request.id,
        request_code=request.request_code,
        department=request.department,
        request_status=request.status,
    )


#: As many requests as one call to the store brings.
_READ_AT_ONCE = 100

#: More mails than any request has: a handful of events, a few addresses each.
MAX_NOTIFICATIONS = 1000


def _page(rows: Sequence[T], query: PageQuery) -> Page[T]:
    cut = tuple(rows[query.skip : query.skip + query.limit])
    return Page(rows=cut, total=len(rows), limit=query.limit, page=query.page)
