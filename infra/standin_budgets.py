"""The department budgets of the Finance stand-in: plausible figures, exact to the cent."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Department = Literal["finance", "hr", "inventory", "operations"]
Period = Literal["Q1", "Q2", "Q3", "Q4"]

_SEED: dict[str, tuple[int, int]] = {  # department: allocated and used, in whole units
    "finance": (500_000, 120_000),
    "hr": (250_000, 90_000),
    "inventory": (800_000, 310_000),
    "operations": (1_200_000, 455_000),
}


class UnknownBudgetError(LookupError):
    """Finance has no budget for that department and period."""


class _CamelModel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class DepartmentBudget(_CamelModel):
    """What Finance says of one department in one quarter."""

    model_config = ConfigDict(extra="forbid")

    department: Department
    fiscal_year: int = Field(ge=2000, le=2100)
    fiscal_period: Period
    allocated_amount: Decimal
    used_amount: Decimal = Decimal(0)
    reserved_amount: Decimal = Decimal(0)

    @property
    def remaining_amount(self) -> Decimal:
        """What is neither spent nor set aside."""
        return self.allocated_amount - self.used_amount - self.reserved_amount

    def figures(self) -> dict[str, Any]:
        """Return the answer Finance gives."""
        start, end = quarter(self.fiscal_year, self.fiscal_period)
        return {
            "id": f"{self.department}-{self.fiscal_year}-{self.fiscal_period}",
            "allocatedAmount": float(self.allocated_amount),
            "usedAmount": float(self.used_amount),
            "reservedAmount": float(self.reserved_amount),
            "remainingAmount": float(self.remaining_amount),
            "periodStart": start.isoformat(),
            "periodEnd": end.isoformat(),
        }


class _Movement(_CamelModel):
    """The body of a reserve or a release."""

    department: Department
    fiscal_year: int
    fiscal_period: Period
    amount: Decimal = Field(gt=0, decimal_places=2)
    budget_request_id: int
    budget_request_code: str = Field(min_length=1)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read the body of a call."""
        return cls.model_validate_json(body)


class DepartmentBudgets:
    """All budgets: the seeded figures for any quarter, until someone sets others."""

    def __init__(self) -> None:
        self._budgets: dict[tuple[str, int, str], DepartmentBudget] = {}

    def find(self, department: str, year: int, period: str) -> DepartmentBudget:
        """Return the budget; the departments are known, the quarters are not limited."""
        key = (department, year, period)
        if key not in self._budgets:
            if department not in _SEED or period not in {"Q1", "Q2", "Q3", "Q4"}:
                raise UnknownBudgetError(f"No budget for {department} {year} {period}.")
            allocated, used = _SEED[department]
            self._budgets[key] = DepartmentBudget.model_validate(
                {
                    "department": department,
                    "fiscal_year": year,
                    "fiscal_period": period,
                    "allocated_amount": allocated,
                    "used_amount": used,
                }
            )
        return self._budgets[key]

    def put(self, budget: DepartmentBudget) -> None:
        """Set a budget's figures."""
        key = (budget.department, budget.fiscal_year, budget.fiscal_period)
        self._budgets[key] = budget

    def move(self, body: bytes, *, sign: int) -> DepartmentBudget:
        """Set money aside (+1) or give it back (-1); Finance takes what it is told."""
        movement = _Movement.parse(body)
        budget = self.find(movement.department, movement.fiscal_year, movement.fiscal_period)
        reserved = budget.reserved_amount + sign * movement.amount
        moved = budget.model_copy(update={"reserved_amount": reserved})
        self.put(moved)
        return moved


def quarter(year: int, period: str) -> tuple[date, date]:
    """Return the first and the last day of a calendar quarter."""
    first_month = {"Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10}[period]
    start = date(year, first_month, 1)
    following = date(year + 1, 1, 1) if period == "Q4" else date(year, first_month + 3, 1)
    return start, following - timedelta(days=1)
