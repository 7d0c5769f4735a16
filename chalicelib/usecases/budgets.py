"""What is known of a department's budget, and asking Finance for it.

Fetches of one budget may overlap. Each gets its number before it begins, and what one with a
higher number brought stays: whoever has asked Finance sees figures no older than the asking.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget
from chalicelib.domain.errors import BusyError, FinanceUnavailableError
from chalicelib.domain.syncs import Recording, SyncOutcome
from chalicelib.usecases import reservations
from chalicelib.usecases.ports import BudgetStore, DueRequests, Finance, RequestStore


@dataclass(frozen=True)
class Synced:
    """A budget after Finance was asked for it, as it is kept now; `why` says what went wrong."""

    key: BudgetKey
    outcome: SyncOutcome
    budget: DepartmentBudget | None
    why: str | None = None

    @property
    def is_synced(self) -> bool:
        """Whether the figures are what Finance says now."""
        return self.outcome in {SyncOutcome.UPDATED, SyncOutcome.UNCHANGED}

    @property
    def was_heard(self) -> bool:
        """Whether Finance has answered, if only that it has no such budget."""
        return self.is_synced or self.outcome is SyncOutcome.UNKNOWN


def should_ask(
    key: BudgetKey, known: DepartmentBudget | None, at: datetime, store: BudgetStore
) -> bool:
    """Whether Finance should be asked for what is known of a budget: it is old, or nothing.

    For a while after it failed it is left alone, also where nothing is known.
    """
    if known is None:
        return store.untold(key).may_ask_finance(at)
    return not known.is_fresh(at) and known.may_ask_finance(at)


def current(
    key: BudgetKey,
    *,
    by: Actor,
    at: datetime,
    store: BudgetStore,
    finance: Finance,
    due: DueRequests,
    requests: RequestStore,
) -> DepartmentBudget | None:
    """Return the budget, fetched from Finance when what is kept is old.

    With Finance down the kept figures come back marked stale; None where there are none.
    """
    known = store.get(key)
    if not should_ask(key, known, at, store):
        return known
    return sync(key, by=by, at=at, store=store, finance=finance, due=due, requests=requests).budget


def sync(
    key: BudgetKey,
    *,
    by: Actor,
    at: datetime,
    store: BudgetStore,
    finance: Finance,
    due: DueRequests,
    requests: RequestStore,
) -> Synced:
    """Ask Finance for a budget and keep what it says, with history and audit.

    Where it does not answer, what is kept is marked stale. Before it is told that more is promised
    than there is, holds that have expired give back theirs.
    """

    def sweep() -> None:
        reservations.sweep(key, at, due=due, store=requests)

    try:
        return _fetched(key, by, at, store, finance, sweep=sweep)
    except BusyError as error:
        return Synced(key, SyncOutcome.BUSY, store.get(key), str(error))


def _fetched(
    key: BudgetKey,
    by: Actor,
    at: datetime,
    store: BudgetStore,
    finance: Finance,
    *,
    sweep: Callable[[], None],
) -> Synced:
    fetch = store.begin_fetch(key)
    try:
        figures = finance.fetch(key)
    except FinanceUnavailableError as error:
        store.mark_stale(key, fetch=fetch, at=at, why=str(error))
        return Synced(key, SyncOutcome.UNAVAILABLE, store.get(key), str(error))
    if figures is None:
        why = f"Finance knows no budget for {key}"
        store.mark_stale(key, fetch=fetch, at=at, why=why)
        return Synced(key, SyncOutcome.UNKNOWN, store.get(key), why)
    recording = store.record(key, figures, fetch=fetch, by=by, at=at, may_tell=False)
    if recording is Recording.SHORT:
        sweep()
        store.record(key, figures, fetch=fetch, by=by, at=at)
    kept = store.get(key)
    is_news = kept is None or kept.figures_version != fetch.figures_version
    return Synced(key, SyncOutcome.UPDATED if is_news else SyncOutcome.UNCHANGED, kept)
