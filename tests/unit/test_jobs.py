"""Runs of jobs: one at a time, resumed where cut off, each with its record."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from chalicelib.domain.access import Actor, Level
from chalicelib.domain.errors import (
    ClaimHeldError,
    FinanceUnavailableError,
    ForbiddenError,
    InvalidInputError,
    JobNotFoundError,
)
from chalicelib.domain.events import AuditAction
from chalicelib.domain.jobs import (
    JobName,
    JobOrder,
    JobPayload,
    JobRun,
    RunError,
    RunQuery,
    RunStatus,
    Step,
)
from chalicelib.usecases import jobs
from chalicelib.usecases.jobs import Assignment, Works
from chalicelib.usecases.ports import Lease
from tests.factories import ADMIN, AT, CLERK, SUPERADMIN
from tests.fakes import FakeAuditQueue, FakeJobLeases, FakeJobQueue, FakeJobRuns

JOB = JobName.FINANCE_SYNC
ALL_THE_TIME = 300.0
LEASE = timedelta(seconds=FakeJobLeases.LEASE_SECONDS + 1)


class Killed(BaseException):
    """The function is no more: nothing catches this."""


@dataclass
class Yard:
    """A worker of jobs, whose only job counts three stones, one a step."""

    runs: FakeJobRuns = field(default_factory=FakeJobRuns)
    leases: FakeJobLeases = field(default_factory=FakeJobLeases)
    queue: FakeJobQueue = field(default_factory=FakeJobQueue)
    at: datetime = AT
    seconds_left: float = ALL_THE_TIME
    counted: list[str] = field(default_factory=list)
    fails_at: dict[str, BaseException] = field(default_factory=dict)
    given: list[Assignment] = field(default_factory=list)
    name: JobName = JOB

    def job(self, given: Assignment) -> Generator[Step, None, None]:
        self.given.append(given)
        for stone in "abc":
            if given.checkpoint is None or stone > given.checkpoint:
                if stone in self.fails_at:
                    raise self.fails_at[stone]
                self.counted.append(stone)
                yield Step(counts={"stones": 1}, checkpoint=stone)

    def works(self) -> Works:
        return Works(
            find=self._find,
            runs=self.runs,
            leases=self.leases,
            queue=self.queue,
            now=lambda: self.at,
            seconds_left=lambda: self.seconds_left,
        )

    def run(self, order: JobOrder) -> JobRun:
        return jobs.run(order, self.works())

    def kept(self, order: JobOrder) -> JobRun:
        found = self.runs.get(order)
        assert found
        return found

    def _find(self, name: JobName) -> jobs.Job:
        if name != self.name:
            raise JobNotFoundError
        return self.job


@pytest.fixture
def yard() -> Yard:
    return Yard()


def order(run_id: str = "run_1", *, job: JobName = JOB, **payload: object) -> JobOrder:
    asked = JobPayload.model_validate(payload)
    return JobOrder(job=job, run_id=run_id, queued_at=AT, by="u-1", payload=asked)


def test_a_run_is_done_and_leaves_its_record(yard: Yard) -> None:
    run = yard.run(order(dryRun=True))

    assert yard.counted == ["a", "b", "c"]
    assert run == yard.kept(order())
    assert (run.status, run.counts, run.parts) == (RunStatus.SUCCEEDED, {"stones": 3}, 1)
    assert (run.requested_by, run.started_at, run.ended_at) == ("u-1", AT, AT)
    assert run.payload.dry_run


def test_a_job_is_told_what_was_asked_and_acts_as_the_service(yard: Yard) -> None:
    yard.at += timedelta(minutes=3)
    yard.run(order(department="hr"))

    (given,) = yard.given
    assert (given.payload.department, given.at, given.now()) == ("hr", AT, yard.at)
    assert (given.by.id, given.by.level) == ("system:finance-sync", Level.SYSTEM)


def test_counts_are_kept_as_they_grow(yard: Yard) -> None:
    yard.run(order())

    grown = [(run.status, run.counts.get("stones", 0)) for run in yard.runs.saved]
    running = RunStatus.RUNNING
    assert grown == [(running, 0), (running, 1), (running, 2), (running, 3), ("SUCCEEDED", 3)]


def test_a_message_that_comes_again_finds_the_job_done(yard: Yard) -> None:
    first = yard.run(order())

    assert yard.run(order()) == first
    assert len(yard.counted) == 3


def test_a_second_run_at_the_same_time_is_skipped(yard: Yard) -> None:
    steps = yard.job
    seen: list[JobRun] = []

    def job(given: Assignment) -> Generator[Step, None, None]:
        for step in steps(given):
            if not seen:
                seen.append(yard.run(order("run_2")))
            yield step

    yard.job = job  # type: ignore[method-assign]  # another job
    first = yard.run(order("run_1"))

    assert first.status is RunStatus.SUCCEEDED
    (second,) = seen
    assert (second.status, second.skipped_for) == (RunStatus.SKIPPED, "run_1")
    assert yard.run(order("run_2")) == second  # it stays so, however often its message comes
    assert len(yard.counted) == 3


OTHER_TASKS = [
    order(dryRun=True),
    order(department="hr"),
    order(date=AT.date() - timedelta(days=9)),
]


@pytest.mark.parametrize("other", OTHER_TASKS)
def test_a_run_waits_for_one_that_does_something_else(yard: Yard, other: JobOrder) -> None:
    lease = yard.leases.take(other, AT)
    assert isinstance(lease, Lease)

    for _ in range(2):  # however often its message comes
        with pytest.raises(ClaimHeldError, match="run_1 is at work"):
            yard.run(order("run_2"))
        assert yard.kept(order("run_2")).status is RunStatus.QUEUED
    assert yard.counted == []

    yard.leases.release(lease)
    assert yard.run(order("run_2")).status is RunStatus.SUCCEEDED


def test_who_names_the_day_that_is_meant_asks_for_the_same() -> None:
    counting, syncing = JobName.DAILY_AGGREGATES, JobName.FINANCE_SYNC
    today = AT.date()
    yesterday = today - timedelta(days=1)

    assert order(job=counting).task == order(job=counting, date=yesterday).task
    assert order(job=counting).task != order(job=counting, date=today).task
    assert order(job=syncing).task == order(job=syncing, date=today).task
    assert order(job=syncing).task != order(job=syncing, date=yesterday).task


class Meanwhile(FakeJobRuns):
    """Runs, to which something happens right after a record of them was first read."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__()
        self._happens: list[Callable[[], object]] = [happens]

    def get(self, order: JobOrder) -> JobRun | None:
        found = super().get(order)
        if self._happens:
            self._happens.pop()()
        return found


