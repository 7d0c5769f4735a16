"""Subscriptions and deliveries as they are kept."""

from datetime import timedelta
from itertools import islice

import pytest
from pynamodb.exceptions import PutError

from chalicelib import bootstrap
from chalicelib.domain.deliveries import (
    HANDED_OVER_AGAIN_AFTER,
    Answered,
    DeliverOrder,
    Delivery,
    RecoverOrder,
    SweepOrder,
    first_id_since,
)
from chalicelib.domain.errors import (
    ConflictError,
    DeliveryFailedError,
    IdempotencyKeyTakenError,
    WebhookNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import Outbox, PublishedEvent
from chalicelib.domain.webhooks import Endpoint, OldSecret, Subscription
from tests.adapters.conftest import Stores
from tests.backlogs import copied_as_due
from tests.conftest import Aws, client
from tests.factories import AT, created

ENTRY = created().audit
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
RECEIPT = Receipt(
    caller="superadmin#u-1",
    key="key-1",
    fingerprint="f",
    status=201,
    headers={},
    body="{}",
    expires_at=AT + timedelta(days=36500),
)
WITH_AND_WITHOUT_RECEIPT = pytest.mark.parametrize(
    "receipts", [(), (RECEIPT,)], ids=["alone", "with a receipt"]
)


SECRET = "whsec_1"


def endpoint(number: int = 1, secret: str = SECRET) -> Endpoint:
    subscription = Subscription(
        id=f"wh_{number}",
        url="https://partner.example.com/hook",
        events=("*",),
        departments=("finance",),
        description="Orders",
        is_active=True,
        created_by="u-1",
        created_at=AT,
    )
    return Endpoint(subscription=subscription, secret=secret)


def event(number: int = 1) -> PublishedEvent:
    return PublishedEvent(
        id=f"evt_{number}",
        type="budget_request.created",
        time=AT + number * SECOND,
        data={"department": "finance", "purpose": "你好"},
    )


def delivery(number: int = 1, subscription_id: str = "wh_1") -> Delivery:
    return Delivery.of(subscription_id, event(number), AT).begun(AT)


def waiting_for(time: timedelta, number: int = 1, subscription_id: str = "wh_1") -> Delivery:
    """Return a delivery that is due in the table after some time."""
    asks = Answered(status=503, duration_ms=1, answer="", retry_after=str(time // SECOND))
    return delivery(number, subscription_id).ended(asks, AT, chance=0)


def test_every_subscription_comes_back_with_its_secrets(stores: Stores) -> None:
    assert stores.subscriptions.all() == ()

    for number in (1, 2):
        stores.subscriptions.add(endpoint(number, f"whsec_{number}"), audit=ENTRY)

    assert stores.subscriptions.all() == (endpoint(1, "whsec_1"), endpoint(2, "whsec_2"))
    assert stores.subscriptions.get("wh_2") == endpoint(2, "whsec_2")
    for unknown in ("wh_3", "x" * 3000):
        with pytest.raises(WebhookNotFoundError):
            stores.subscriptions.get(unknown)
        assert stores.deliveries.get("wh_1", unknown) is None


def test_the_next_version_replaces_the_one_before_with_all_secrets(stores: Stores) -> None:
    stores.subscriptions.add(endpoint(), audit=ENTRY)
    rotated = endpoint().rotated("whsec_2", AT)

    stores.subscriptions.save(rotated, audit=ENTRY)

    assert stores.subscriptions.get("wh_1") == rotated
    assert rotated.old_secrets == (OldSecret(secret="whsec_1", until=AT + timedelta(days=1)),)
    with pytest.raises(ConflictError):
        stores.subscriptions.save(rotated, audit=ENTRY)
    with pytest.raises(ConflictError):
        stores.subscriptions.save(endpoint(2).rotated("whsec_3", AT), audit=ENTRY)


def test_a_change_that_was_answered_before_changes_nothing(stores: Stores) -> None:
    stores.subscriptions.add(endpoint(), audit=ENTRY, receipt=RECEIPT)

    with pytest.raises(IdempotencyKeyTakenError):
        stores.subscriptions.save(endpoint().rotated("whsec_2", AT), receipt=RECEIPT)

    assert stores.subscriptions.get("wh_1") == endpoint()


def test_what_has_ended_is_not_there_any_more(stores: Stores) -> None:
    for number in (1, 2):
        stores.subscriptions.add(endpoint(number), audit=ENTRY)
    ended = endpoint().with_subscription(endpoint().subscription.touched(AT))

    stores.subscriptions.remove(ended, audit=ENTRY)

    assert [each.subscription.id for each in stores.subscriptions.all()] == ["wh_2"]
    with pytest.raises(WebhookNotFoundError):
        stores.subscriptions.get("wh_1")
    with pytest.raises(ConflictError):
        stores.subscriptions.save(ended.rotated("whsec_2", AT))


def test_a_subscription_never_replaces_another(aws: Aws) -> None:
    store = bootstrap.subscriptions()
    store.add(endpoint(), audit=ENTRY)

    with pytest.raises(PutError):
        store.add(endpoint(1, "whsec_2"), audit=ENTRY)

    assert [each.secret for each in store.all()] == ["whsec_1"]
    assert len(aws.rows("webhooks")) == 1


@WITH_AND_WITHOUT_RECEIPT
def test_a_subscription_carries_what_audit_is_told_of_it(
    aws: Aws, receipts: tuple[Receipt, ...]
) -> None:
    bootstrap.subscriptions().add(endpoint(), audit=ENTRY, receipt=next(iter(receipts), None))

    (row,) = aws.rows("webhooks")
    assert Outbox.model_validate_json(row["outbox"]["S"]) == Outbox(audit=ENTRY)
    assert "whsec_1" not in row["outbox"]["S"]


@WITH_AND_WITHOUT_RECEIPT
def test_a_change_carries_what_audit_is_told_of_it_or_leaves_what_was_told(
    aws: Aws, receipts: tuple[Receipt, ...]
) -> None:
    store, other = bootstrap.subscriptions(), ENTRY.model_copy(update={"id": "aud_2"})
    store.add(endpoint(), audit=ENTRY)
    changed = endpoint().rotated("whsec_2", AT)
    store.save(changed, audit=other, receipt=next(iter(receipts), None))
    store.save(changed.with_subscription(changed.subscription.touched(AT)))

    (row,) = aws.rows("webhooks")
    assert Outbox.model_validate_json(row["outbox"]["S"]) == Outbox(audit=other)


def test_the_secrets_of_what_has_ended_are_forgotten_at_once(aws: Aws) -> None:
    store = bootstrap.subscriptions()
    store.add(endpoint(), audit=ENTRY)
    rotated = endpoint().rotated("whsec_2", AT)
    store.save(rotated, audit=ENTRY)

    store.remove(rotated.with_subscription(rotated.subscription.touched(AT)), audit=ENTRY)

    (row,) = aws.rows("webhooks")
    assert "whsec" not in str(row)
    assert int(row["expires_at"]["N"]) == int((AT + timedelta(days=30)).timestamp())


def test_an_event_comes_back_as_it_was(stores: Stores) -> None:
    for _ in range(2):
        stores.deliveries.keep_event(event(), AT)

    assert stores.deliveries.event("evt_1") == event()
    assert stores.deliveries.event("evt_2") is None


def test_of_two_who_begin_a_delivery_one_does(stores: Stores) -> None:
    stores.deliveries.save(delivery())

    with pytest.raises(ConflictError):
        stores.deliveries.save(delivery())
    with pytest.raises(ConflictError):
        stores.deliveries.save(delivery().begun(AT).begun(AT))
    assert stores.deliveries.get("wh_1", delivery().id) == delivery()
    assert stores.deliveries.get("wh_2", delivery().id) is None


def test_a_delivery_with_a_key_that_was_used_changes_nothing(stores: Stores) -> None:
    stores.deliveries.save(delivery(), receipt=RECEIPT)
    again = delivery().again(AT)

    with pytest.raises(IdempotencyKeyTakenError):
        stores.deliveries.save(again, receipt=RECEIPT)

    assert stores.deliveries.get("wh_1", again.id) == delivery()
    other = RECEIPT.model_copy(update={"key": "key-2"})
    with pytest.raises(ConflictError):
        stores.deliveries.save(again.again(AT), receipt=other)


def test_deliveries_are_listed_by_the_time_of_their_events(stores: Stores) -> None:
    for number in (3, 1, 5, 2, 4):
        stores.deliveries.save(delivery(number))
    stores.deliveries.save(delivery(9, "wh_2"))

    def ids(found: list[Delivery]) -> list[str]:
        return [each.event_id for each in found]

    latest, following = stores.deliveries.latest, stores.deliveries.following
    assert ids(latest("wh_1", limit=2)) == ["evt_5", "evt_4"]
    assert ids(latest("wh_1", limit=9, before=delivery(4).id)) == ["evt_3", "evt_2", "evt_1"]
    since = first_id_since(AT + 2 * SECOND)
    assert ids(following("wh_1", after=since, limit=2)) == ["evt_2", "evt_3"]
    assert ids(following("wh_1", after=delivery(3).id, limit=9)) == ["evt_4", "evt_5"]


def test_what_is_due_is_handed_out_once_until_it_was_long_in_coming(stores: Stores) -> None:
    stores.deliveries.save(delivery(1))
    for number, time in ((2, HOUR), (3, 2 * HOUR)):
        stores.deliveries.save(delivery(number))
        stores.deliveries.save(waiting_for(time, number))

    def due(after: timedelta, limit: int = 9) -> list[str]:
        taken = stores.deliveries.take_due(["wh_1"], AT + after, of_each=9)
        return sorted(each.event_id for each in islice(taken, limit))

    assert due(HOUR - SECOND) == []
    assert due(HOUR) == ["evt_2"]
    assert due(HOUR) == []
    assert due(HOUR + HANDED_OVER_AGAIN_AFTER) == ["evt_2"]
    assert due(3 * HOUR, limit=1) != due(3 * HOUR, limit=1)
    assert due(3 * HOUR) == []


def test_subscribers_get_what_is_due_by_turns_each_its_oldest_first(stores: Stores) -> None:
    for number in range(1, 6):
        stores.deliveries.save(delivery(number))
        stores.deliveries.save(waiting_for(HOUR + number * MINUTE, number))
    for number, hook in ((1, "wh_2"), (2, "wh_2"), (3, "wh_3")):
        stores.deliveries.save(delivery(number, hook))
        stores.deliveries.save(waiting_for(2 * HOUR + number * MINUTE, number, hook))

    taken = stores.deliveries.take_due(["wh_1", "wh_2", "wh_3", "wh_4"], AT + 3 * HOUR, of_each=4)

    assert [(each.subscription_id, each.event_id) for each in taken] == [
        ("wh_1", "evt_1"),
        ("wh_2", "evt_1"),
        ("wh_3", "evt_3"),
        ("wh_1", "evt_2"),
        ("wh_2", "evt_2"),
        ("wh_1", "evt_3"),
        ("wh_1", "evt_4"),
    ]


def test_ten_thousand_that_are_due_for_one_delay_no_other(aws: Aws) -> None:  # noqa: ARG001 - the tables
    for hook, time in (("wh_1", HOUR), ("wh_2", 2 * HOUR)):
        bootstrap.deliveries().save(delivery(1, hook))
        bootstrap.deliveries().save(waiting_for(time, 1, hook))
    copied_as_due(delivery(), 9_999, since=AT + HOUR)

    taken = bootstrap.deliveries().take_due(["wh_1", "wh_2"], AT + 3 * HOUR, of_each=500)

    assert [each.subscription_id for each in islice(taken, 4)] == ["wh_1", "wh_2", "wh_1", "wh_1"]


def test_what_nobody_came_for_stays_due(stores: Stores) -> None:
    for number in (1, 2, 3):
        stores.deliveries.save(delivery(number))
        stores.deliveries.save(waiting_for(HOUR, number))

    first = next(stores.deliveries.take_due(["wh_1"], AT + HOUR, of_each=9))

    others = [*stores.deliveries.take_due(["wh_1"], AT + HOUR, of_each=9)]
    assert {first.event_id, *(each.event_id for each in others)} == {"evt_1", "evt_2", "evt_3"}
    assert len(others) == 2


def test_what_has_begun_is_due_no_more(stores: Stores) -> None:
    stores.deliveries.save(delivery())
    late = waiting_for(HOUR)
    stores.deliveries.save(late)

    stores.deliveries.save(late.begun(AT + HOUR))

    assert [*stores.deliveries.take_due(["wh_1"], AT + 9 * HOUR, of_each=9)] == []


def test_deliveries_and_events_are_forgotten_by_the_table_itself(aws: Aws) -> None:
    bootstrap.deliveries().keep_event(event(), AT)
    bootstrap.deliveries().save(delivery())

    for row in aws.rows("webhooks"):
        assert int(row["expires_at"]["N"]) == int((AT + timedelta(days=30)).timestamp())


def test_a_delivery_that_is_not_due_is_in_no_index(aws: Aws) -> None:
    store = bootstrap.deliveries()
    store.save(delivery())
    store.save(delivery().ended(Answered(status=204, duration_ms=1, answer=""), AT, chance=0))

    (row,) = aws.rows("webhooks")
    assert not row.keys() & {"due_at", "due_shard"}
    assert len(str(row)) < 1024 + 300  # in this form; one write unit


def test_orders_are_queued_each_as_a_message(aws: Aws) -> None:
    orders = [
        DeliverOrder(do="deliver", subscription_id="wh_1", delivery_id=f"d_{n}", event_id=f"e_{n}")
        for n in range(12)
    ]

    bootstrap.webhook_queue().send(orders)

    queued = [DeliverOrder.model_validate(message) for message in aws.ordered()]
    assert sorted(queued, key=str) == sorted(orders, key=str)


def test_what_is_of_a_subscription_says_so_to_a_queue_that_is_fair(aws: Aws) -> None:
    bootstrap.webhook_queue().send(
        [
            DeliverOrder(do="deliver", subscription_id="wh_1", delivery_id="d_1", event_id="e_1"),
            RecoverOrder(do="recover", subscription_id="wh_2", after="d_1"),
            SweepOrder(do="sweep"),
        ]
    )

    messages = client("sqs").receive_message(
        QueueUrl=aws.webhooks_queue_url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"]
    )["Messages"]
    groups = [message.get("Attributes", {}).get("MessageGroupId") for message in messages]
    assert groups == ["wh_1", "wh_2", None]


def test_a_queue_that_takes_nothing_is_said(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOKS_QUEUE_URL", aws.webhooks_queue_url + "-none")
    bootstrap.settings.cache_clear()

    with pytest.raises(DeliveryFailedError):
        bootstrap.webhook_queue().send([SweepOrder(do="sweep")])
