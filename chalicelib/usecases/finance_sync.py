"""The job finance-sync: Finance's figures of each department, for this period and the last."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time

from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import BusyError, FinanceUnavailableError
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.jobs import STALE, SYNCED, UNKNOWN, Step
from chalicelib.usecases import budgets
from chalicelib.usecases.budgets import Synced
from chalicelib.usecases.jobs import Assignment, Job
from chalicelib.usecases.ports import BudgetStore, DueRequests, Finance, RequestStore


def finance_sync(
    *,
    store: BudgetStore,
    finance: Finance,
    calendar: FiscalCalendar,
    due: DueRequests,
    requests: RequestStore,
) -> Job:
    """Return the job; a step is one budget, and a budget that Finance fails on stops no other.

    `date` stands for the day whose period and the one before are meant; a dry run asks Finance
    and keeps nothing.
    """

    def sync(key: BudgetKey, given: Assignment) -> Synced | None:
        with suppress(BusyError):  # the next run has it
            return budgets.sync(
                key,
                by=given.by,
                at=given.now(),
                store=store,
                finance=finance,
                due=due,
                requests=requests,
            )
        return None

    def job(given: Assignment) -> Generator[Step, None, None]:
        for key in _after(_keys(given, calendar), given.checkpoint):
            outcome = _look(key, finance) if given.payload.dry_run else _outcome(sync(key, given))
            yield Step(counts={outcome: 1}, checkpoint=str(key))

    return job


def _keys(given: Assignment, calendar: FiscalCalendar) -> Sequence[BudgetKey]:
    """Return the budgets of a run, always the same in the same order, however often it resumes."""
    asked = given.payload
    day = datetime.combine(asked.date, time(), UTC) if asked.date else given.at
    quarter = calendar.quarter_of(day)
    return [
        BudgetKey(department=department, fiscal_year=each.year, fiscal_period=each.period)
        for department in DEPARTMENTS
        if asked.department in {None, department}
        for each in (quarter, calendar.before(quarter))
    ]


def _after(keys: Sequence[BudgetKey], checkpoint: str | None) -> Iterator[BudgetKey]:
    done = [str(key) for key in keys].index(checkpoint) + 1 if checkpoint else 0
    return iter(keys[done:])


def _outcome(found: Synced | None) -> str:
    if found is None:
        return STALE
    if found.is_synced:
        return SYNCED
    return UNKNOWN if found.budget is None else STALE


def _look(key: BudgetKey, finance: Finance) -> str:
    try:
        return UNKNOWN if finance.fetch(key) is None else SYNCED
    except FinanceUnavailableError:
        return STALE
