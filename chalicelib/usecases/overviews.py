"""Seeing budgets, and having them synced by hand."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import uuid4

from chalicelib.domain import access, syncs
from chalicelib.domain.access import DEPARTMENTS, Actor, Department
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, UntoldBudget
from chalicelib.domain.errors import (
    BudgetUnknownError,
    BusyError,
    DepartmentNotFoundError,
    FinanceUnavailableError,
)
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.overviews import (
    DetailedOverview,
    FiguresSaid,
    Freshness,
    Overview,
    Quarter,
    SyncResult,
)
from chalicelib.domain.syncs import SyncOutcome
from chalicelib.usecases import budgets
from chalicelib.usecases.budgets import Synced
from chalicelib.usecases.ports import (
    AuditQueue,
    BudgetStore,
    DueRequests,
    Finance,
    Receipts,
    RequestStore,
)
from chalicelib.usecases.reservations import counting_expired

#: How many of the figures that Finance gave are shown with a budget.
FIGURES_SHOWN = 10

#: How many fiscal years from today's a budget is fetched by whoever looks at it; others are shown
#: as they are kept, so that looking makes no rows of years in which nobody works.
YEARS_FETCHED = 1

_Given = TypeVar("_Given")
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class Books:
    """Where budgets are kept, who knows better, and which holds have expired without a word."""

    store: BudgetStore
    finance: Finance
    calendar: FiscalCalendar
    requests: RequestStore
    due: DueRequests


@dataclass(frozen=True)
class Seen:
    """Budgets as they were shown; `is_cached` says that not all of them were fetched for it."""

    overviews: tuple[Overview, ...]
    is_cached: bool


def see_all(quarter: Quarter, *, by: Actor, at: datetime, books: Books) -> Seen:
    """Return the budgets that `by` may see; old figures are fetched, all at once."""
    keys = _keys(access.budgets_seen_by(by), quarter, at, books)
    return _seen(keys, by, at, books)


def see(department: str, quarter: Quarter, *, by: Actor, at: datetime, books: Books) -> Seen:
    """Return one department's budget; raises DepartmentNotFoundError, ForbiddenError."""
    known = named(department)
    access.may_see_budget(by, known)
    return _seen(_keys([known], quarter, at, books), by, at, books)


def view(
    department: str, quarter: Quarter, *, by: Actor, at: datetime, books: Books
) -> tuple[DetailedOverview, bool]:
    """Return one department's budget with its figures so far, and whether it was kept (cached).

    Raises DepartmentNotFoundError, ForbiddenError.
    """
    seen = see(department, quarter, by=by, at=at, books=books)
    (overview,) = seen.overviews
    (key,) = _keys([overview.department], quarter, at, books)
    said = books.store.figures_so_far(key, FIGURES_SHOWN)
    history = tuple(FiguresSaid.of(each) for each in said)
    return DetailedOverview(**dict(overview), figures_history=history), seen.is_cached


def freshness(quarter: Quarter, *, by: Actor, at: datetime, books: Books) -> tuple[Freshness, ...]:
    """Return how old the figures are that `by` may have synced; raises ForbiddenError.

    Finance is not asked.
    """
    keys = _keys(access.budgets_synced_by(by), quarter, at, books)
    return tuple(
        Freshness.of(key, _as_of(key, books.store.get(key), at, books), at) for key in keys
    )


def sync_all(
    quarter: Quarter,
    *,
    by: Actor,
    at: datetime,
    books: Books,
    audit: AuditQueue,
    receipts: Receipts,
    receipt: Callable[[tuple[SyncResult, ...]], Receipt] | None = None,
) -> tuple[SyncResult, ...]:
    """Sync each budget that `by` may sync, all at once, and return how each went.

    Raises ForbiddenError; IdempotencyKeyTakenError where the receipt's key has one.
    """
    keys = _keys(access.budgets_synced_by(by), quarter, at, books)
    asked = _at_once(lambda key: _synced(key, by, at, books), keys)
    for found in asked:
        _tell_failure(found, by, at, audit)
    results = tuple(_result(found, at, books) for found in asked)
    if receipt:
        receipts.keep(receipt(results))
    return results


