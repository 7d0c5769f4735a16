"""Lists from the cache: quicker, and never older than what was committed."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.listing import ListQuery, Summary
from chalicelib.usecases import lists
from chalicelib.usecases.caching import INDEX_SETTLES, ListCache
from chalicelib.usecases.lists import Cut, Page
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    budget,
    created,
)
from tests.fakes import FakeBudgetStore, FakeRequestLists, FakeRequestStore


@dataclass
class House:
    """A store, and a process that lists what is in it."""

    store: FakeRequestStore = field(default_factory=FakeRequestStore)
    at: datetime = AT

    def __post_init__(self) -> None:
        self.lists = FakeRequestLists(self.store)
        self.cache: ListCache[Cut] = ListCache(lambda: self.at)

    def asks(self, by: Actor = ADMIN, **query: Any) -> Page[Summary]:  # noqa: ANN401 - JSON
        return lists.requests(
            ListQuery.model_validate(query),
            by=by,
            at=self.at,
            lists=self.lists,
            cache=self.cache,
            cursor_secrets=("k",),
        )

    def settled(self, by: Actor = ADMIN, **query: Any) -> Page[Summary]:  # noqa: ANN401 - JSON
        """Ask until the page is kept."""
        self.asks(by, **query)
        self.at += INDEX_SETTLES
        return self.asks(by, **query)


@pytest.fixture
def house() -> House:
    made = House()
    for sequence in (1, 2, 3):
        made.store.commit(created(sequence=sequence, at=AT + timedelta(seconds=sequence)))
    return made


def test_a_page_that_was_asked_for_before_comes_from_the_cache_in_one_read(house: House) -> None:
    first = house.settled(limit=2)
    before = house.lists.reads

    again = house.asks(limit=2)

    assert (first.is_cached, again.is_cached) == (False, True)
    assert replace(again, is_cached=False) == first
    assert house.lists.reads == before + 1


def test_what_was_committed_is_shown_at_once(house: House) -> None:
    house.settled()

    house.store.commit(created(sequence=4))

    page = house.asks()
    assert (page.total, page.is_cached) == (4, False)


def test_a_page_read_while_index_rows_may_be_behind_is_not_kept(house: House) -> None:
    house.settled()
    house.store.commit(created(sequence=4))

    assert not house.asks().is_cached
    house.at += INDEX_SETTLES / 2
    assert not house.asks().is_cached
    house.at += INDEX_SETTLES / 2
    assert not house.asks().is_cached  # read now, and kept
    assert house.asks().is_cached


def test_another_departments_commits_leave_a_page_as_it_is(house: House) -> None:
    house.settled()

    house.store.commit(created(by=actor("HR Clerk"), sequence=4, department="hr"))

    assert house.asks().is_cached
    assert not house.asks(SUPERADMIN).is_cached


@pytest.mark.parametrize(
    "other",
    [
        {"limit": 1},
        {"page": 2, "limit": 2},
        {"status": "APPROVED"},
        {"priority": "medium"},
        {"dateFrom": "2026-03-10"},
    ],
)
def test_another_question_gets_an_answer_of_its_own(house: House, other: dict[str, Any]) -> None:
    house.settled()

    assert not house.asks(**other).is_cached


def test_a_filter_that_no_counter_knows_is_cached_as_well(house: House) -> None:
    assert not house.settled(priority="medium").is_cached

    assert house.asks(priority="medium").is_cached


def test_who_selects_the_same_shares_a_page_and_nobody_else(house: House) -> None:
    house.settled(CLERK)

    assert not house.asks(actor("Finance Clerk", id="u-colleague")).is_cached
    assert not house.asks(ADMIN).is_cached
    house.settled(ADMIN)
    colleague = house.asks(actor("Finance Admin", id="u-other"))
    assert (colleague.is_cached, colleague.total) == (True, 3)


def test_a_cursor_out_of_a_shared_page_is_the_callers_own(house: House) -> None:
    house.settled(ADMIN, limit=2)
    other = actor("Finance Admin", id="u-other")

    cursor = house.asks(other, limit=2).next_cursor

    assert len(house.asks(other, limit=2, cursor=cursor).rows) == 1
    with pytest.raises(InvalidInputError):
        house.asks(ADMIN, limit=2, cursor=cursor)


def test_an_owners_list_notices_commits_in_every_department(house: House) -> None:
    house.settled(CLERK)
    moved = actor("HR Clerk", id=CLERK.id)

    house.store.commit(created(by=moved, sequence=4, department="hr"))

    assert house.asks(CLERK).total == 4


def test_a_hold_that_expires_meanwhile_is_shown_expired_from_the_cache() -> None:
    budgets = FakeBudgetStore()
    known = budget()
    budgets.budgets[known.key] = known
    house = House(FakeRequestStore(budgets))
    change = created()
    for step in (
        change,
        submitted := transitions.submit(change.after, CLERK, AT),
        transitions.approve(submitted.after, approval(), ADMIN, LATER),
    ):
        house.store.commit(step)
    house.at = AT + timedelta(days=90)  # a minute before
    house.settled()

    (before,) = house.asks().rows
    house.at += timedelta(minutes=2)
    page = house.asks()

    assert page.is_cached
    (after,) = page.rows
    assert (before.is_reserved, before.is_expired) == (True, False)
    assert (after.is_reserved, after.is_expired) == (False, True)
