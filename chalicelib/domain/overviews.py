"""Budgets as people see them: figures, our holds, what they come to, and how old all of it is."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, UntoldBudget
from chalicelib.domain.calculator import Calculation, calculate
from chalicelib.domain.content import whole_number
from chalicelib.domain.fiscal import FiscalCalendar, FiscalPeriod, FiscalQuarter, FiscalYear
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money
from chalicelib.domain.paging import whole_text
from chalicelib.domain.syncs import FiguresVersion, SyncOutcome


class Quarter(Value):
    """Which quarter is meant; what is left out is that of today."""

    fiscal_year: FiscalYear | None = None
    fiscal_period: FiscalPeriod | None = None

    def on(self, at: datetime, calendar: FiscalCalendar) -> FiscalQuarter:
        """Return the quarter that is meant at `at`."""
        today = calendar.quarter_of(at)
        return FiscalQuarter(
            year=self.fiscal_year or today.year, period=self.fiscal_period or today.period
        )


class QuarterQuery(Quarter):
    """The same as a query."""

    fiscal_year: Annotated[FiscalYear, BeforeValidator(whole_text)] | None = None


class SyncOrder(Quarter):
    """The body of a sync by hand."""

    fiscal_year: Annotated[FiscalYear, Field(strict=True), BeforeValidator(whole_number)] | None = (
        None
    )


class Freshness(Value):
    """How old a budget's figures are; `failure` is why Finance was asked in vain after that.

    Stale are figures older than a quarter of an hour, or than a minute where they are in doubt, and
    those that Finance could not confirm.
    """

    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod
    is_known: bool = False
    is_stale: bool = True
    last_synced_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str | None = None
    figures_version: int | None = None
    over_committed: bool = False

    @classmethod
    def of(cls, key: BudgetKey, budget: DepartmentBudget | UntoldBudget, at: datetime) -> Self:
        """Return how old what is known of a budget is at `at`."""
        if isinstance(budget, UntoldBudget):
            return cls(**dict(key), failed_at=budget.failed_at, failure=budget.failure)
        return cls(
            **dict(key),
            is_known=True,
            is_stale=not budget.is_fresh(at),
            last_synced_at=budget.last_synced_at,
            failed_at=budget.failed_at,
            failure=budget.failure,
            figures_version=budget.figures_version,
            over_committed=budget.is_over_committed,
        )


class Overview(Value):
    """A department's budget; amounts are null where Finance has told us nothing (`isKnown`).

    `allocatedAmount` to `remainingAmount` are Finance's, as of `lastSyncedAt`. `held` is what our
    own holds take that these do not contain (below zero while they contain one that is free
    again), and `available` what may still be promised: `remainingAmount` less `held`. `unconfirmed`
    is what Finance has not confirmed of them, less what it has not been told is free. `doubt` is
    how much more may be available, depending on what Finance had heard when it was asked. Where
    nothing is known, `held` and `unconfirmed` are what overrides hold.
    """

    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod
    is_known: bool = False
    allocated_amount: Money | None = None
    used_amount: Money | None = None
    reserved_amount: Money | None = None
    remaining_amount: Money | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    held: Money | None = None
    unconfirmed: Money | None = None
    available: Money | None = None
    doubt: Money | None = None
    over_committed: bool = False
    over_committed_since: datetime | None = None
    is_stale: bool = True
    last_synced_at: datetime | None = None
    calculator: Calculation | None = None

    @classmethod
    def of(cls, key: BudgetKey, budget: DepartmentBudget | UntoldBudget, at: datetime) -> Self:
        """Return what there is to see of a budget at `at`."""
        if isinstance(budget, UntoldBudget):
            held = budget.unconfirmed
            return cls(**dict(key), held=held, unconfirmed=held)
        figures = budget.figures
        return cls(
            **dict(key),
            is_known=True,
            allocated_amount=figures.allocated_amount,
            used_amount=figures.used_amount,
            reserved_amount=figures.reserved_amount,
            remaining_amount=figures.remaining_amount,
            period_start=figures.period_start,
            period_end=figures.period_end,
            held=budget.held,
            unconfirmed=budget.unconfirmed,
            available=budget.available,
            doubt=budget.doubt,
            over_committed=budget.is_over_committed,
            over_committed_since=budget.over_committed_since if budget.is_over_committed else None,
            is_stale=not budget.is_fresh(at),
            last_synced_at=budget.last_synced_at,
            calculator=calculate(budget, at),
        )


class FiguresSaid(Value):
    """What Finance said of a budget from `recordedAt` on; `version` counts what it said so far."""

    version: int
    recorded_at: datetime
    allocated_amount: Money
    used_amount: Money
    reserved_amount: Money
    remaining_amount: Money
    period_start: datetime | None
    period_end: datetime | None

    @classmethod
    def of(cls, said: FiguresVersion) -> Self:
        """Return what is shown of it."""
        shown = said.figures.model_dump(exclude={"budget_id"}, by_alias=False)
        return cls(version=said.version, recorded_at=said.recorded_at, **shown)


class DetailedOverview(Overview):
    """A department's budget, and what Finance said of it until now, newest first.

    Its last 10 figures, the present ones first; Finance saying the same again adds none.
    """

    figures_history: tuple[FiguresSaid, ...]


class SyncResult(Value):
    """How the sync of a budget went, and the budget after it.

    `outcome` says whether Finance said something new (UPDATED, UNCHANGED), knows no such budget
    (UNKNOWN), did not answer (UNAVAILABLE), or was overtaken by our own writes (BUSY); `message`
    says why it failed.
    """

    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod
    outcome: SyncOutcome
    message: str | None
    budget: Overview

    @classmethod
    def of(
        cls,
        key: BudgetKey,
        outcome: SyncOutcome,
        message: str | None,
        budget: DepartmentBudget | UntoldBudget,
        at: datetime,
    ) -> Self:
        """Return how the sync of a budget at `at` went."""
        return cls(
            **dict(key), outcome=outcome, message=message, budget=Overview.of(key, budget, at)
        )
