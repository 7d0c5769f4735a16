"""What holds for every job, on the real store code: done twice or in pieces, the result is one.

A new job registers in chalicelib/bootstrap.py and gets its case in CASES below.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.job_store import LEASE_SECONDS
from chalicelib.domain import transitions
from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.jobs import JobName, JobOrder, JobPayload, JobRun, RunStatus, Step
from chalicelib.domain.requests import request_id
from chalicelib.usecases import jobs
from chalicelib.usecases.jobs import Assignment, Job, Works
from tests import stored
from tests.conftest import TABLES, Aws
from tests.factories import AT, SUPERADMIN, actor, approval, created
from tests.partner import Partner

#: More steps than any case takes.
MANY = 100


@dataclass(frozen=True)
class Case:
    """What there is to do for a job, and what counts as its result."""

    #: Has at least three steps' worth of work waiting, at AT.
    arrange: Callable[[], object]
    #: What it brings about, without what may differ between two ways there (the times, say).
    result: Callable[[Aws], object]


def _figures(_: Aws) -> object:
    calendar = bootstrap.calendar()
    quarters = (calendar.quarter_of(AT), calendar.before(calendar.quarter_of(AT)))
    keys = [
        BudgetKey(department=each, fiscal_year=quarter.year, fiscal_period=quarter.period)
        for each in DEPARTMENTS
        for quarter in quarters
    ]
    known = [bootstrap.budgets().get(key) for key in keys]
    return [budget and (budget.figures, budget.available, budget.is_stale) for budget in known]


def _requests_of_yesterday() -> None:
    for sequence in range(1, 4):
        by = actor("HR Clerk" if sequence > 1 else "Finance Clerk")
        department = by.department
        at = AT - timedelta(days=1, minutes=sequence)
        bootstrap.requests().commit(created(by=by, at=at, sequence=sequence, department=department))


def _yesterday(_: Aws) -> object:
    day = AT.date() - timedelta(days=1)
    return [bootstrap.aggregates().between(each, day, day) for each in DEPARTMENTS]


def _left_lying(days: int, *, is_approved: bool) -> None:
    """Have each department submit a request so many days ago, and maybe hold money for it."""
    store, at = bootstrap.requests(), AT - timedelta(days=days)
    for sequence, department in enumerate(DEPARTMENTS, start=days * 10):
        by = actor(f"{department} Clerk")
        store.commit(created(by=by, at=at, sequence=sequence, department=department))
        request = store.get(request_id(at.year, sequence))
        change = transitions.submit(request, by, at, ReviewDays())
        store.commit(change)
        if is_approved:
            body = approval(override=True, overrideReason="Nobody knows what there is")
            store.commit(transitions.approve(change.after, body, SUPERADMIN, at))


def _old_holds() -> None:
    _left_lying(91, is_approved=True)  # expired
    _left_lying(85, is_approved=True)  # about to


def _requests(aws: Aws) -> object:
    rows = [row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]
    names = ("version", "is_overdue", "reservation_status", "is_expired", "events_so_far")
    known = map(stored.request, rows)
    return sorted((request.id, [getattr(request, name) for name in names]) for request in known)


CASES = {
    JobName.RESERVATION_EXPIRY: Case(arrange=_old_holds, result=_requests),
    JobName.SLA_CHECK: Case(arrange=lambda: _left_lying(8, is_approved=False), result=_requests),
    # Finance has something to say of every budget.
    JobName.FINANCE_SYNC: Case(arrange=lambda: None, result=_figures),
    JobName.DAILY_AGGREGATES: Case(arrange=_requests_of_yesterday, result=_yesterday),
}
EVERY_JOB = pytest.mark.parametrize("name", CASES)


class Killed(BaseException):
    """The function is no more: nothing catches this."""


class Yard:
    """A worker of jobs on the real stores, with a clock of its own and a way to be killed."""

    def __init__(self, aws: Aws, name: JobName) -> None:
        self.at = AT
        self.seconds_left = 300.0
        self.order = self.asked("run_1", name)
        self.after_step: Callable[[int], object] = lambda _: None
        self._aws, self._case = aws, CASES[name]
        self._case.arrange()

    @staticmethod
    def asked(run_id: str, name: JobName, **payload: object) -> JobOrder:
        return JobOrder(
            job=name,
            run_id=run_id,
            queued_at=AT,
            by="u-1",
            payload=JobPayload.model_validate(payload),
        )

    def run(self, order: JobOrder | None = None) -> JobRun:
        works = Works(
            find=self._find,
            runs=bootstrap.job_runs(),
            leases=bootstrap.job_leases(),
            queue=bootstrap.job_queue(),
            now=self.now,
            seconds_left=lambda: self.seconds_left,
        )
        return jobs.run(order or self.order, works)

    def now(self) -> datetime:
        return self.at

    def result(self) -> object:
        """Return what the job has brought about so far."""
        return self._case.result(self._aws)

    def everything(self) -> list[dict[str, Any]]:
        """Return all rows there are, but for those of the runs themselves."""
        rows = [row for table in TABLES for row in self._aws.rows(table)]
        return [row for row in rows if not row["pk"]["S"].startswith("JOB#")]

    def _find(self, name: JobName) -> Job:
        job = bootstrap.job(name)

        def watched(given: Assignment) -> Generator[Step, None, None]:
            for number, step in enumerate(job(given), start=1):
                self.after_step(number)  # done, and not kept yet
                yield step

        return watched


@pytest.fixture
def yard(aws: Aws, finance: Partner, name: JobName) -> Yard:  # noqa: ARG001 - it answers
    return Yard(aws, name)


def steps_of(yard: Yard) -> int:
    """Run a job without a break and return its steps."""
    numbers: list[int] = []
    yard.after_step = numbers.append
    assert yard.run().status is RunStatus.SUCCEEDED
    yard.after_step = lambda _: None
    return len(numbers)


def test_every_job_that_is_registered_has_a_case() -> None:
    assert set(CASES) == bootstrap.job_names()


@EVERY_JOB
def test_a_job_has_something_to_do(yard: Yard) -> None:
    before = yard.result()

    assert steps_of(yard) >= 3
    assert yard.result() != before


@EVERY_JOB
def test_a_dry_run_goes_through_and_changes_nothing(yard: Yard) -> None:
    before = yard.everything()

    dry = yard.run(yard.asked("run_dry", yard.order.job, dryRun=True))

    assert (dry.status, yard.everything()) == (RunStatus.SUCCEEDED, before)
    assert yard.run().counts == dry.counts


@EVERY_JOB
def test_a_job_run_twice_has_the_result_of_once(yard: Yard) -> None:
    yard.run()
    once = yard.result()

    assert yard.run().parts == 1  # its message came again
    assert yard.run(yard.asked("run_2", yard.order.job)).status is RunStatus.SUCCEEDED

    assert yard.result() == once


@EVERY_JOB
def test_of_two_at_once_the_second_is_skipped(yard: Yard) -> None:
    seen: list[RunStatus] = []

    def run_another(number: int) -> None:
        if number == 2:
            seen.append(yard.run(yard.asked("run_2", yard.order.job)).status)

    yard.after_step = run_another

    assert yard.run().status is RunStatus.SUCCEEDED
    assert seen == [RunStatus.SKIPPED]


@EVERY_JOB
def test_a_job_in_parts_has_the_result_and_counts_of_one_that_was_not_stopped(
    yard: Yard, aws: Aws, name: JobName
) -> None:
    yard.seconds_left = 0.0
    parts = 1
    while yard.run().status is RunStatus.RUNNING:
        (message,) = aws.asked()
        assert JobOrder.model_validate(message) == yard.order
        parts += 1
        assert parts < MANY

    whole = yard.run()
    assert (whole.status, whole.parts) == (RunStatus.SUCCEEDED, parts)
    in_parts = yard.result()
    yard.seconds_left = 300.0
    again = yard.run(yard.asked("run_2", name))
    assert yard.result() == in_parts
    assert again.status is RunStatus.SUCCEEDED


@EVERY_JOB
def test_a_job_killed_at_every_step_ends_with_the_result_of_one_that_was_not(
    yard: Yard, name: JobName
) -> None:
    def die(number: int) -> None:
        if number == 2:  # the first step of each part is kept, so that it comes to an end
            raise Killed

    yard.after_step = die
    kills = 0
    while True:
        try:
            done = yard.run()
        except Killed:
            kills += 1
            yard.at += timedelta(seconds=LEASE_SECONDS + 1)
            assert kills < MANY
        else:
            break

    assert kills >= 2
    assert (done.status, done.parts) == (RunStatus.SUCCEEDED, kills + 1)
    killed = yard.result()
    yard.after_step = lambda _: None
    yard.run(yard.asked("run_2", name))
    assert yard.result() == killed


@EVERY_JOB
def test_a_job_that_fails_at_every_step_ends_with_the_result_of_one_that_did_not(
    yard: Yard, name: JobName
) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise OSError("the disk is full")

    yard.after_step = fail
    failures = 0
    while failures < MANY:
        try:
            done = yard.run()
        except OSError:
            failures += 1
        else:
            break

    assert failures >= 2
    assert (done.status, done.error) == (RunStatus.SUCCEEDED, None)
    failed = yard.result()
    yard.after_step = lambda _: None
    yard.run(yard.asked("run_2", name))
    assert yard.result() == failed
