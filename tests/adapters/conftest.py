"""Each contract runs on the fake and on DynamoDB: what the use cases were shown is the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.messages import Outbox
from chalicelib.usecases import ports
from tests import fakes
from tests.conftest import Aws
from tests.tls import Tls, made_in


@dataclass(frozen=True)
class Stores:
    """One engine's answers to the ports that keep something."""

    requests: ports.RequestStore
    lists: ports.RequestLists
    budgets: ports.BudgetStore
    tellings: ports.Tellings
    due: ports.DueRequests
    receipts: ports.Receipts
    claims: ports.Claims
    subscriptions: ports.Subscriptions
    deliveries: ports.Deliveries
    notifications: ports.Notifications
    api_keys: ports.ApiKeys
    bus_keys: ports.BusKeys
    parked: ports.ParkedMessages
    rate_counters: ports.RateCounters
    hit_counts: ports.HitCounts
    aggregates: ports.Aggregates
    job_runs: ports.JobRuns
    job_leases: ports.JobLeases
    told_of_budgets: Callable[[], Sequence[Outbox]]


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A server's side of TLS, and what vouches for it; no other test trusts it."""
    return made_in(tmp_path)


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """The stores of both engines, one after the other."""
    if request.param == "fake":
        budgets, receipts = fakes.FakeBudgetStore(), fakes.FakeReceipts()
        notifications = fakes.FakeNotifications()
        requests = fakes.FakeRequestStore(budgets, receipts, notifications)
        return Stores(
            requests=requests,
            lists=fakes.FakeRequestLists(requests),
            budgets=budgets,
            tellings=budgets,
            due=fakes.FakeDueRequests(requests),
            receipts=receipts,
            claims=fakes.FakeClaims(),
            subscriptions=fakes.FakeSubscriptions(receipts),
            deliveries=fakes.FakeDeliveries(receipts),
            notifications=notifications,
            api_keys=fakes.FakeApiKeys(receipts),
            bus_keys=fakes.FakeBusKeys(),
            parked=fakes.FakeParkedMessages(),
            rate_counters=fakes.FakeRateCounters(),
            hit_counts=fakes.FakeHitCounts(),
            aggregates=fakes.FakeAggregates(),
            job_runs=fakes.FakeJobRuns(receipts),
            job_leases=fakes.FakeJobLeases(),
            told_of_budgets=lambda: budgets.told,
        )
    aws: Aws = request.getfixturevalue("aws")
    return Stores(
        requests=bootstrap.requests(),
        lists=bootstrap.request_lists(),
        budgets=bootstrap.budgets(),
        tellings=bootstrap.tellings(),
        due=bootstrap.due_requests(),
        receipts=bootstrap.receipts(),
        claims=bootstrap.claims(),
        subscriptions=bootstrap.subscriptions(),
        deliveries=bootstrap.deliveries(),
        notifications=bootstrap.notifications(),
        api_keys=bootstrap.api_keys(),
        bus_keys=bootstrap.bus_keys(),
        parked=bootstrap.parked_messages(),
        rate_counters=bootstrap.rate_counters(),
        hit_counts=bootstrap.hit_counts(),
        aggregates=bootstrap.aggregates(),
        job_runs=bootstrap.job_runs(),
        job_leases=bootstrap.job_leases(),
        told_of_budgets=lambda: _outboxes(aws.streamed("budgets")),
    )


def _outboxes(streamed: dict[str, Any]) -> list[Outbox]:
    images = [record["dynamodb"]["NewImage"] for record in streamed["Records"]]
    return [Outbox.model_validate_json(i["outbox"]["S"]) for i in images if "outbox" in i]