def test_a_message_that_came_twice_does_not_skip_what_was_done(yard: Yard) -> None:
    def done_by_another_who_is_followed_by_a_third() -> None:
        yard.run(order("run_1"))
        yard.leases.take(order("run_3"), AT)

    yard.runs = Meanwhile(done_by_another_who_is_followed_by_a_third)

    with pytest.raises(ClaimHeldError):
        yard.run(order("run_1"))

    done = yard.kept(order("run_1"))
    assert (done.status, done.counts) == (RunStatus.SUCCEEDED, {"stones": 3})
    assert yard.run(order("run_1")) == done


def test_a_run_that_was_skipped_at_the_last_moment_is_not_begun(yard: Yard) -> None:
    skipped = JobRun.of(order()).skipped(AT, other="run_2")

    class Late(FakeJobRuns):
        def save(self, run: JobRun) -> bool:
            if run.status is RunStatus.RUNNING:
                super().save(skipped)
            return super().save(run)

    yard.runs = Late()

    assert yard.run(order()) == skipped
    assert yard.counted == []
    assert yard.run(order("run_3", dryRun=True)) != skipped  # the lease is free again


def test_what_can_never_be_done_fails_and_does_not_come_back(yard: Yard) -> None:
    never = order(job=JobName.DAILY_AGGREGATES, date=AT.date() + timedelta(days=1))
    yard.name = never.job

    failed = yard.run(never)

    assert failed == yard.kept(never)
    words = "2026-03-11 is yet to come and cannot be counted"
    assert (failed.status, failed.error) == (
        RunStatus.FAILED,
        RunError(code="VALIDATION_ERROR", message=words),
    )
    assert yard.counted == []
    assert yard.run(order("run_2", job=never.job)).status is RunStatus.SUCCEEDED


