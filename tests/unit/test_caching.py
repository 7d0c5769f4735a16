"""Caches: bounded, for a while, and never what is no longer true."""

from datetime import datetime, timedelta

import pytest

from chalicelib.domain.access import Department
from chalicelib.domain.metrics import Hits
from chalicelib.domain.totals import DepartmentTotals, Tally
from chalicelib.usecases.caching import (
    CACHED_FOR,
    INDEX_SETTLES,
    LONG_AGO,
    MAX_CACHED_PAGES,
    Cache,
    ListCache,
)
from chalicelib.usecases.hit_meter import KEEP_HITS_EVERY, HitMeter
from tests.factories import AT
from tests.fakes import FakeHitCounts

MOMENT = timedelta(seconds=1)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = AT

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def totals(
    generation: int = 1, *, changed_at: datetime | None = AT, department: Department = "finance"
) -> DepartmentTotals:
    return DepartmentTotals(
        department=department, tally=Tally(), generation=generation, changed_at=changed_at
    )


def test_what_is_kept_is_found_for_five_minutes(clock: Clock) -> None:
    cache: Cache[str] = Cache(2, clock)
    cache.keep("a", "v1", "value")

    clock.time += timedelta(minutes=5) - MOMENT
    assert cache.find("a", "v1") == "value"
    clock.time += MOMENT
    assert cache.find("a", "v1") is None
    assert timedelta(minutes=5) == CACHED_FOR


def test_what_was_computed_from_something_else_is_not_found(clock: Clock) -> None:
    cache: Cache[str] = Cache(2, clock)
    cache.keep("a", "v1", "value")

    assert cache.find("a", "v2") is None
    assert cache.find("b", "v1") is None


def test_what_was_not_used_the_longest_goes_first(clock: Clock) -> None:
    cache: Cache[str] = Cache(2, clock)
    cache.keep("a", "v", "1")
    cache.keep("b", "v", "2")
    cache.find("a", "v")

    cache.keep("c", "v", "3")

    assert [cache.find(key, "v") for key in "abc"] == ["1", None, "3"]


def test_what_is_kept_again_takes_no_more_room(clock: Clock) -> None:
    cache: Cache[str] = Cache(2, clock)
    cache.keep("a", "v", "1")
    cache.keep("b", "v", "2")

    cache.keep("b", "w", "3")

    assert (cache.find("a", "v"), cache.find("b", "w")) == ("1", "3")


def test_a_page_is_found_while_nothing_is_committed_in_any_of_its_departments(
    clock: Clock,
) -> None:
    cache: ListCache[str] = ListCache(clock)
    cache.keep("q", [totals(3), totals(7, department="hr")], "page")

    assert cache.find("q", [totals(3), totals(7, department="hr")]) == "page"
    assert cache.find("q", [totals(4), totals(7, department="hr")]) is None
    assert cache.find("q", [totals(3), totals(8, department="hr")]) is None


def test_no_more_pages_are_kept_than_there_is_room_for(clock: Clock) -> None:
    cache: ListCache[int] = ListCache(clock)
    for number in range(MAX_CACHED_PAGES + 1):
        cache.keep(number, [totals()], number)

    assert cache.find(0, [totals()]) is None
    assert cache.find(MAX_CACHED_PAGES, [totals()]) == MAX_CACHED_PAGES


def test_index_rows_have_followed_some_time_after_a_generation_was_first_seen(
    clock: Clock,
) -> None:
    cache: ListCache[str] = ListCache(clock)

    assert not cache.is_settled([totals(1)])
    clock.time += INDEX_SETTLES - MOMENT
    assert not cache.is_settled([totals(1)])
    clock.time += MOMENT
    assert cache.is_settled([totals(1)])
    assert not cache.is_settled([totals(2)])


def test_every_department_of_a_list_must_have_settled(clock: Clock) -> None:
    cache: ListCache[str] = ListCache(clock)
    cache.is_settled([totals(1)])
    clock.time += INDEX_SETTLES

    assert not cache.is_settled([totals(1), totals(1, department="hr")])
    clock.time += INDEX_SETTLES
    assert cache.is_settled([totals(1), totals(1, department="hr")])


@pytest.mark.parametrize("wrong_by", [timedelta(seconds=-30), timedelta(hours=3)])
def test_the_clocks_of_other_processes_are_not_relied_on(clock: Clock, wrong_by: timedelta) -> None:
    cache: ListCache[str] = ListCache(clock)

    assert not cache.is_settled([totals(1, changed_at=clock.time + wrong_by)])


def test_what_was_written_long_ago_has_settled_at_first_sight(clock: Clock) -> None:
    cache: ListCache[str] = ListCache(clock)

    assert cache.is_settled([totals(1, changed_at=clock.time - LONG_AGO)])


def test_a_department_without_requests_has_settled(clock: Clock) -> None:
    cache: ListCache[str] = ListCache(clock)

    assert cache.is_settled([totals(0, changed_at=None)])


def test_hits_are_counted_and_kept_once_a_minute_by_day(clock: Clock) -> None:
    counts = FakeHitCounts()
    meter = HitMeter(counts, clock)
    meter.count(is_hit=False)
    meter.count(is_hit=True)
    assert counts.kept == {}

    clock.time += KEEP_HITS_EVERY
    meter.count(is_hit=True)
    meter.count(is_hit=True)

    assert counts.kept == {AT.date(): Hits(hits=2, misses=1)}
    meter.keep()
    assert counts.of([AT.date()]) == Hits(hits=3, misses=1)


def test_where_nothing_was_asked_nothing_is_kept(clock: Clock) -> None:
    counts = FakeHitCounts()

    HitMeter(counts, clock).keep()

    assert counts.kept == {}


def test_counts_that_could_not_be_kept_are_kept_a_minute_later(clock: Clock) -> None:
    counts = FakeHitCounts()
    counts.is_down = True
    meter = HitMeter(counts, clock)
    clock.time += KEEP_HITS_EVERY
    with pytest.raises(OSError, match="out of reach"):
        meter.count(is_hit=True)
    meter.count(is_hit=True)  # not again at once

    counts.is_down = False
    clock.time += KEEP_HITS_EVERY
    meter.count(is_hit=False)

    assert counts.kept == {AT.date(): Hits(hits=2, misses=1)}
