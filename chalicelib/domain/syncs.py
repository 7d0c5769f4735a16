"""Taking over what Finance says of a budget: in which order, and what is told of it."""

from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum, auto

from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures
from chalicelib.domain.events import (
    AuditAction,
    AuditEntry,
    Event,
    EventType,
    audit_entry,
    plain,
)
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money


class Fetch(Value):
    """A fetch from Finance that is about to begin.

    `number` counts the fetches of a budget in the order in which they began: what a later one
    brought is never replaced by what an earlier one brings late. `figures_version` is what was
    known (0 for nothing) at that moment, `reserved` what Finance had confirmed to have reserved for
    us in all, and `heard` the amounts of all that it had confirmed, reserves and releases alike.
    """

    number: int
    figures_version: int
    reserved: Money
    heard: Money


class Recording(Enum):
    """What became of the figures that a fetch brought.

    OVERTAKEN: a fetch that began later was faster, and its figures stay. SHORT: less is left than
    is held, which is news, and was not to be told yet.
    """

    RECORDED = auto()
    OVERTAKEN = auto()
    SHORT = auto()


class SyncOutcome(StrEnum):
    """How asking Finance for a budget went.

    UNKNOWN: Finance has no such budget. BUSY: others wrote the budget all the while, so that its
    figures are left to the next sync.
    """

    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    UNKNOWN = "UNKNOWN"
    UNAVAILABLE = "UNAVAILABLE"
    BUSY = "BUSY"


class FiguresVersion(Value):
    """What Finance said from `recorded_at` on, until it said something else."""

    version: int
    figures: FinanceFigures
    recorded_at: datetime
    recorded_by: str


def name_of(key: BudgetKey) -> str:
    """Return the id under which partners know a budget of ours, such as `finance-2026-Q1`."""
    return f"{key.department}-{key.fiscal_year}-{key.fiscal_period}"


def synced(
    key: BudgetKey,
    before: DepartmentBudget | None,
    figures: FinanceFigures,
    *,
    fetch: Fetch,
    by: Actor,
    at: datetime,
) -> AuditEntry:
    """Return what Audit is told of figures that were taken over."""
    return audit_entry(
        entry_id=f"aud_{name_of(key)}_{fetch.number}",
        at=at,
        action=AuditAction.SYNC,
        by=by,
        record_id=name_of(key),
        record_code=str(key),
        old=_told(before.figures) if before else None,
        new=_told(figures),
    )


def not_synced(
    key: BudgetKey, outcome: SyncOutcome, why: str | None, *, entry_id: str, by: Actor, at: datetime
) -> AuditEntry:
    """Return what Audit is told of a sync that somebody asked for in vain."""
    return audit_entry(
        entry_id=entry_id,
        at=at,
        action=AuditAction.SYNC,
        by=by,
        record_id=name_of(key),
        record_code=str(key),
        new={"outcome": outcome.value},
        reason=why,
    )


def over_committed(
    key: BudgetKey, *, remaining: Decimal, available: Decimal, sequence: int, at: datetime
) -> Event:
    """Return the event that says that a budget promised more than it has."""
    told = {
        "fiscalYear": key.fiscal_year,
        "fiscalPeriod": key.fiscal_period,
        "remainingAmount": remaining,
        "held": remaining - available,
        "available": available,
        "shortfall": -available,
    }
    return Event(
        id=f"evt_{name_of(key)}_{sequence}",
        type=EventType.OVER_COMMITTED,
        time=at,
        sequence=sequence,
        budget_request_id=None,
        request_code=None,
        department=key.department,
        subject=name_of(key),
        data={name: plain(value) for name, value in told.items()},
    )


def _told(figures: FinanceFigures) -> dict[str, object]:
    return {name: plain(value) for name, value in figures.model_dump().items()}