def sync_one(
    department: str,
    quarter: Quarter,
    *,
    by: Actor,
    at: datetime,
    books: Books,
    audit: AuditQueue,
    receipts: Receipts,
    receipt: Callable[[SyncResult], Receipt] | None = None,
) -> SyncResult:
    """Sync one department's budget.

    Its receipt is kept after it, as what it answers is what the store made of it; a sync done
    twice does no harm. Raises DepartmentNotFoundError, ForbiddenError; FinanceUnavailableError,
    with what is kept marked stale; BudgetUnknownError, BusyError; IdempotencyKeyTakenError.
    """
    known = named(department)
    access.may_sync_budget(by, known)
    (key,) = _keys([known], quarter, at, books)
    found = _synced(key, by, at, books)
    _tell_failure(found, by, at, audit)
    match found.outcome:
        case SyncOutcome.UNAVAILABLE:
            raise FinanceUnavailableError(found.why)
        case SyncOutcome.UNKNOWN:
            raise BudgetUnknownError(str(key))
        case SyncOutcome.BUSY:
            raise BusyError
        case SyncOutcome.UPDATED | SyncOutcome.UNCHANGED:
            result = _result(found, at, books)
            if receipt:
                receipts.keep(receipt(result))
            return result


def named(department: str) -> Department:
    """Return the department that a path names; raises DepartmentNotFoundError."""
    for known in DEPARTMENTS:
        if known == department:
            return known
    raise DepartmentNotFoundError


def _keys(
    departments: Sequence[Department], quarter: Quarter, at: datetime, books: Books
) -> list[BudgetKey]:
    meant = quarter.on(at, books.calendar)
    return [BudgetKey.of(each, meant) for each in DEPARTMENTS if each in departments]


def _seen(keys: list[BudgetKey], by: Actor, at: datetime, books: Books) -> Seen:
    known = {key: books.store.get(key) for key in keys}
    today = books.calendar.quarter_of(at)
    old = [
        key
        for key, budget in known.items()
        if abs(key.fiscal_year - today.year) <= YEARS_FETCHED
        and budgets.should_ask(key, budget, at, books.store)
    ]
    asked = _at_once(lambda key: _synced(key, by, at, books), old)
    known |= {found.key: found.budget for found in asked}
    return Seen(
        overviews=tuple(
            Overview.of(key, _as_of(key, budget, at, books), at) for key, budget in known.items()
        ),
        is_cached=sum(found.was_heard for found in asked) < len(keys),
    )


def _synced(key: BudgetKey, by: Actor, at: datetime, books: Books) -> Synced:
    return budgets.sync(
        key,
        by=by,
        at=at,
        store=books.store,
        finance=books.finance,
        due=books.due,
        requests=books.requests,
    )


def _tell_failure(found: Synced, by: Actor, at: datetime, audit: AuditQueue) -> None:
    """Tell Audit of a sync in vain; one that brought figures is told of with them."""
    if not found.is_synced:
        entry_id = f"aud_{uuid4().hex}"
        audit.send(
            syncs.not_synced(found.key, found.outcome, found.why, entry_id=entry_id, by=by, at=at)
        )


def _result(found: Synced, at: datetime, books: Books) -> SyncResult:
    budget = _as_of(found.key, found.budget, at, books)
    return SyncResult.of(found.key, found.outcome, found.why, budget, at)


def _as_of(
    key: BudgetKey, budget: DepartmentBudget | None, at: datetime, books: Books
) -> DepartmentBudget | UntoldBudget:
    """Return a budget as it is at `at`: what has expired is free, swept or not."""
    if budget is None:
        untold = books.store.untold(key)
        return counting_expired(key, untold, at, due=books.due, store=books.requests)
    return counting_expired(key, budget, at, due=books.due, store=books.requests)


def _at_once(act: Callable[[_Given], _Kept], given: Sequence[_Given]) -> list[_Kept]:
    """Return what `act` makes of each, in order; a slow Finance is waited for once, not each time.

    Raises what the first of them raised.
    """
    if len(given) < 2:  # noqa: PLR2004 - one needs no thread
        return [act(each) for each in given]
    with ThreadPoolExecutor(len(given)) as threads:
        return list(threads.map(act, given))