def test_the_same_message_twice_at_the_same_time_is_one_run(yard: Yard) -> None:
    yard.leases.take(order("run_1"), AT)  # by the other one who got it

    with pytest.raises(ClaimHeldError, match="run_1 is at work"):
        yard.run(order("run_1"))

    assert yard.runs.get(order()) is None


def test_a_run_after_the_other_is_not_skipped(yard: Yard) -> None:
    yard.run(order("run_1"))

    assert yard.run(order("run_2")).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("stone", ["a", "b", "c"])
def test_a_run_that_was_killed_goes_on_where_it_was(yard: Yard, stone: str) -> None:
    yard.fails_at[stone] = Killed()
    with pytest.raises(Killed):
        yard.run(order())
    assert yard.kept(order()).status is RunStatus.RUNNING
    yard.fails_at.clear()

    with pytest.raises(ClaimHeldError):  # it may still live, for all anyone knows
        yard.run(order())
    yard.at += LEASE
    run = yard.run(order())

    assert (run.status, run.counts, run.parts) == (RunStatus.SUCCEEDED, {"stones": 3}, 2)
    assert yard.counted == ["a", "b", "c"]
    assert run.started_at == AT


@pytest.mark.parametrize("stone", ["a", "b", "c"])
def test_a_run_that_failed_says_why_and_goes_on_when_its_message_comes_back(
    yard: Yard, stone: str
) -> None:
    yard.fails_at[stone] = FinanceUnavailableError("Finance did not answer")
    with pytest.raises(FinanceUnavailableError):
        yard.run(order())

    failed = yard.kept(order())
    assert (failed.status, failed.ended_at) == (RunStatus.FAILED, AT)
    words = RunError(code="FINANCE_UNAVAILABLE", message="Finance did not answer")
    assert failed.error == words

    yard.fails_at.clear()
    run = yard.run(order())
    assert (run.status, run.error, run.counts) == (RunStatus.SUCCEEDED, None, {"stones": 3})
    assert yard.counted == ["a", "b", "c"]


def test_what_nobody_foresaw_is_recorded_without_its_words(yard: Yard) -> None:
    yard.fails_at["b"] = KeyError("ada@example.com")
    with pytest.raises(KeyError):
        yard.run(order())

    assert yard.kept(order()).error == RunError(code="INTERNAL_ERROR", message="KeyError")


def test_a_run_that_failed_keeps_nobody_else_waiting(yard: Yard) -> None:
    yard.fails_at["b"] = FinanceUnavailableError("silent")
    with pytest.raises(FinanceUnavailableError):
        yard.run(order("run_1"))
    yard.fails_at.clear()

    assert yard.run(order("run_2")).status is RunStatus.SUCCEEDED


def test_a_run_that_was_begun_waits_for_its_turn(yard: Yard) -> None:
    yard.fails_at["b"] = FinanceUnavailableError("silent")
    with pytest.raises(FinanceUnavailableError):
        yard.run(order("run_1"))
    yard.leases.take(order("run_2"), AT)

    with pytest.raises(ClaimHeldError, match="run_2 is at work"):
        yard.run(order("run_1"))

    assert yard.kept(order("run_1")).status is RunStatus.FAILED


def test_a_run_stops_before_its_time_is_up_and_queues_itself(yard: Yard) -> None:
    yard.seconds_left = jobs.TIME_FOR_A_STEP_SECONDS - 1

    first = yard.run(order())

    assert (first.status, first.counts) == (RunStatus.RUNNING, {"stones": 1})
    assert yard.queue.sent == [order()]
    # Between its parts the job stays its own.
    assert yard.run(order("run_2")).status is RunStatus.SKIPPED

    while yard.run(order()).status is RunStatus.RUNNING:
        pass
    done = yard.kept(order())
    assert (done.status, done.counts, done.parts) == (RunStatus.SUCCEEDED, {"stones": 3}, 4)
    assert yard.counted == ["a", "b", "c"]


