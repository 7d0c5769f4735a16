"""Each contract runs on the fake and on DynamoDB: what the use cases were shown is the truth."""

from dataclasses import dataclass

import pytest

from chalicelib import bootstrap
from chalicelib.usecases import ports
from tests import fakes


@dataclass(frozen=True)
class Stores:
    """One engine's answers to the ports that keep something."""

    requests: ports.RequestStore
    budgets: ports.BudgetStore
    confirmations: ports.HoldConfirmations
    receipts: ports.Receipts
    claims: ports.Claims
    subscriptions: ports.Subscriptions
    notifications: ports.Notifications
    api_keys: ports.ApiKeys
    rate_counters: ports.RateCounters


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """The stores of both engines, one after the other."""
    if request.param == "fake":
        budgets, receipts = fakes.FakeBudgetStore(), fakes.FakeReceipts()
        return Stores(
            requests=fakes.FakeRequestStore(budgets, receipts),
            budgets=budgets,
            confirmations=budgets,
            receipts=receipts,
            claims=fakes.FakeClaims(),
            subscriptions=fakes.FakeSubscriptions(receipts),
            notifications=fakes.FakeNotifications(),
            api_keys=fakes.FakeApiKeys(receipts),
            rate_counters=fakes.FakeRateCounters(),
        )
    request.getfixturevalue("aws")
    return Stores(
        requests=bootstrap.requests(),
        budgets=bootstrap.budgets(),
        confirmations=bootstrap.confirmations(),
        receipts=bootstrap.receipts(),
        claims=bootstrap.claims(),
        subscriptions=bootstrap.subscriptions(),
        notifications=bootstrap.notifications(),
        api_keys=bootstrap.api_keys(),
        rate_counters=bootstrap.rate_counters(),
    )
