"""Departments in figures: what was asked for, decided and held, and what is left of the budget."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self

from pydantic import Field

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.aggregates import Trend
from chalicelib.domain.calculator import Rate
from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.listing import Summary
from chalicelib.domain.metrics import RequestMetrics, requests
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money
from chalicelib.domain.overviews import Overview
from chalicelib.domain.paging import Day
from chalicelib.domain.requests import Status
from chalicelib.domain.totals import Tally

#: A hold that expires within this time is about to.
SOON = timedelta(days=7)

#: Of the holds that are about to expire, so many are shown.
EXPIRING_SHOWN = 10

#: The days of a trend, where nothing else is asked for, and at the most.
USUAL_TREND_DAYS = 30
MAX_TREND_DAYS = 366

_SECONDS_AN_HOUR = 3600


class TrendQuery(Value):
    """Which days are meant, both ends included; the 30 days up to yesterday otherwise (UTC)."""

    first: Day | None = Field(None, alias="from")
    last: Day | None = Field(None, alias="to")
    department: Department | None = None

    def span(self, at: datetime) -> tuple[date, date]:
        """Return the first and the last day; raises InvalidInputError for none or too many."""
        last = self.last or max(at.date() - timedelta(days=1), self.first or date.min)
        first = self.first or date.fromordinal(max(1, last.toordinal() - USUAL_TREND_DAYS + 1))
        if first > last:
            raise InvalidInputError((FieldError("from", "must not be after to"),))
        if (last - first).days >= MAX_TREND_DAYS:
            wrong = f"must be within {MAX_TREND_DAYS} days before to"
            raise InvalidInputError((FieldError("from", wrong),))
        return first, last


class ExpiringHold(Value):
    """A request whose hold is about to expire."""

    id: int
    request_code: str
    department: Department
    purpose: str
    reserved_amount: Money
    reservation_expiry: datetime


class Expiring(Value):
    """The holds that expire within 7 days; `next` are the first of them.

    `isComplete` is false where there are more than anyone counts.
    """

    count: int
    amount: Money
    is_complete: bool
    next: tuple[ExpiringHold, ...]

    @classmethod
    def of(cls, holders: Iterable[Summary], *, is_complete: bool) -> Self:
        """Return what there is to tell of requests whose holds are about to expire."""
        holds = [
            ExpiringHold(
                id=each.id,
                request_code=each.request_code,
                department=each.department,
                purpose=each.purpose,
                reserved_amount=each.reserved_amount,
                reservation_expiry=each.reservation_expiry,
            )
            for each in holders
            if each.reserved_amount is not None and each.reservation_expiry is not None
        ]
        return cls(
            count=len(holds),
            amount=sum((hold.reserved_amount for hold in holds), money.ZERO),
            is_complete=is_complete,
            next=_first(holds),
        )

    @classmethod
    def together(cls, parts: Sequence["Expiring"]) -> Self:
        """Return what departments have together."""
        return cls(
            count=sum(part.count for part in parts),
            amount=sum((part.amount for part in parts), money.ZERO),
            is_complete=all(part.is_complete for part in parts),
            next=_first(hold for part in parts for hold in part.next),
        )


class StatusRequested(Value):
    """How many requests of a status there are, and what they ask for."""

    status: Status
    count: int
    requested: Money


class Figures(Value):
    """Requests in figures, as of now and of all time.

    `byStatus` has what they ask for, `reserved` is what they hold, and `averageWaitingHours` how
    long a decision took from the submit on; null before the first.
    """

    requests: RequestMetrics
    by_status: tuple[StatusRequested, ...]
    reserved: Money
    average_waiting_hours: Rate | None
    expiring_soon: Expiring

    @classmethod
    def of(cls, tally: Tally, *, expired: Decimal, expiring: Expiring) -> Self:
        """Return the figures of a tally; `expired` of what it holds counts no more."""
        return cls(
            requests=requests(tally),
            by_status=tuple(
                StatusRequested(
                    status=status, count=tally.count(status), requested=tally.requested(status)
                )
                for status in Status
            ),
            reserved=tally.reserved - expired,
            average_waiting_hours=_average_hours(tally),
            expiring_soon=expiring,
        )


class DepartmentFigures(Figures):
    """A department's requests in figures, and its budget of the quarter that is meant."""

    department: Department
    budget: Overview


class DepartmentAnalytics(DepartmentFigures):
    """The same, with the requests created in the last 30 days, day by day."""

    trend: Trend


class Dashboard(Value):
    """Departments in figures, and all that are shown together (`totals`).

    `utilizationRate` is used, reserved and held in per cent of what was allocated, of all budgets
    that are known together.
    """

    fiscal_year: int
    fiscal_period: FiscalPeriod
    totals: Figures
    utilization_rate: Rate | None
    departments: tuple[DepartmentFigures, ...]


def utilization(budgets: Iterable[Overview]) -> Decimal | None:
    """Return what budgets have spent together in per cent; None where nothing was allocated."""
    allocated = spent = money.ZERO
    for budget in budgets:
        allocated += budget.allocated_amount or money.ZERO
        parts = (budget.used_amount, budget.reserved_amount, budget.held)
        spent += sum((part for part in parts if part is not None), money.ZERO)
    return money.share(spent, allocated)


def is_soon(holder: Summary, at: datetime) -> bool:
    """Whether what a request holds at `at` expires within the time that counts as soon."""
    expiry = holder.reservation_expiry
    return holder.is_reserved and expiry is not None and at < expiry <= at + SOON


def _first(holds: Iterable[ExpiringHold]) -> tuple[ExpiringHold, ...]:
    by_expiry = sorted(holds, key=lambda hold: (hold.reservation_expiry, hold.id))
    return tuple(by_expiry[:EXPIRING_SHOWN])


def _average_hours(tally: Tally) -> Decimal | None:
    if not tally.decided:
        return None
    return money.quotient(Decimal(tally.waited_seconds), Decimal(tally.decided * _SECONDS_AN_HOUR))