def test_a_part_that_took_too_long_leaves_the_record_to_the_next(yard: Yard) -> None:
    steps = yard.job

    def slow(given: Assignment) -> Generator[Step, None, None]:
        for step in steps(given):
            if len(yard.counted) == 2:
                yard.at += LEASE
                yard.job = steps  # type: ignore[method-assign]  # another job
                yard.run(order())
            yield step

    yard.job = slow  # type: ignore[method-assign]  # another job
    with pytest.raises(ClaimHeldError, match="so long"):
        yard.run(order())

    assert yard.kept(order()).status is RunStatus.SUCCEEDED
    assert yard.kept(order()).counts == {"stones": 3}


def test_a_job_nobody_registered_is_an_error(yard: Yard) -> None:
    with pytest.raises(JobNotFoundError):
        yard.run(order(job=JobName.SLA_CHECK))


@dataclass
class Desk:
    """Where people ask for runs."""

    runs: FakeJobRuns = field(default_factory=FakeJobRuns)
    queue: FakeJobQueue = field(default_factory=FakeJobQueue)
    audit: FakeAuditQueue = field(default_factory=FakeAuditQueue)

    def ask(self, name: str = "finance-sync", by: Actor = SUPERADMIN, at: datetime = AT) -> JobRun:
        return jobs.ask(
            name,
            JobPayload(department="hr"),
            by=by,
            at=at,
            known={JOB},
            runs=self.runs,
            queue=self.queue,
            audit=self.audit,
        )

    def page(self, query: RunQuery, name: str = "finance-sync") -> jobs.RunPage:
        return jobs.list_runs(
            name, query, by=SUPERADMIN, known={JOB}, runs=self.runs, cursor_secrets=("k" * 32,)
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_asking_queues_a_run_and_tells_audit(desk: Desk) -> None:
    asked = desk.ask()

    (sent,) = desk.queue.sent
    assert (sent.run_id, sent.queued_at, sent.by) == (asked.run_id, AT, SUPERADMIN.id)
    assert desk.runs.get(sent) == asked == JobRun.of(sent)
    assert asked.status is RunStatus.QUEUED
    (entry,) = desk.audit.sent
    assert (entry.action, entry.record_id) == (AuditAction.JOB_RUN, asked.run_id)
    assert entry.record_code == "finance-sync"
    assert entry.new_values == {"dryRun": False, "department": "hr", "date": None}


def test_a_run_that_began_before_its_record_was_kept_stays_begun(desk: Desk) -> None:
    class Quick(FakeJobQueue):
        def send(self, order: JobOrder) -> None:
            desk.runs.save(JobRun.of(order).begun(AT))
            super().send(order)

    desk.queue = Quick()
    desk.ask()

    found = desk.runs.get(desk.queue.sent[0])
    assert found
    assert found.status is RunStatus.RUNNING


@pytest.mark.parametrize("by", [CLERK, ADMIN])
def test_only_a_superadmin_asks(desk: Desk, by: Actor) -> None:
    with pytest.raises(ForbiddenError):
        desk.ask(by=by)

    assert desk.queue.sent == []


@pytest.mark.parametrize("name", ["sla-check", "FINANCE_SYNC", ""])
def test_what_is_no_job_is_not_found(desk: Desk, name: str) -> None:
    with pytest.raises(JobNotFoundError):
        desk.ask(name)
    with pytest.raises(JobNotFoundError):
        desk.page(RunQuery(), name)


def test_runs_are_paged_newest_first(desk: Desk) -> None:
    asked = [desk.ask(at=AT + timedelta(seconds=n)).run_id for n in range(5)]

    first = desk.page(RunQuery(limit=2))
    second = desk.page(RunQuery(limit=2, cursor=first.next_cursor))
    third = desk.page(RunQuery(limit=2, cursor=second.next_cursor))

    pages = [[run.run_id for run in page.rows] for page in (first, second, third)]
    assert pages == [asked[:2:-1], asked[2:0:-1], asked[:1]]
    assert third.next_cursor is None


def test_a_cursor_is_good_for_its_job_alone(desk: Desk) -> None:
    for second in range(2):
        desk.ask(at=AT + timedelta(seconds=second))
    cursor = desk.page(RunQuery(limit=1)).next_cursor

    with pytest.raises(InvalidInputError):
        jobs.list_runs(
            "sla-check",
            RunQuery(cursor=cursor),
            by=SUPERADMIN,
            known={JobName.SLA_CHECK},
            runs=desk.runs,
            cursor_secrets=("k" * 32,),
        )
