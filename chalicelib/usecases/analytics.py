"""Departments in figures, for their admins: dashboard, trends, one department."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.domain import access, aggregates, analytics
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.aggregates import Trend
from chalicelib.domain.analytics import (
    Dashboard,
    DepartmentAnalytics,
    DepartmentFigures,
    Expiring,
    Figures,
    TrendQuery,
)
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.listing import Summary
from chalicelib.domain.money import ZERO
from chalicelib.domain.overviews import Quarter
from chalicelib.domain.totals import DepartmentTotals, Tally
from chalicelib.usecases import overviews
from chalicelib.usecases.overviews import Books
from chalicelib.usecases.ports import Aggregates, RequestLists
from chalicelib.usecases.reservations import expired_in

#: How many index rows are read at once, and how often, to find what expires soon: so many holds of
#: a department in two weeks, and no more are counted.
EXPIRING_AT_ONCE = 100
MAX_EXPIRING_READS = 5


@dataclass(frozen=True)
class Sources:
    """Where figures come from."""

    lists: RequestLists
    aggregates: Aggregates
    books: Books


@dataclass(frozen=True)
class _Known:
    """A department's requests; `expired` of what they hold counts no more."""

    tally: Tally
    expired: Decimal
    expiring: Expiring

    @property
    def figures(self) -> Figures:
        return Figures.of(self.tally, expired=self.expired, expiring=self.expiring)


def dashboard(quarter: Quarter, *, by: Actor, at: datetime, sources: Sources) -> Dashboard:
    """Return the departments that `by` may analyse, with their budgets of a quarter.

    Old budget figures are fetched, all at once. Raises ForbiddenError.
    """
    departments = access.analysed_by(by)
    known = _known(departments, at, sources)
    budgets = overviews.see_all(quarter, by=by, at=at, books=sources.books).overviews
    shown = tuple(
        DepartmentFigures(
            **dict(known[budget.department].figures), department=budget.department, budget=budget
        )
        for budget in budgets
    )
    meant = quarter.on(at, sources.books.calendar)
    together = _Known(
        tally=sum((each.tally for each in known.values()), Tally()),
        expired=sum((each.expired for each in known.values()), ZERO),
        expiring=Expiring.together([each.expiring for each in known.values()]),
    )
    return Dashboard(
        fiscal_year=meant.year,
        fiscal_period=meant.period,
        totals=together.figures,
        utilization_rate=analytics.utilization(budgets),
        departments=shown,
    )


def department(
    name: str, quarter: Quarter, *, by: Actor, at: datetime, sources: Sources
) -> DepartmentAnalytics:
    """Return one department; raises DepartmentNotFoundError, ForbiddenError."""
    named = overviews.named(name)
    access.may_analyse(by, named)
    known = _known((named,), at, sources)[named]
    (budget,) = overviews.see(named, quarter, by=by, at=at, books=sources.books).overviews
    first, last = TrendQuery().span(at)
    days = sources.aggregates.between(named, first, last)
    return DepartmentAnalytics(
        **dict(known.figures),
        department=named,
        budget=budget,
        trend=aggregates.trend(days, (named,), first, last),
    )


def trends(query: TrendQuery, *, by: Actor, at: datetime, aggregated: Aggregates) -> Trend:
    """Return the requests created on each day of a span, as the nightly job counted them.

    Raises ForbiddenError; InvalidInputError for a span that is empty or too long.
    """
    departments = access.analysed_by(by)
    if query.department is not None:
        access.may_analyse(by, query.department)
        departments = (query.department,)
    first, last = query.span(at)
    days = [day for each in departments for day in aggregated.between(each, first, last)]
    return aggregates.trend(days, departments, first, last)


def _known(
    departments: Sequence[Department], at: datetime, sources: Sources
) -> dict[Department, _Known]:
    totals = sources.lists.totals(departments)
    return {each.department: _of(each, at, sources) for each in totals}


def _of(totals: DepartmentTotals, at: datetime, sources: Sources) -> _Known:
    # After the totals were read: what is swept in between counts as held, and never twice as free.
    books = sources.books
    expired = expired_in(totals.department, at, due=books.due, store=books.requests)
    return _Known(
        tally=totals.tally,
        expired=sum((request.reserved_amount or ZERO for request in expired), ZERO),
        expiring=_expiring(totals.department, at, sources),
    )


def _expiring(named: Department, at: datetime, sources: Sources) -> Expiring:
    """Return what expires soon: that is due by then, for its expiry or the warning before it."""
    found: list[Summary] = []
    after = None
    for _ in range(MAX_EXPIRING_READS):
        page = sources.books.due.page(
            named, DueKind.HOLD, until=at + analytics.SOON, after=after, limit=EXPIRING_AT_ONCE
        )
        found += [row.summary for row in page if analytics.is_soon(row.summary, at)]
        if len(page) < EXPIRING_AT_ONCE:
            return Expiring.of(found, is_complete=True)
        after = page[-1].position
    return Expiring.of(found, is_complete=False)
