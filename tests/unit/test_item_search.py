"""The search for lines by supplier: exact where it can be counted, and never a dead end."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain import drafting
from chalicelib.domain.access import Actor
from chalicelib.domain.errors import FilterTooBroadError, InvalidInputError
from chalicelib.domain.listing import ItemQuery
from chalicelib.usecases import lists
from chalicelib.usecases.lists import FoundItem, Page
from tests.factories import ADMIN, AT, CLERK, LATER, SUPERADMIN, created, item_body
from tests.fakes import FakeRequestLists, FakeRequestStore

BUDGET = 5


class Archive:
    """A store that is searched BUDGET requests at a time."""

    def __init__(self) -> None:
        self.store = FakeRequestStore()

    def holds(self, number: int, *, lines: int = 1) -> None:
        """Have as many more requests, each a minute after the one before."""
        known = len(self.store.all())
        for sequence in range(known + 1, known + number + 1):
            at = AT + timedelta(minutes=sequence)
            items = [item_body(supplierId="s-1")] * lines + [item_body(supplierId="s-2")]
            self.store.commit(created(sequence=sequence, at=at, items=items))

    def asks(self, by: Actor = ADMIN, **query: Any) -> Page[FoundItem]:  # noqa: ANN401 - JSON
        return lists.items(
            ItemQuery.model_validate({"supplierId": "s-1"} | query),
            by=by,
            lists=FakeRequestLists(self.store),
            store=self.store,
            cursor_secrets=("k",),
            search_budget=BUDGET,
        )

    def all_by_cursor(self, **query: Any) -> list[Page[FoundItem]]:  # noqa: ANN401 - JSON
        """Return the pages from the first to the last."""
        pages = [self.asks(**query)]
        while cursor := pages[-1].next_cursor:
            pages.append(self.asks(**query, cursor=cursor))
        return pages


@pytest.fixture
def archive() -> Archive:
    return Archive()


def shown(pages: list[Page[FoundItem]]) -> list[tuple[int, int]]:
    return [(row.budget_request_id, row.item.id) for page in pages for row in page.rows]


def all_lines(archive: Archive, lines: int) -> list[tuple[int, int]]:
    newest_first = sorted((request.id for request in archive.store.all()), reverse=True)
    return [(number, line) for number in newest_first for line in range(1, lines + 1)]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("requests", [0, 1, BUDGET, BUDGET + 1, 4 * BUDGET])
def test_the_cursor_leads_to_every_line_once(archive: Archive, requests: int, limit: int) -> None:
    archive.holds(requests, lines=2)

    pages = archive.all_by_cursor(limit=limit)

    assert shown(pages) == all_lines(archive, lines=2)
    assert all(len(page.rows) <= limit for page in pages)
    total = 2 * requests if requests <= BUDGET else None
    assert {page.total for page in pages} == {total}


def test_pages_by_number_are_the_same_ones(archive: Archive) -> None:
    archive.holds(BUDGET, lines=3)

    numbered = [archive.asks(page=number, limit=4) for number in (1, 2, 3, 4)]

    assert shown(numbered) == shown(archive.all_by_cursor(limit=4)) == all_lines(archive, lines=3)
    assert archive.asks(page=5, limit=4).rows == ()


def test_a_page_by_number_behind_the_budget_says_to_go_on_by_cursor(archive: Archive) -> None:
    archive.holds(BUDGET + 1)

    assert len(archive.asks(page=3, limit=2).rows) == 1
    with pytest.raises(FilterTooBroadError) as refused:
        archive.asks(page=4, limit=2)

    (wrong,) = refused.value.errors
    assert wrong.field == "page"
    assert "nextCursor" in wrong.message


def test_a_search_that_grows_too_long_to_count_goes_on_where_it_was(archive: Archive) -> None:
    archive.holds(BUDGET)
    first = archive.asks(limit=3)
    before = all_lines(archive, lines=1)

    archive.holds(2 * BUDGET)
    rest = [archive.asks(limit=3, cursor=first.next_cursor)]
    while rest[-1].next_cursor:
        rest.append(archive.asks(limit=3, cursor=rest[-1].next_cursor))

    assert shown([first, *rest]) == before


def test_a_line_that_was_removed_is_not_found(archive: Archive) -> None:
    archive.holds(2)
    newest, _ = sorted(archive.store.all(), key=lambda request: -request.id)
    archive.store.commit(drafting.remove_item(newest, 1, CLERK, LATER))

    page = archive.asks()

    assert page.total == 1
    assert newest.id not in {row.budget_request_id for row in page.rows}


def test_a_cursor_is_good_for_one_search_of_one_caller(archive: Archive) -> None:
    archive.holds(2)
    cursor = archive.asks(limit=1).next_cursor

    for by, changed in ((SUPERADMIN, {}), (ADMIN, {"isEssential": "true"})):
        with pytest.raises(InvalidInputError, match="Validation"):
            archive.asks(by, limit=1, cursor=cursor, **changed)
    with pytest.raises(InvalidInputError, match="Validation"):
        archive.asks(limit=1, cursor=f"{cursor}A")
