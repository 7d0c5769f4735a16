"""The jobs reservation-expiry and sla-check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.access import Department
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.errors import BusyError, ConflictError
from chalicelib.domain.events import EventType
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.domain.requests import BudgetRequest, ReservationStatus
from chalicelib.usecases.due_jobs import PAGE, reservation_expiry, sla_check
from chalicelib.usecases.jobs import Assignment, Job
from tests.factories import (
    AT,
    CLERK,
    KEY,
    LATER,
    actor,
    approval,
    created,
    figures,
    finance_said,
)
from tests.fakes import FakeBudgetStore, FakeDueRequests, FakeRequestStore

END = LATER + timedelta(days=90)
WARNING = END - timedelta(days=7)
DEADLINE = AT + timedelta(days=7)
NOTHING = {"expired": 0, "warned": 0, "skipped": 0}


class Store(FakeRequestStore):
    """A store that has something happen before it commits."""

    def __init__(self, budgets: FakeBudgetStore) -> None:
        super().__init__(budgets)
        self.before_commit: Callable[[], object] = lambda: None

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        self.before_commit()
        super().commit(*changes, receipt=receipt)


@dataclass
class Office:
    """Jobs with their ports filled in, and a clock that is set by hand."""

    budgets: FakeBudgetStore = field(default_factory=FakeBudgetStore)
    now: datetime = END
    _sequence: int = 0

    def __post_init__(self) -> None:
        self.store = Store(self.budgets)
        self.due = FakeDueRequests(self.store)

    def waiting(self, department: Department = "finance", at: datetime = AT) -> BudgetRequest:
        self._sequence += 1
        clerk = actor(f"{department.capitalize() if department != 'hr' else 'HR'} Clerk")
        draft = created(
            sequence=self._sequence, by=clerk, department=department, amountRequested=100
        )
        self.store.commit(draft)
        change = transitions.submit(draft.after, clerk, at)
        self.store.commit(change)
        return change.after

    def holding(self, department: Department = "finance", at: datetime = LATER) -> BudgetRequest:
        key = KEY.model_copy(update={"department": department})
        if self.budgets.get(key) is None:
            finance_said(self.budgets, figures(), key=key)
        by = actor("SuperAdmin")
        change = transitions.approve(self.waiting(department), approval(), by, at)
        self.store.commit(change)
        return change.after

    def run(self, name: JobName = JobName.RESERVATION_EXPIRY, **payload: object) -> dict[str, int]:
        found: dict[str, int] = {}
        for step in self.job(name)(self.given(name, payload=JobPayload.model_validate(payload))):
            for outcome, count in step.counts.items():
                found[outcome] = found.get(outcome, 0) + count
        return found

    def job(self, name: JobName) -> Job:
        make = reservation_expiry if name is JobName.RESERVATION_EXPIRY else sla_check
        return make(due=self.due, store=self.store)

    def given(
        self, name: JobName, checkpoint: str | None = None, payload: JobPayload | None = None
    ) -> Assignment:
        return Assignment(
            payload=payload or JobPayload(),
            checkpoint=checkpoint,
            at=self.now,
            now=lambda: self.now,
            by=name.actor,
        )

    def told(self, kind: EventType) -> list[int]:
        events = (event for change in self.store.changes for event in change.events)
        return [event.budget_request_id or 0 for event in events if event.type is kind]


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_hold_past_its_end_expires_and_its_money_is_free(office: Office) -> None:
    request = office.holding()

    assert office.run() == NOTHING | {"expired": 1}

    swept = office.store.get(request.id)
    assert swept.reservation_status is ReservationStatus.EXPIRED
    assert (swept.history[-1].changed_by, swept.updated_at) == ("system:reservation-expiry", END)
    known = office.budgets.get(KEY)
    assert known
    assert known.available == 380_000


def test_a_week_before_its_end_a_hold_is_announced(office: Office) -> None:
    request = office.holding()
    office.now = WARNING

    assert office.run() == NOTHING | {"warned": 1}

    assert office.store.get(request.id).is_reserved
    assert office.told(EventType.RESERVATION_EXPIRING) == [request.id]


def test_a_hold_with_longer_to_go_is_left_alone(office: Office) -> None:
    office.holding()
    office.now = WARNING - timedelta(microseconds=1)

    assert office.run() == NOTHING


def test_a_hold_is_announced_once_and_expires_once_however_often_the_job_runs(
    office: Office,
) -> None:
    office.holding()
    for office.now in (WARNING, WARNING, WARNING + timedelta(days=1), END, END, END):
        office.run()

    assert len(office.told(EventType.RESERVATION_EXPIRING)) == 1
    assert len(office.told(EventType.RESERVATION_EXPIRED)) == 1


def test_a_hold_that_nobody_announced_in_time_just_expires(office: Office) -> None:
    office.holding()
    office.now = END + timedelta(days=30)

    assert office.run() == NOTHING | {"expired": 1}
    assert office.told(EventType.RESERVATION_EXPIRING) == []


def test_a_missed_deadline_is_marked_once(office: Office) -> None:
    request, in_time = office.waiting(), office.waiting(at=AT + timedelta(days=1))
    office.now = DEADLINE

    assert office.run(JobName.SLA_CHECK) == {"overdue": 1, "skipped": 0}
    assert office.run(JobName.SLA_CHECK) == {"overdue": 0, "skipped": 0}

    late = office.store.get(request.id)
    assert (late.is_overdue, late.history[-1].changed_by) == (True, "system:sla-check")
    assert not office.store.get(in_time.id).is_overdue
    assert office.told(EventType.OVERDUE) == [request.id]


def test_neither_job_does_the_others_work(office: Office) -> None:
    office.holding()
    office.waiting()

    assert office.run(JobName.SLA_CHECK) == {"overdue": 1, "skipped": 0}
    assert office.run(JobName.RESERVATION_EXPIRY) == NOTHING | {"expired": 1}


@pytest.mark.parametrize("name", [JobName.RESERVATION_EXPIRY, JobName.SLA_CHECK])
def test_a_dry_run_counts_and_changes_nothing(office: Office, name: JobName) -> None:
    office.holding()
    office.waiting()
    commits = len(office.store.changes)

    counts = office.run(name, dryRun=True)

    assert sum(counts.values()) == 1
    assert len(office.store.changes) == commits
    assert office.run(name) == counts


def test_one_department_is_done_where_it_is_named(office: Office) -> None:
    office.holding("finance")
    hr = office.holding("hr")

    assert office.run(department="hr") == NOTHING | {"expired": 1}

    assert office.told(EventType.RESERVATION_EXPIRED) == [hr.id]


def test_what_was_due_by_the_end_of_a_day_is_done_where_it_is_named(office: Office) -> None:
    late, later = office.waiting(), office.waiting(at=AT + timedelta(days=1))

    counts = office.run(JobName.SLA_CHECK, date=DEADLINE.date())

    assert counts == {"overdue": 1, "skipped": 0}
    assert office.store.get(late.id).is_overdue
    assert not office.store.get(later.id).is_overdue


def test_a_day_to_come_makes_nothing_due(office: Office) -> None:
    office.holding()
    office.now = WARNING - timedelta(days=1)

    assert office.run(date=date(2030, 1, 1)) == NOTHING


def test_a_step_is_a_page_and_all_are_done(office: Office) -> None:
    ids = [office.holding().id for _ in range(2 * PAGE + 1)]

    name = JobName.RESERVATION_EXPIRY
    steps = list(office.job(name)(office.given(name)))

    assert [step.counts["expired"] for step in steps] == [PAGE, PAGE, 1, 0, 0, 0]
    assert office.told(EventType.RESERVATION_EXPIRED) == ids


@pytest.mark.parametrize("done", range(7))
def test_a_run_goes_on_where_it_was_cut_off(office: Office, done: int) -> None:
    departments: tuple[Department, ...] = ("finance", "hr", "operations")
    ids = [office.holding(each).id for each in departments for _ in range(PAGE + 1)]
    name = JobName.RESERVATION_EXPIRY
    steps = list(islice(office.job(name)(office.given(name)), done))
    checkpoint = steps[-1].checkpoint if steps else None

    assert list(office.job(name)(office.given(name, checkpoint)))

    assert sorted(office.told(EventType.RESERVATION_EXPIRED)) == sorted(ids)


def test_a_run_that_died_in_the_middle_of_a_step_does_the_rest_of_it(office: Office) -> None:
    ids = [office.holding().id for _ in range(5)]
    commits = len(office.store.changes)

    def die() -> None:
        if len(office.store.changes) == commits + 3:
            raise MemoryError

    office.store.before_commit = die
    with pytest.raises(MemoryError):
        office.run()
    office.store.before_commit = lambda: None

    assert office.run() == NOTHING | {"expired": 2}
    assert office.told(EventType.RESERVATION_EXPIRED) == ids


def test_two_runs_in_parallel_do_everything_once(office: Office) -> None:
    ids = [office.holding().id for _ in range(3)]
    counts: list[dict[str, int]] = []

    def other_is_faster() -> None:
        office.store.before_commit = lambda: None
        office.now += timedelta(seconds=1)
        counts.append(office.run())
        office.now -= timedelta(seconds=1)

    office.store.before_commit = other_is_faster
    counts.append(office.run())

    assert counts == [NOTHING | {"expired": 3}, NOTHING | {"skipped": 3}]
    assert office.told(EventType.RESERVATION_EXPIRED) == ids


def test_somebody_elses_change_in_between_is_decided_upon_anew(office: Office) -> None:
    request = office.holding()

    def cancel() -> None:
        office.store.before_commit = lambda: None
        office.store.commit(transitions.cancel(request, Cancellation(), CLERK, END))

    office.store.before_commit = cancel

    assert office.run() == NOTHING | {"skipped": 1}
    assert office.store.get(request.id).reservation_status is ReservationStatus.EXPIRED


@pytest.mark.parametrize("error", [BusyError, ConflictError])
def test_a_request_that_others_will_not_leave_alone_stops_no_other(
    office: Office, error: type[Exception]
) -> None:
    office.holding()
    second = office.holding()
    attempts = iter([error()] * (1 if error is BusyError else 3))

    def refuse() -> None:
        for refusal in attempts:
            raise refusal

    office.store.before_commit = refuse

    assert office.run() == NOTHING | {"expired": 1, "skipped": 1}
    assert office.told(EventType.RESERVATION_EXPIRED) == [second.id]
