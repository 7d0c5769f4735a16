"""The service in figures."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.metrics import Depth, Hits, Metrics, QueueMetrics, queues, requests
from chalicelib.domain.totals import DepartmentTotals, Tally
from chalicelib.usecases import metrics as usecase
from chalicelib.usecases.hit_meter import HitMeter
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    SUPERADMIN,
    approval,
    budget,
    created,
)
from tests.fakes import (
    FakeBudgetStore,
    FakeDueRequests,
    FakeHitCounts,
    FakeQueues,
    FakeRequestLists,
    FakeRequestStore,
)


def test_rates_are_of_all_requests_and_of_all_decisions() -> None:
    told = requests(Tally(pending=1, approved=1, cancelled=1, decided=2, approved_ever=2))

    assert (told.total, told.approval_rate, told.decision_approval_rate) == (
        3,
        Decimal("33.33"),
        Decimal("100.00"),
    )


def test_without_requests_there_is_nothing_to_divide_by() -> None:
    told = requests(Tally())

    assert (told.approval_rate, told.decision_approval_rate) == (Decimal("0.00"), None)


def test_each_queue_has_its_dead_letters_beside_it() -> None:
    full = Depth(waiting=3, in_flight=2, delayed=1)

    assert queues(
        {"b": full, "b-dlq": full, "a-dlq": Depth(waiting=0, in_flight=0, delayed=0)}
    ) == (
        QueueMetrics(name="a", waiting=None, in_flight=None, delayed=None, dead_letters=0),
        QueueMetrics(name="b", waiting=3, in_flight=2, delayed=1, dead_letters=6),
    )


def test_hits_are_told_in_per_cent_of_questions() -> None:
    def cache(hits: Hits) -> Decimal | None:
        told = Metrics.of([], expired=Decimal(0), hits=hits, days=7, depths={})
        return told.cache.hit_rate

    assert cache(Hits(hits=2, misses=1)) == Decimal("66.67")
    assert cache(Hits()) is None


def test_departments_are_added_up() -> None:
    tallies: dict[Department, Tally] = {
        "finance": Tally(approved=1, reserved_cents=5),
        "hr": Tally(approved=2, reserved_cents=7),
    }
    both = [
        DepartmentTotals(department=department, tally=tally, generation=1, changed_at=AT)
        for department, tally in tallies.items()
    ]

    told = Metrics.of(both, expired=Decimal(0), hits=Hits(), days=7, depths={})

    assert (told.requests.approved, told.budget.total_reserved) == (3, Decimal("0.12"))


class House:
    """A service with one approved request, and a counter of hits."""

    def __init__(self) -> None:
        budgets = FakeBudgetStore()
        budgets.budgets[budget().key] = budget()
        self.store = FakeRequestStore(budgets)
        change = created()
        self.store.commit(change)
        change = transitions.submit(change.after, CLERK, AT)
        self.store.commit(change)
        self.store.commit(transitions.approve(change.after, approval(), ADMIN, LATER))
        self.hits = FakeHitCounts()
        self.meter = HitMeter(self.hits, lambda: AT)
        self.queues = FakeQueues()

    def metrics(self, by: Actor = SUPERADMIN, at: datetime = LATER) -> Metrics:
        return usecase.metrics(
            by=by,
            at=at,
            lists=FakeRequestLists(self.store),
            store=self.store,
            due=FakeDueRequests(self.store),
            queues=self.queues,
            meter=self.meter,
            hit_counts=self.hits,
        )


def test_what_this_process_has_counted_is_told_at_once() -> None:
    house = House()
    house.meter.count(is_hit=True)

    assert house.metrics().cache.hits == 1


def test_hits_of_the_last_week_are_told() -> None:
    house = House()
    for days in (0, 6, 7):
        house.hits.add(AT.date() - timedelta(days=days), Hits(hits=1))

    assert (house.metrics().cache.hits, house.metrics().cache.days) == (2, 7)


def test_what_is_held_counts_until_it_expires_swept_or_not() -> None:
    house = House()

    assert house.metrics().budget.total_reserved == Decimal(50_000)
    assert house.metrics(at=LATER + timedelta(days=90)).budget.total_reserved == 0


def test_only_a_superadmin_sees_metrics() -> None:
    with pytest.raises(ForbiddenError):
        House().metrics(by=ADMIN)
