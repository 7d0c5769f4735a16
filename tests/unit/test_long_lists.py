"""Lists that no counter knows: exact where they can be counted, and never a dead end."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.access import Actor
from chalicelib.domain.errors import FilterTooBroadError
from chalicelib.domain.listing import ListQuery, Summary
from chalicelib.usecases import lists
from chalicelib.usecases.caching import ListCache
from chalicelib.usecases.lists import Page
from tests.factories import ADMIN, AT, CLERK, SUPERADMIN, actor, created
from tests.fakes import FakeRequestLists, FakeRequestStore

BUDGET = 10
#: When the index has long followed what was committed.
SETTLED = AT + timedelta(days=1)


@dataclass
class House:
    """A store whose lists look at BUDGET rows a call, and a process that remembers no page."""

    store: FakeRequestStore = field(default_factory=FakeRequestStore)
    at: datetime = SETTLED
    looked_at: int = 0

    def holds(self, number: int, **fields: Any) -> None:  # noqa: ANN401 - JSON
        """Have as many more requests, each a minute after the one before."""
        known = len(self.store.all())
        for sequence in range(known + 1, known + number + 1):
            at = AT + timedelta(minutes=sequence)
            self.store.commit(created(sequence=sequence, at=at, **fields))

    def asks(self, by: Actor = CLERK, **query: Any) -> Page[Summary]:  # noqa: ANN401 - JSON
        rows = FakeRequestLists(self.store)
        page = lists.requests(
            ListQuery.model_validate(query),
            by=by,
            at=self.at,
            lists=rows,
            cache=ListCache(lambda: self.at),
            cursor_secrets=("k",),
            row_budget=BUDGET,
        )
        self.looked_at = rows.rows
        return page

    def all_by_cursor(self, by: Actor = CLERK, **query: Any) -> list[Page[Summary]]:  # noqa: ANN401 - JSON
        """Return the pages from the first to the last."""
        pages = [self.asks(by, **query)]
        while cursor := pages[-1].next_cursor:
            pages.append(self.asks(by, **query, cursor=cursor))
        return pages


@pytest.fixture
def house() -> House:
    return House()


def numbers(*pages: Page[Summary]) -> list[int]:
    return [row.id % 1000 for page in pages for row in page.rows]


def test_an_owners_list_is_counted_once_and_each_page_by_cursor_reads_its_own_rows(
    house: House,
) -> None:
    house.holds(BUDGET)

    first = house.asks(limit=2)
    assert (first.total, house.looked_at) == (BUDGET, BUDGET)
    second = house.asks(limit=2, cursor=first.next_cursor)

    assert (second.total, numbers(second)) == (BUDGET, [8, 7])
    assert house.looked_at == 3  # whether there are more


def test_what_was_committed_meanwhile_is_counted_by_the_next_page(house: House) -> None:
    house.holds(6)
    first = house.asks(limit=2)
    house.holds(1)

    second = house.asks(limit=2, cursor=first.next_cursor)

    assert (second.total, numbers(second)) == (7, [4, 3])


def test_a_count_that_the_index_may_have_been_behind_for_is_not_handed_on(house: House) -> None:
    house.holds(6)
    house.at = AT + timedelta(minutes=6)  # at which the last was committed

    first = house.asks(limit=2)
    house.asks(limit=2, cursor=first.next_cursor)

    assert house.looked_at == 6


@pytest.mark.parametrize("query", [{}, {"dateFrom": "2026-03-10"}, {"fiscalYear": "2026"}])
def test_a_list_that_is_too_long_to_count_is_told_whole_by_cursor_and_without_a_total(
    house: House, query: dict[str, Any]
) -> None:
    house.holds(25)

    pages = house.all_by_cursor(**query, limit=4)

    assert numbers(*pages) == [*range(25, 0, -1)]
    assert {page.total for page in pages} == {None}


def test_what_stands_far_behind_is_reached_through_pages_that_may_be_empty(house: House) -> None:
    house.holds(1, priority="urgent")
    house.holds(22, priority="low")
    house.holds(2, priority="urgent")

    pages = house.all_by_cursor(ADMIN, priority="urgent", limit=5)

    assert [numbers(page) for page in pages] == [[25, 24], [], [1]]
    assert {page.total for page in pages} == {None}
    assert house.looked_at == 5


def test_no_page_looks_at_more_rows_than_the_budget(house: House) -> None:
    house.holds(35, priority="low")

    first = house.asks(ADMIN, priority="urgent")
    assert (first.rows, house.looked_at) == ((), BUDGET)
    house.asks(ADMIN, priority="urgent", cursor=first.next_cursor)
    assert house.looked_at == BUDGET


def test_a_department_that_is_known_to_be_too_long_is_not_counted_in_vain(house: House) -> None:
    house.holds(35)

    page = house.asks(ADMIN, priority="medium", limit=2)

    assert (page.total, house.looked_at) == (None, 3)


def test_a_list_that_grew_too_long_between_two_pages_goes_on(house: House) -> None:
    house.holds(BUDGET)
    first = house.asks(limit=8)
    house.holds(5)

    second = house.asks(limit=8, cursor=first.next_cursor)

    assert (second.total, numbers(second), second.next_cursor) == (None, [2, 1], None)


@pytest.mark.parametrize(("by", "query"), [(CLERK, {}), (ADMIN, {"priority": "medium"})])
def test_a_page_by_number_is_given_as_far_as_the_budget_reaches(
    house: House, by: Actor, query: dict[str, str]
) -> None:
    house.holds(25)

    reached = house.asks(by, **query, page=3, limit=4)

    assert numbers(reached) == [17, 16]
    following = house.asks(by, **query, limit=4, cursor=reached.next_cursor)
    assert numbers(following) == [15, 14, 13, 12]
    with pytest.raises(FilterTooBroadError) as refused:
        house.asks(by, **query, page=4, limit=4)
    (error,) = refused.value.errors
    assert error.field == "page"
    assert "nextCursor" in error.message


def test_a_page_in_the_middle_of_a_counted_list_is_left_to_a_cursor(house: House) -> None:
    house.holds(35)

    assert numbers(house.asks(ADMIN, page=5, limit=2)) == [27, 26]
    assert numbers(house.asks(ADMIN, page=17, limit=2)) == [3, 2]
    with pytest.raises(FilterTooBroadError):
        house.asks(ADMIN, page=9, limit=2)
    pages = house.all_by_cursor(ADMIN, limit=10)
    assert (numbers(*pages), pages[-1].total) == ([*range(35, 0, -1)], 35)


def test_a_total_is_exact_up_to_the_last_row_of_the_budget(house: House) -> None:
    house.holds(BUDGET)
    assert house.asks().total == BUDGET
    house.holds(1)
    assert house.asks().total is None


def test_all_departments_are_gone_through_in_the_order_of_time(house: House) -> None:
    house.holds(5)
    house.store.commit(
        created(by=actor("HR Clerk"), sequence=50, at=AT + timedelta(seconds=90), department="hr")
    )

    pages = house.all_by_cursor(SUPERADMIN, category="capital", limit=2)

    assert numbers(*pages) == []
    assert numbers(*house.all_by_cursor(SUPERADMIN, priority="medium", limit=2)) == [
        5, 4, 3, 2, 50, 1,
    ]  # fmt: skip
