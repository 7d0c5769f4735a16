"""The jobs reservation-expiry and sla-check: what time has changed is written down, and told.

Both look through the index of what is due, a page a step, and decide on each request as it is when
it is read itself. What was done leaves the index, so that doing it again finds nothing to do.
"""

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, time, timedelta

from chalicelib.domain import deadlines, reservations
from chalicelib.domain.access import DEPARTMENTS, Actor, Department
from chalicelib.domain.changes import Change
from chalicelib.domain.deadlines import DueKind, DueRequest
from chalicelib.domain.errors import BusyError, ConflictError
from chalicelib.domain.jobs import Step
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.jobs import Assignment, Job
from chalicelib.usecases.ports import DueRequests, RequestStore

#: How much of what is due is looked at in one step.
PAGE = 25

#: What a checkpoint says instead of a position where nothing of a department is left.
ALL_OF_IT = "all"

#: How often a request is decided on anew because somebody else has just changed it.
MAX_DECISIONS = 3

#: What is counted: what was done, and what was left to the next run, for others were at it or the
#: index was late.
EXPIRED, WARNED, OVERDUE, SKIPPED = "expired", "warned", "overdue", "skipped"

#: What is to be done about a request that is due, by what it counts as; None for nothing.
Decision = tuple[str, Change] | None
_Decide = Callable[[BudgetRequest, Actor, datetime], Decision]


def reservation_expiry(*, due: DueRequests, store: RequestStore) -> Job:
    """Return the job that lets holds expire, and tells of those that soon will.

    `date` stands for what was due by the end of that day; a dry run changes nothing.
    """
    return _Job(DueKind.HOLD, (EXPIRED, WARNED), _end_or_warning, due, store)


def sla_check(*, due: DueRequests, store: RequestStore) -> Job:
    """Return the job that marks overdue what waits for review longer than it may.

    `date` stands for what was due by the end of that day; a dry run changes nothing.
    """
    return _Job(DueKind.REVIEW, (OVERDUE,), _overdue, due, store)


def _end_or_warning(request: BudgetRequest, by: Actor, at: datetime) -> Decision:
    if reservations.is_past_expiry(request, at):
        return EXPIRED, reservations.expire(request, by, at)
    warning = reservations.warning_time(request)
    return (WARNED, reservations.warn(request, by, at)) if warning and at >= warning else None


def _overdue(request: BudgetRequest, by: Actor, at: datetime) -> Decision:
    next_look = deadlines.due(request)
    if next_look is None or next_look.kind is not DueKind.REVIEW or at < next_look.at:
        return None
    return OVERDUE, deadlines.mark_overdue(request, by, at)


class _Job:
    """A way through what is due of one kind, department by department, the longest due first."""

    def __init__(
        self,
        kind: DueKind,
        counted: tuple[str, ...],
        decide: _Decide,
        due: DueRequests,
        store: RequestStore,
    ) -> None:
        self._kind = kind
        self._nothing = dict.fromkeys((*counted, SKIPPED), 0)
        self._decide = decide
        self._due = due
        self._store = store

    def __call__(self, given: Assignment) -> Generator[Step, None, None]:
        until = _until(given)
        for department, after in _departments(given):
            for page in self._pages(department, until, after):
                counts = self._nothing | {}
                for outcome in self._done(page, given):
                    counts[outcome] += 1
                position = page[-1].position if _goes_on(page) else ALL_OF_IT
                yield Step(counts=counts, checkpoint=f"{department} {position}")

    def _pages(
        self, department: Department, until: datetime, after: str | None
    ) -> Iterator[list[DueRequest]]:
        """Yield what is due, one page at the least."""
        while True:
            page = self._due.page(department, self._kind, until=until, after=after, limit=PAGE)
            yield page
            if not _goes_on(page):
                return
            after = page[-1].position

    def _done(self, page: list[DueRequest], given: Assignment) -> Iterator[str]:
        ids = [row.summary.id for row in page]
        known = self._store.get_many(ids) if ids else {}
        for request_id in ids:
            yield self._decided(known.get(request_id), given)

    def _decided(self, request: BudgetRequest | None, given: Assignment) -> str:
        for _ in range(MAX_DECISIONS):
            decision = self._decide(request, given.by, given.now()) if request else None
            if request is None or decision is None:
                return SKIPPED
            outcome, change = decision
            if given.payload.dry_run:
                return outcome
            try:
                self._store.commit(change)
            except ConflictError:
                request = self._store.get_many([request.id]).get(request.id)
            except BusyError:
                return SKIPPED
            else:
                return outcome
        return SKIPPED


def _goes_on(page: list[DueRequest]) -> bool:
    return len(page) == PAGE


def _until(given: Assignment) -> datetime:
    """Return until when something must have been due: never later than the run was asked for."""
    if given.payload.date is None:
        return given.at
    day = datetime.combine(given.payload.date, time(), UTC)
    return min(given.at, day + timedelta(days=1) - timedelta(microseconds=1))


def _departments(given: Assignment) -> Iterator[tuple[Department, str | None]]:
    """Yield the departments of a run that are left, each with the position to go on behind."""
    known, _, position = (given.checkpoint or "").partition(" ")
    rest = DEPARTMENTS[[*DEPARTMENTS].index(known) :] if known in DEPARTMENTS else DEPARTMENTS
    for department in rest:
        after = position if department == known else None
        if given.payload.department in {None, department} and after != ALL_OF_IT:
            yield department, after
