"""Jobs: asked for by the schedule, over HTTP or by hand, run one at a time, resumed where cut off.

A job is a generator over steps. After each step its checkpoint and counts are kept, and its lease
is renewed; a function that dies between two lines has lost the step it was at and no more. Steps
may so be done twice, and doing one twice does no harm: that is each job's own promise.
"""

from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from chalicelib.domain import access
from chalicelib.domain.access import Actor
from chalicelib.domain.errors import ClaimHeldError, InvalidInputError, JobNotFoundError
from chalicelib.domain.events import AuditAction, audit_entry
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.jobs import (
    JobName,
    JobOrder,
    JobPayload,
    JobRun,
    RunQuery,
    RunStatus,
    Step,
)
from chalicelib.domain.paging import seal, unseal
from chalicelib.usecases.ports import AuditQueue, HeldLease, JobLeases, JobQueue, JobRuns, Lease

#: A step is begun only with this much time left: more than the slowest step may take.
TIME_FOR_A_STEP_SECONDS = 60.0


@dataclass(frozen=True)
class Assignment:
    """What a run of a job is given.

    `checkpoint` is that of the last step that was kept, None at the beginning. `at` is when the
    run was asked for, the same however often it is resumed; `now` is the time it is. What the job
    does it does as `by`.
    """

    payload: JobPayload
    checkpoint: str | None
    at: datetime
    now: Callable[[], datetime]
    by: Actor


#: A job: it does a step, yields what it did, and goes on after the checkpoint it is given.
Job = Callable[[Assignment], Generator[Step, None, None]]


@dataclass(frozen=True)
class RunPage:
    """A page of runs, newest first."""

    rows: tuple[JobRun, ...]
    limit: int
    next_cursor: str | None


def ask(
    name: str,
    payload: JobPayload,
    *,
    by: Actor,
    at: datetime,
    known: Collection[JobName],
    runs: JobRuns,
    queue: JobQueue,
    audit: AuditQueue,
    receipt: Callable[[JobRun], Receipt] | None = None,
) -> JobRun:
    """Ask for a run of a job and return its record.

    The record is kept last, with the receipt: whoever gets no answer asks again, and what was
    queued twice does no harm, but what was promised has been queued. Raises ForbiddenError,
    JobNotFoundError; InvalidInputError for what no run can do; IdempotencyKeyTakenError where the
    receipt's key has one.
    """
    access.may_run_jobs(by)
    order = JobOrder(
        job=_named(name, known),
        run_id=f"run_{uuid4().hex}",
        queued_at=at.replace(microsecond=at.microsecond // 1000 * 1000),  # as answers show it
        by=by.id,
        payload=payload,
    )
    order.check()
    asked = JobRun.of(order)
    queue.send(order)
    audit.send(
        audit_entry(
            entry_id=f"aud_{asked.run_id}",
            at=at,
            action=AuditAction.JOB_RUN,
            by=by,
            record_id=asked.run_id,
            record_code=asked.job,
            new=payload.model_dump(mode="json"),
        )
    )
    runs.add(asked, receipt=receipt(asked) if receipt else None)
    return asked


def list_runs(
    name: str,
    query: RunQuery,
    *,
    by: Actor,
    known: Collection[JobName],
    runs: JobRuns,
    cursor_secrets: Iterable[str],
) -> RunPage:
    """Return a page of a job's runs, newest first.

    Raises ForbiddenError, JobNotFoundError; InvalidInputError for a foreign cursor.
    """
    access.may_run_jobs(by)
    job = _named(name, known)
    sealed = {"question": f"runs of {job}", "caller": f"{by.level}#{by.id}"}
    after = unseal(cursor_secrets, query.cursor, **sealed) if query.cursor else None
    found = runs.latest(job, limit=query.limit + 1, after=after)
    rows = tuple(found[: query.limit])
    goes_on = len(found) > query.limit
    return RunPage(
        rows=rows,
        limit=query.limit,
        next_cursor=seal(cursor_secrets, rows[-1].position, **sealed) if goes_on else None,
    )


@dataclass(frozen=True)
class Works:
    """What runs are run with."""

    find: Callable[[JobName], Job]
    runs: JobRuns
    leases: JobLeases
    queue: JobQueue
    now: Callable[[], datetime]
    seconds_left: Callable[[], float]


def run(order: JobOrder, works: Works) -> JobRun:
    """Run a job, or go on with it, and return the record as it then is.

    A run that nobody has begun is SKIPPED while another one is at the same task. One that was
    begun, or is to do something else, waits for its turn: ClaimHeldError, and its message comes
    back. Before its time is up a run keeps where it is and queues itself again. What the job raises
    is recorded (FAILED) and raised, so that the message comes back and the run goes on from its
    last checkpoint; what can never be done is recorded only.
    Raises JobNotFoundError for a job that is not registered.
    """
    job, runs, leases = works.find(order.job), works.runs, works.leases
    known = runs.get(order) or JobRun.of(order)
    if known.has_ended:
        return known  # its message came again
    lease = leases.take(order, works.now())
    if isinstance(lease, HeldLease):
        return _stood_back(known, order, lease, works)
    known = runs.get(order) or known  # who had the lease until now may have gone on
    if not known.has_ended:
        known = _go_on(known.begun(works.now()), order, job, lease, works)
    if known.status is not RunStatus.RUNNING:
        leases.release(lease)
    return known


def _stood_back(known: JobRun, order: JobOrder, held: HeldLease, works: Works) -> JobRun:
    """Leave the job to the run that has its lease, which may do for this one as well."""
    if held.run_id != order.run_id and not known.has_begun:
        if held.task == order.task:
            skipped = known.skipped(works.now(), other=held.run_id)
            if works.runs.save(skipped):
                return skipped
        else:
            works.runs.add(known)  # whoever looks finds it QUEUED
    raise ClaimHeldError(f"{held.run_id} is at work on {order.job}")


def _go_on(current: JobRun, order: JobOrder, job: Job, lease: Lease, works: Works) -> JobRun:
    """Do a part of a run, with the lease, and return its record: succeeded, or queued again."""
    now, runs, leases = works.now, works.runs, works.leases
    given = Assignment(order.payload, current.checkpoint, order.queued_at, now, order.job.actor)
    try:
        if not runs.save(current):
            return runs.get(order) or current  # it was skipped, just now
        order.check()
        with closing(job(given)) as steps:
            for step in steps:
                current = current.advanced(step)
                _keep(current, lease, works)
                if works.seconds_left() < TIME_FOR_A_STEP_SECONDS:
                    leases.hand_over(lease, now())
                    works.queue.send(order)
                    return current
        current = current.succeeded(now())
        runs.save(current)
    except Exception as error:
        if leases.renew(lease, now()):  # otherwise another part of it keeps the record now
            current = current.failed(now(), error)
            runs.save(current)
            leases.release(lease)
        if not isinstance(error, InvalidInputError):
            raise
    return current


def _keep(current: JobRun, lease: Lease, works: Works) -> None:
    if not works.leases.renew(lease, works.now()):
        raise ClaimHeldError(f"A step of {current.run_id} took so long that another run began")
    works.runs.save(current)


def _named(name: str, known: Collection[JobName]) -> JobName:
    for job in known:
        if job == name:
            return job
    raise JobNotFoundError
