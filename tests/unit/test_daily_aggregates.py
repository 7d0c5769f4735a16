"""The job daily-aggregates."""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import Department
from chalicelib.domain.aggregates import ByStatus, Sums
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.domain.requests import Status
from chalicelib.usecases import daily_aggregates as module
from chalicelib.usecases.daily_aggregates import daily_aggregates
from chalicelib.usecases.jobs import Assignment
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    actor,
    approval,
    budget,
    created,
    rejection,
)
from tests.fakes import FakeAggregates, FakeBudgetStore, FakeRequestLists, FakeRequestStore

YESTERDAY = AT - timedelta(days=1)
DAY = YESTERDAY.date()


@dataclass
class Office:
    """A store with requests of yesterday, and the job that counts them."""

    aggregates: FakeAggregates = field(default_factory=FakeAggregates)

    def __post_init__(self) -> None:
        budgets = FakeBudgetStore()
        budgets.budgets[budget().key] = budget()
        self.store = FakeRequestStore(budgets)
        self.checkpoints: list[str] = []

    def keep(self, sequence: int, *, days_ago: int = 1, department: Department = "finance") -> None:
        by = actor("HR Clerk") if department == "hr" else CLERK
        at = (AT - timedelta(days=days_ago)).replace(hour=sequence % 24)
        self.store.commit(
            created(by=by, at=at, sequence=sequence, department=department, amountRequested=100)
        )

    def decide(self, sequence: int, *, approve: bool) -> None:
        request = self.store.get(20260000000 + sequence)
        change = transitions.submit(request, CLERK, YESTERDAY)
        self.store.commit(change)
        self.store.commit(
            transitions.approve(change.after, approval(bufferPercentage=5), ADMIN, YESTERDAY)
            if approve
            else transitions.reject(change.after, rejection(), ADMIN, YESTERDAY)
        )

    def run(self, *, checkpoint: str | None = None, **payload: object) -> list[dict[str, int]]:
        return list(self.steps(checkpoint=checkpoint, **payload))

    def steps(
        self, *, checkpoint: str | None = None, **payload: object
    ) -> Generator[dict[str, int], None, None]:
        given = Assignment(
            payload=JobPayload.model_validate(payload),
            checkpoint=checkpoint,
            at=AT,
            now=lambda: AT,
            by=JobName.DAILY_AGGREGATES.actor,
        )
        job = daily_aggregates(lists=FakeRequestLists(self.store), aggregates=self.aggregates)
        for step in job(given):
            self.checkpoints.append(step.checkpoint)
            yield step.counts

    def of(self, department: Department = "finance", day: date = DAY) -> ByStatus:
        return self.aggregates.kept[department, day].by_status


@pytest.fixture
def office() -> Office:
    return Office()


def test_yesterdays_requests_are_counted_by_department_and_status(office: Office) -> None:
    for sequence in (1, 2, 3, 4):
        office.keep(sequence)
    office.keep(5, department="hr")
    office.decide(1, approve=True)
    office.decide(2, approve=False)

    counts = office.run()

    assert office.of() == {
        Status.APPROVED: Sums(count=1, requested_cents=10_000, reserved_cents=10_500),
        Status.REJECTED: Sums(count=1, requested_cents=10_000),
        Status.PENDING: Sums(count=2, requested_cents=20_000),
    }
    assert office.of("hr") == {Status.PENDING: Sums(count=1, requested_cents=10_000)}
    assert office.of("operations") == {}
    assert sum(step["requests"] for step in counts) == 5
    assert sum(step["departments"] for step in counts) == 4


def test_a_day_is_whole_and_ends_at_midnight(office: Office) -> None:
    office.keep(1, days_ago=2)
    office.keep(24, days_ago=1)  # at midnight: the first moment of the day
    office.keep(23, days_ago=1)
    office.keep(48, days_ago=0)  # the first moment of today

    office.run(department="finance")

    assert office.of()[Status.PENDING].count == 2


def test_another_day_may_be_asked_for(office: Office) -> None:
    office.keep(1, days_ago=3)

    office.run(date=(AT - timedelta(days=3)).date())

    assert office.of(day=(AT - timedelta(days=3)).date())[Status.PENDING].count == 1


def test_only_a_day_that_has_ended_is_whole(office: Office) -> None:
    office.run(department="hr")
    office.run(department="hr", date=AT.date())

    assert office.aggregates.kept["hr", DAY].is_whole
    assert not office.aggregates.kept["hr", AT.date()].is_whole


def test_one_department_may_be_asked_for(office: Office) -> None:
    assert office.run(department="hr") == [{"requests": 0, "departments": 1}]
    assert list(office.aggregates.kept) == [("hr", DAY)]


def test_a_day_that_is_counted_again_is_what_it_is_now(office: Office) -> None:
    office.keep(1)
    office.run()
    office.decide(1, approve=False)

    office.run()

    assert office.of() == {Status.REJECTED: Sums(count=1, requested_cents=10_000)}


def test_what_has_expired_is_held_no_more(office: Office) -> None:
    office.keep(1)
    office.decide(1, approve=True)
    later = AT + timedelta(days=reservations.RESERVATION_DAYS)
    given = Assignment(
        payload=JobPayload(date=DAY),
        checkpoint=None,
        at=later,
        now=lambda: later,
        by=JobName.DAILY_AGGREGATES.actor,
    )

    list(
        daily_aggregates(lists=FakeRequestLists(office.store), aggregates=office.aggregates)(given)
    )

    assert office.of()[Status.APPROVED] == Sums(count=1, requested_cents=10_000)


def test_many_requests_are_read_page_by_page_and_added_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for sequence in range(1, 6):
        office.keep(sequence)

    counts = office.run(department="finance")

    assert [step["requests"] for step in counts] == [2, 2, 1]
    assert office.of()[Status.PENDING] == Sums(count=5, requested_cents=50_000)


@pytest.mark.parametrize("stopped_after", range(7))
def test_a_run_goes_on_behind_any_checkpoint(
    stopped_after: int, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for sequence in range(1, 6):
        office.keep(sequence)
    office.keep(6, department="hr")
    steps = office.steps()
    done = [next(steps) for _ in range(stopped_after)]
    steps.close()

    rest = office.run(checkpoint=office.checkpoints[-1] if done else None)

    assert sum(step["requests"] for step in (*done, *rest)) == 6
    assert sum(step["departments"] for step in (*done, *rest)) == 4
    assert office.of()[Status.PENDING] == Sums(count=5, requested_cents=50_000)
    assert office.of("hr")[Status.PENDING].count == 1


def test_a_dry_run_counts_and_keeps_nothing(office: Office) -> None:
    office.keep(1)

    counts = office.run(dryRun=True)

    assert sum(step["requests"] for step in counts) == 1
    assert office.aggregates.kept == {}


def test_sums_are_exact() -> None:
    office = Office()
    for sequence in range(1, 11):
        office.store.commit(
            created(at=YESTERDAY, sequence=sequence, amountRequested=Decimal("0.10"))
        )

    office.run()

    assert office.of()[Status.PENDING].requested_cents == 100
