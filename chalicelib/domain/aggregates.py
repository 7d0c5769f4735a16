"""Days in figures: what the requests created on each came to, by department and status."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Self

from pydantic import Field

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.listing import Summary
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money
from chalicelib.domain.requests import Status


class Sums(Value):
    """How many requests, what they ask for, and what they hold; in cents, so that they add up."""

    count: int = 0
    requested_cents: int = 0
    reserved_cents: int = 0

    @classmethod
    def of(cls, row: Summary) -> Self:
        """Return what one request adds."""
        held = row.reserved_amount if row.is_reserved else None
        return cls(
            count=1,
            requested_cents=money.to_cents(row.amount_requested),
            reserved_cents=money.to_cents(held or money.ZERO),
        )

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            count=self.count + other.count,
            requested_cents=self.requested_cents + other.requested_cents,
            reserved_cents=self.reserved_cents + other.reserved_cents,
        )


#: Sums by status; what is missing is nothing.
ByStatus = Mapping[Status, Sums]


def added(known: ByStatus, rows: Iterable[Summary]) -> dict[Status, Sums]:
    """Return `known` with what these requests add."""
    found = dict(known)
    for row in rows:
        found[row.status] = found.get(row.status, Sums()) + Sums.of(row)
    return found


class DayAggregate(Value):
    """What the requests that a department created on a day came to when they were counted.

    `is_whole` says that the day had ended by then, so that no more of them could come.
    """

    department: Department
    day: date
    by_status: dict[Status, Sums]
    is_whole: bool = True


class Amounts(Value):
    """How many requests, what they ask for and what they hold."""

    count: int
    requested: Money
    reserved: Money

    @classmethod
    def of(cls, sums: Iterable[Sums]) -> Self:
        """Return what sums come to."""
        total = sum(sums, Sums())
        return cls(
            count=total.count,
            requested=money.from_cents(total.requested_cents),
            reserved=money.from_cents(total.reserved_cents),
        )


class StatusAmounts(Amounts):
    """The same of one status."""

    status: Status


class DepartmentAmounts(Amounts):
    """The same of one department."""

    department: Department


class DayTrend(Amounts):
    """The requests created on one day, as they were when the day was counted, the night after.

    `isComplete` says that it was counted after its end for every department that is shown.
    """

    date: date
    is_complete: bool
    by_status: tuple[StatusAmounts, ...]
    by_department: tuple[DepartmentAmounts, ...]


class Trend(Amounts):
    """The requests created in a span of days, and day by day; both ends are included."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    departments: tuple[Department, ...]
    days: tuple[DayTrend, ...]


def trend(
    known: Iterable[DayAggregate], departments: tuple[Department, ...], first: date, last: date
) -> Trend:
    """Return what is known of the days from `first` to `last`, each of which is there."""
    by_day: dict[date, list[DayAggregate]] = {}
    everything: list[Sums] = []
    for each in known:
        by_day.setdefault(each.day, []).append(each)
        everything += each.by_status.values()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return Trend(
        **dict(Amounts.of(everything)),
        first=first,
        last=last,
        departments=departments,
        days=tuple(_day(day, by_day.get(day, []), departments) for day in days),
    )


def _day(day: date, known: list[DayAggregate], departments: tuple[Department, ...]) -> DayTrend:
    return DayTrend(
        **dict(Amounts.of(sums for each in known for sums in each.by_status.values())),
        date=day,
        is_complete={each.department for each in known if each.is_whole} == set(departments),
        by_status=tuple(
            StatusAmounts(
                **dict(Amounts.of(each.by_status.get(status, Sums()) for each in known)),
                status=status,
            )
            for status in Status
        ),
        by_department=tuple(
            DepartmentAmounts(
                **dict(Amounts.of(each.by_status.values())), department=each.department
            )
            for each in known
        ),
    )
