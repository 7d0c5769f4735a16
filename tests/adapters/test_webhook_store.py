"""Subscriptions and deliveries as they are kept."""

from datetime import timedelta

import pytest
from pynamodb.exceptions import PutError

from chalicelib import bootstrap
from chalicelib.domain.webhooks import Subscription
from chalicelib.usecases.ports import Attempt
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT


def subscription(number: int) -> Subscription:
    return Subscription(
        id=f"wh_{number}",
        url="https://partner.example.com/hook",
        events=("*",),
        departments=("finance",),
        description="Orders",
        is_active=True,
        created_by="u-1",
        created_at=AT,
    )


def test_every_subscription_comes_back_with_its_secret(stores: Stores) -> None:
    assert stores.subscriptions.all() == ()

    for number in (1, 2):
        stores.subscriptions.add(subscription(number), f"whsec_{number}")

    assert stores.subscriptions.all() == (
        (subscription(1), "whsec_1"),
        (subscription(2), "whsec_2"),
    )


def test_a_subscription_never_replaces_another(aws: Aws) -> None:
    store = bootstrap.subscriptions()
    store.add(subscription(1), "whsec_1")

    with pytest.raises(PutError):
        store.add(subscription(1), "whsec_2")

    assert [secret for _, secret in store.all()] == ["whsec_1"]
    assert len(aws.rows("webhooks")) == 1


def test_every_attempt_is_kept_for_thirty_days(aws: Aws) -> None:
    deliveries = bootstrap.deliveries()
    for second, status in enumerate((500, 204)):
        at = AT + timedelta(seconds=second)
        attempt = Attempt(at=at, status=status, duration_ms=12, answer="ok")
        deliveries.record("wh_1", "evt_1", attempt)

    rows = aws.rows("webhooks")
    kept = [Attempt.model_validate_json(row["body"]["S"]).status for row in rows]
    assert kept == [500, 204]
    assert int(rows[0]["expires_at"]["N"]) == int((AT + timedelta(days=30)).timestamp())
