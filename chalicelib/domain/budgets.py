"""A department's budget for a period: what Finance last said, and what is left to promise."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.fiscal import FiscalPeriod, FiscalQuarter
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money

#: How long Finance's figures are taken as they are before they are asked for again (SPEC.md 10).
FRESH_FOR = timedelta(minutes=15)

#: How long they are where they met something on its way to Finance, which has arrived by then.
IN_DOUBT_FRESH_FOR = timedelta(seconds=60)

#: How long Finance is left alone after it failed to answer, so that calls do not queue behind it.
RETRY_AFTER = timedelta(seconds=60)


class BudgetKey(Value):
    """Which budget: department × fiscal year × period."""

    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod

    @classmethod
    def of(cls, department: Department, quarter: FiscalQuarter) -> Self:
        """Return the key of a department's budget for a quarter."""
        return cls(department=department, fiscal_year=quarter.year, fiscal_period=quarter.period)

    @property
    def quarter(self) -> FiscalQuarter:
        """The quarter that it is for."""
        return FiscalQuarter(year=self.fiscal_year, period=self.fiscal_period)

    def __str__(self) -> str:
        return f"{self.department} {self.quarter}"


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


#: A moment in UTC; Finance's dates begin there, and its times without a zone are there.
UtcMoment = Annotated[datetime, AfterValidator(_in_utc)]


class FinanceFigures(Value):
    """What Finance Main says of a budget."""

    budget_id: str | None
    allocated_amount: Money
    used_amount: Money
    reserved_amount: Money
    remaining_amount: Money
    period_start: UtcMoment | None
    period_end: UtcMoment | None


class DepartmentBudget(Value):
    """Finance's figures as last synced, and our holds that they do not contain yet.

    `available` is what may still be promised: it is stored, because the write that takes from it
    can only compare stored numbers. `doubt` is how much more it may be: what was on its way to
    Finance when the figures were fetched, and is taken for what makes less available. `unconfirmed`
    is what of our holds it has not confirmed, less what it was not told is free. `figures_version`
    counts how often Finance said something different. `failed_at` and `failure` tell of the last
    time it was asked in vain, if that was the last.
    """

    key: BudgetKey
    figures: FinanceFigures
    unconfirmed: Money
    available: Money
    last_synced_at: datetime
    is_stale: bool
    doubt: Money = money.ZERO
    failed_at: datetime | None = None
    failure: str | None = None
    figures_version: int = 1
    over_committed_since: datetime | None = None

    def is_fresh(self, at: datetime) -> bool:
        """Whether the figures may be used at `at` without asking Finance again."""
        fresh_for = IN_DOUBT_FRESH_FOR if self.doubt else FRESH_FOR
        return not self.is_stale and at - self.last_synced_at < fresh_for

    def may_ask_finance(self, at: datetime) -> bool:
        """Whether Finance may be asked at `at`, or failed too short a while ago."""
        return _may_ask(self.failed_at, at)

    def may_turn_out_more(self, at: datetime) -> bool:
        """Whether Finance, asked at `at`, may settle what is in doubt."""
        return self.doubt > 0 and self.may_ask_finance(at)

    def less(self, freed: Decimal) -> Self:
        """Return the budget as it is where so much of what is held is free again."""
        return self.model_copy(
            update={
                "available": self.available + freed,
                "unconfirmed": self.unconfirmed - freed,
            }
        )

    @property
    def held(self) -> Decimal:
        """What our own holds take that Finance's figures do not contain.

        Below zero while Finance still counts a hold that was given back.
        """
        return self.figures.remaining_amount - self.available

    @property
    def spent(self) -> Decimal:
        """What is used, reserved at Finance, or held by us."""
        return self.figures.used_amount + self.figures.reserved_amount + self.held

    @property
    def is_over_committed(self) -> bool:
        """Whether more is promised than there is, for certain."""
        return self.available + self.doubt < 0

    @property
    def utilization(self) -> Decimal | None:
        """What is spent in per cent of what was allocated; None where nothing was."""
        return money.share(self.spent, self.figures.allocated_amount)


class UntoldBudget(Value):
    """A budget of which Finance has told nothing; `unconfirmed` is what overrides hold of it.

    `failed_at` and `failure` tell of the last time that Finance was asked for it.
    """

    unconfirmed: Money = money.ZERO
    failed_at: datetime | None = None
    failure: str | None = None

    def may_ask_finance(self, at: datetime) -> bool:
        """Whether Finance may be asked at `at`, or failed too short a while ago."""
        return _may_ask(self.failed_at, at)

    def less(self, freed: Decimal) -> Self:
        """Return what there is where so much of what is held is free again."""
        return self.model_copy(update={"unconfirmed": self.unconfirmed - freed})


def _may_ask(failed_at: datetime | None, at: datetime) -> bool:
    return failed_at is None or at - failed_at >= RETRY_AFTER


class Hold(Value):
    """Money to be taken from a budget's `available`; an override takes it whatever is there."""

    key: BudgetKey
    amount: Money
    is_override: bool = False


class Terms(Value):
    """What an approval holds in all, and how much of that is buffer."""

    held: Money
    buffer: Money
    buffer_percentage: Money


class Funds(Value):
    """What an approval would do to its budget; amounts are None where no budget is known."""

    reserved_amount: Money
    buffer_amount: Money
    buffer_percentage: Money
    available: Money | None
    available_after: Money | None
    sufficient: bool
    shortfall: Money | None
    budget_known: bool
    is_stale: bool
    last_synced_at: datetime | None

    @classmethod
    def of(cls, terms: Terms, budget: DepartmentBudget | None) -> Self:
        """Return what holding on these terms would do to `budget`."""
        available = budget.available if budget else None
        left = None if available is None else available - terms.held
        return cls(
            reserved_amount=terms.held,
            buffer_amount=terms.buffer,
            buffer_percentage=terms.buffer_percentage,
            available=available,
            available_after=left,
            sufficient=left is not None and left >= 0,
            shortfall=-left if left is not None and left < 0 else None,
            budget_known=budget is not None,
            is_stale=budget.is_stale if budget else True,
            last_synced_at=budget.last_synced_at if budget else None,
        )


class Release(Value):
    """Money given back to a budget's `available`; `hold_event_id` is the approval's event."""

    key: BudgetKey
    amount: Money
    hold_event_id: str


class BudgetPicture(Value):
    """What was known of the budget when a request was created; `budget` is None for nothing."""

    budget: DepartmentBudget | None

    def seen_by(self, amount: Decimal) -> dict[str, Any]:
        """Return the budget fields of a request that asks for `amount`."""
        if self.budget is None:
            return {
                "department_budget_remaining": None,
                "budget_shortfall": None,
                "budget_utilization_before_request": None,
                "requires_budget_approval": True,
                "budget_data_stale": True,
            }
        shortfall = amount - self.budget.available
        return {
            "department_budget_remaining": self.budget.available,
            "budget_shortfall": shortfall if shortfall > 0 else None,
            "budget_utilization_before_request": self.budget.utilization,
            "requires_budget_approval": shortfall > 0,
            "budget_data_stale": self.budget.is_stale,
        }
