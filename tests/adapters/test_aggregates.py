"""The contract of the record of days."""

from datetime import date, timedelta

from chalicelib.domain.access import Department
from chalicelib.domain.aggregates import DayAggregate, Sums
from chalicelib.domain.requests import Status
from tests.adapters.conftest import Stores
from tests.factories import AT

TODAY = AT.date()


def of(days_ago: int, count: int = 1, department: Department = "finance") -> DayAggregate:
    return DayAggregate(
        department=department,
        day=TODAY - timedelta(days=days_ago),
        by_status={Status.PENDING: Sums(count=count, requested_cents=5, reserved_cents=7)},
    )


def test_days_come_oldest_first_with_both_ends(stores: Stores) -> None:
    for days_ago in (0, 3, 1, 2):
        stores.aggregates.record(of(days_ago))
    stores.aggregates.record(of(1, department="hr"))

    assert stores.aggregates.between("finance", of(2).day, of(1).day) == [of(2), of(1)]


def test_a_day_that_is_counted_again_replaces_what_was_kept(stores: Stores) -> None:
    stores.aggregates.record(of(1, count=1))
    stores.aggregates.record(of(1, count=2))

    assert stores.aggregates.between("finance", TODAY - timedelta(days=9), TODAY) == [
        of(1, count=2)
    ]


def test_days_that_were_not_counted_are_not_there(stores: Stores) -> None:
    assert stores.aggregates.between("finance", date(2026, 1, 1), TODAY) == []
