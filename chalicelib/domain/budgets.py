"""A department's budget for a period: what Finance last said, and what is left to promise."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money

#: How long Finance's figures are taken as they are before they are asked for again (SPEC.md 10).
FRESH_FOR = timedelta(minutes=15)

#: How long Finance is left alone after it failed to answer, so that calls do not queue behind it.
RETRY_AFTER = timedelta(seconds=60)


class BudgetKey(Value):
    """Which budget: department × fiscal year × period."""

    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod

    def __str__(self) -> str:
        return f"{self.department} {self.fiscal_year} {self.fiscal_period}"


class FinanceFigures(Value):
    """What Finance Main says of a budget."""

    budget_id: str | None
    allocated_amount: Money
    used_amount: Money
    reserved_amount: Money
    remaining_amount: Money
    period_start: datetime | None
    period_end: datetime | None


class DepartmentBudget(Value):
    """Finance's figures as last synced, and our holds that they do not contain yet.

    `available` is what may still be promised: it is stored, because the write that takes from it
    can only compare stored numbers. `confirmations` counts the holds Finance has confirmed; a
    fetch that began before a confirmation must not be applied after it, or that hold would be
    missing from both sides.
    """

    key: BudgetKey
    figures: FinanceFigures
    unconfirmed: Money
    available: Money
    confirmations: int
    last_synced_at: datetime
    is_stale: bool
    failed_at: datetime | None = None

    def is_fresh(self, at: datetime) -> bool:
        """Whether the figures may be used at `at` without asking Finance again."""
        return not self.is_stale and at - self.last_synced_at < FRESH_FOR

    def may_ask_finance(self, at: datetime) -> bool:
        """Whether Finance may be asked at `at`, or failed too short a while ago."""
        return self.failed_at is None or at - self.failed_at >= RETRY_AFTER

    @property
    def utilization(self) -> Decimal | None:
        """Used and reserved in per cent of what was allocated; None where nothing was."""
        allocated = self.figures.allocated_amount
        if allocated <= 0:
            return None
        spent = self.figures.used_amount + self.figures.reserved_amount + self.unconfirmed
        return (spent / allocated * 100).quantize(money.CENT)


class Hold(Value):
    """Money to be taken from a budget's `available`."""

    key: BudgetKey
    amount: Money


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
