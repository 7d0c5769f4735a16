"""What a budget's figures come to: the guide's calculator, in exact decimals, and never a crash.

It reckons with what is promised, not with what Finance has heard of: our own holds count as
reserved, and `available` is what remains. Where a figure has no meaning it is null, and `notes`
say why.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import WithJsonSchema

from chalicelib.domain import money
from chalicelib.domain.budgets import DepartmentBudget
from chalicelib.domain.model import Value

#: Above this share of its allocation, in per cent, a budget is nearing its limit (SPEC.md 4).
NEARING_LIMIT_PERCENT = 80

#: Two decimals; per cent, or money a day.
Rate = Annotated[Decimal, WithJsonSchema({"type": "number", "multipleOf": 0.01})]


class NoteCode(StrEnum):
    """Why a figure is null, or is not what one might take it for."""

    NOTHING_ALLOCATED = "NOTHING_ALLOCATED"
    NEGATIVE_ALLOCATION = "NEGATIVE_ALLOCATION"
    PERIOD_UNKNOWN = "PERIOD_UNKNOWN"
    PERIOD_NOT_BEGUN = "PERIOD_NOT_BEGUN"
    PERIOD_OVER = "PERIOD_OVER"
    NOTHING_USED = "NOTHING_USED"
    NOTHING_LEFT = "NOTHING_LEFT"
    TOO_FAR_AWAY = "TOO_FAR_AWAY"


_MESSAGES = {
    NoteCode.NOTHING_ALLOCATED: "Nothing was allocated, so there is nothing to take a share of",
    NoteCode.NEGATIVE_ALLOCATION: "Less than nothing was allocated, which has no shares",
    NoteCode.PERIOD_UNKNOWN: "Finance does not say when the period begins",
    NoteCode.PERIOD_NOT_BEGUN: "The period has not begun",
    NoteCode.PERIOD_OVER: "The period is over: the burn rate is that of all of it",
    NoteCode.NOTHING_USED: "Nothing was used, so that it lasts",
    NoteCode.NOTHING_LEFT: "Nothing is left",
    NoteCode.TOO_FAR_AWAY: "It lasts longer than there are dates",
}


class Note(Value):
    """Something to know of the figures."""

    code: NoteCode
    message: str

    @classmethod
    def of(cls, code: NoteCode) -> "Note":
        """Return the note with this code."""
        return cls(code=code, message=_MESSAGES[code])


class Calculation(Value):
    """A budget's rates at a moment.

    `utilizationRate` and `availableRate` are per cent of the allocation, `burnRate` is what was
    used a day since the period began, and `projectedDepletion` the day on which nothing would be
    left at that rate.
    """

    utilization_rate: Rate | None
    available_rate: Rate | None
    burn_rate: Rate | None
    projected_depletion: date | None
    is_over_budget: bool
    is_nearing_limit: bool
    notes: tuple[Note, ...]


def calculate(budget: DepartmentBudget, at: datetime) -> Calculation:
    """Return what the figures of `budget` come to at `at`."""
    figures = budget.figures
    allocated = figures.allocated_amount
    notes: list[NoteCode] = []
    if allocated <= 0:
        notes.append(NoteCode.NEGATIVE_ALLOCATION if allocated else NoteCode.NOTHING_ALLOCATED)
    days = _days(figures.period_start, figures.period_end, at, notes)
    return Calculation(
        utilization_rate=budget.utilization,
        available_rate=money.share(budget.available, allocated),
        burn_rate=None if days is None else money.quotient(figures.used_amount, Decimal(days)),
        projected_depletion=_depletion(budget, days, at, notes),
        is_over_budget=budget.is_over_committed,
        is_nearing_limit=budget.spent * 100 > allocated * NEARING_LIMIT_PERCENT,
        notes=tuple(Note.of(code) for code in notes),
    )


def _days(
    start: datetime | None, end: datetime | None, at: datetime, notes: list[NoteCode]
) -> int | None:
    """Return how many whole days of the period have passed, at least one; None where none can."""
    if start is None:
        notes.append(NoteCode.PERIOD_UNKNOWN)
        return None
    if at < start:
        notes.append(NoteCode.PERIOD_NOT_BEGUN)
        return None
    until = at
    if end is not None and end.date() < at.astimezone(UTC).date():
        notes.append(NoteCode.PERIOD_OVER)
        until = end + timedelta(days=1)
    return max(1, (until - start).days)


def _depletion(
    budget: DepartmentBudget, days: int | None, at: datetime, notes: list[NoteCode]
) -> date | None:
    """Return the day on which nothing is left, if it goes on as it has for `days`."""
    left, used = money.to_cents(budget.available), money.to_cents(budget.figures.used_amount)
    if left <= 0:
        notes.append(NoteCode.NOTHING_LEFT)
        return None
    if days is None or NoteCode.PERIOD_OVER in notes:
        return None
    if used <= 0:
        notes.append(NoteCode.NOTHING_USED)
        return None
    today = at.astimezone(UTC).date()
    days_left = left * days // used
    if days_left > (date.max - today).days:
        notes.append(NoteCode.TOO_FAR_AWAY)
        return None
    return today + timedelta(days=days_left)
