"""Subscribers hear of what they asked for, each on its own, for as long as it takes."""

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain import signing
from chalicelib.domain.access import Actor
from chalicelib.domain.deliveries import (
    JITTER,
    LONGEST_IN_QUEUE,
    SCHEDULE,
    DeliverOrder,
    Delivery,
    DeliveryStatus,
    RecoverOrder,
)
from chalicelib.domain.errors import (
    BusyError,
    ClaimHeldError,
    DeliveryFailedError,
    DeliveryNotFoundError,
    WebhookDisabledError,
)
from chalicelib.domain.events import AuditAction
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.webhooks import (
    DisabledBecause,
    NewSubscription,
    Subscription,
    SubscriptionChange,
)
from chalicelib.usecases import deliveries, webhooks
from chalicelib.usecases.patience import Patience
from tests.factories import AT, SUPERADMIN, approved, published
from tests.fakes import (
    FakeAuditQueue,
    FakeDeliveries,
    FakeSubscriptions,
    FakeWebhookQueue,
    FakeWebhookSender,
)

EVENT = published(approved())
ONE, TWO = "https://one.example/hook", "https://two.example/hook"
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


class Desk:
    """The use cases with their ports filled in, a clock, and a queue that keeps time by it."""

    def __init__(self) -> None:
        self.now = AT
        self.subscriptions = FakeSubscriptions()
        self.deliveries = FakeDeliveries()
        self.sender = FakeWebhookSender()
        self.queue = FakeWebhookQueue()
        self.audit = FakeAuditQueue()
        self.told: list[tuple[str, AuditAction]] = []
        self.given_up: list[str] = []
        self.later: list[tuple[datetime, DeliverOrder]] = []
        self.longest_in_queue = timedelta()
        self.chance = 0.0
        self.patience = Patience()

    @property
    def works(self) -> deliveries.Works:
        return deliveries.Works(
            subscriptions=self.subscriptions,
            deliveries=self.deliveries,
            sender=self.sender,
            queue=self.queue,
            chance=lambda: self.chance,
            tell=lambda subscription, action: self.told.append((subscription.id, action)),
            give_up=lambda delivery: self.given_up.append(delivery.event_id),
            patience=self.patience,
        )

    def subscribe(self, url: str, by: Actor = SUPERADMIN, **more: object) -> Subscription:
        new = NewSubscription.model_validate({"url": url, "events": ["*"]} | more)
        made, _ = webhooks.subscribe(
            new, by=by, at=self.now, subscriptions=self.subscriptions, sender=self.sender
        )
        return made

    def happens(self, event: PublishedEvent = EVENT) -> None:
        deliveries.fan_out(event, at=self.now, works=self.works)

    def work(self) -> None:
        """Do all that can be done now; what failed waits in the queue, as SQS would have it."""
        self.queue.waiting += [order for at, order in self.later if at <= self.now]
        self.later = [(at, order) for at, order in self.later if at > self.now]
        while self.queue.waiting:
            order = self.queue.waiting.pop(0)
            if isinstance(order, DeliverOrder):
                self.attempt(order)
            elif isinstance(order, RecoverOrder):
                deliveries.recover_some(order, at=self.now, works=self.works)

    def attempt(self, order: DeliverOrder) -> None:
        try:
            deliveries.attempt(order, at=self.now, works=self.works)
        except DeliveryFailedError as error:
            wait = (error.retry_in_seconds or 0) * SECOND
            assert wait
            self.longest_in_queue = max(self.longest_in_queue, wait)
            self.later.append((self.now + wait, order))

    def passes(self, time: timedelta) -> None:
        """Let time pass, in which the sweep comes every minute."""
        end = self.now + time
        while self.now < end:
            queued = [at for at, _ in self.later]
            minute = self.now + MINUTE - timedelta(seconds=self.now.second)
            self.now = min([minute.replace(microsecond=0), end, *queued])
            if self.now.second == 0:
                deliveries.sweep(at=self.now, works=self.works)
            self.work()

    def delivery(self, subscription: Subscription) -> Delivery:
        (found,) = self.deliveries.latest(subscription.id, limit=10)
        return found

    def as_it_is(self, subscription: Subscription) -> Subscription:
        return self.subscriptions.get(subscription.id).subscription

    @property
    def called(self) -> list[str]:
        return [url for url, _, _ in self.sender.posted]

    @property
    def secret(self) -> str:
        (endpoint,) = self.subscriptions.all()
        return endpoint.secret


@pytest.fixture
def desk() -> Desk:
    return Desk()


def event(number: int, at: datetime = AT) -> PublishedEvent:
    return EVENT.model_copy(update={"id": f"evt_{number}", "time": at})


def test_an_event_is_posted_signed_in_both_ways(desk: Desk) -> None:
    desk.subscribe(ONE)

    desk.happens()
    desk.work()

    ((_, body, headers),) = desk.sender.posted
    key, seconds = signing.secret_bytes(desk.secret), str(int(AT.timestamp()))
    assert headers["X-Webhook-Event"] == "budget_request.approved"
    assert headers["X-Webhook-Timestamp"] == "2026-03-10T12:01:00.000Z"
    assert headers["X-Webhook-Signature"] == signing.hex_hmac(key, body)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (EVENT.id, seconds)
    assert headers["webhook-signature"] == Webhook(desk.secret).sign(EVENT.id, AT, body.decode())
    assert "X-Webhook-Signature-Previous" not in headers


def test_the_body_is_as_in_the_guide(desk: Desk) -> None:
    desk.subscribe(ONE)

    desk.happens()
    desk.work()

    told = json.loads(desk.sender.posted[0][1])
    assert list(told) == ["event", "timestamp", "data"]
    assert (told["event"], told["timestamp"]) == (
        "budget_request.approved",
        "2026-03-10T12:01:00.000Z",
    )
    assert told["data"]["requestCode"] == "BR-2026-001"
    assert told["data"]["sequence"] == 3


def test_only_who_asked_for_an_event_hears_of_it(desk: Desk) -> None:
    desk.subscribe(ONE, departments=["hr"])
    desk.subscribe(TWO, events=["budget_request.approved"])

    desk.happens()
    desk.work()

    assert desk.called == [TWO]


def test_what_nobody_asked_for_is_not_kept(desk: Desk) -> None:
    desk.subscribe(ONE, departments=["hr"])

    desk.happens()

    assert desk.deliveries.writes == 0


def test_an_event_becomes_an_order_for_each_subscriber(desk: Desk) -> None:
    ids = {desk.subscribe(url).id for url in (ONE, TWO)}

    desk.happens()

    assert {o.subscription_id for o in desk.queue.waiting if isinstance(o, DeliverOrder)} == ids


def test_an_event_that_comes_again_is_posted_once(desk: Desk) -> None:
    desk.subscribe(ONE)

    for _ in range(3):
        desk.happens()
        desk.work()

    assert desk.called == [ONE]


def test_a_delivery_that_succeeds_at_once_takes_two_writes_and_one_for_the_event(
    desk: Desk,
) -> None:
    desk.subscribe(ONE)

    desk.happens()
    desk.work()

    assert desk.deliveries.writes == 3
    assert desk.subscriptions.writes == 1  # its creation


def test_a_dead_receiver_does_not_hold_up_another(desk: Desk) -> None:
    dead, fine = desk.subscribe(ONE), desk.subscribe(TWO)
    desk.sender.statuses[ONE] = None

    for number in range(3):
        desk.happens(event(number))
    desk.work()

    assert desk.called.count(TWO) == 3
    assert {d.status for d in desk.deliveries.latest(fine.id, limit=9)} == {
        DeliveryStatus.SUCCEEDED
    }
    assert {d.status for d in desk.deliveries.latest(dead.id, limit=9)} == {DeliveryStatus.PENDING}


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_what_fails_is_tried_on_schedule_and_is_dead_then(desk: Desk, chance: float) -> None:
    desk.chance = chance
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500

    desk.happens()
    desk.work()
    desk.passes(3 * DAY)

    delivery = desk.delivery(hook)
    assert delivery.status is DeliveryStatus.DEAD
    assert desk.given_up == [EVENT.id]  # told once, at the end
    assert delivery.next_attempt_at is None
    offsets = [attempt.at - AT for attempt in delivery.attempts]
    assert len(offsets) == len(SCHEDULE) == 10
    gaps = [timedelta(), *(b - a for a, b in pairwise(SCHEDULE))]
    for offset, planned, gap in zip(offsets, SCHEDULE, gaps, strict=True):
        assert planned <= offset <= planned + JITTER * gap + MINUTE + SECOND
    assert len(desk.called) == 10
    assert [attempt.status for attempt in delivery.attempts] == [500] * 10


def test_no_message_waits_in_the_queue_for_longer_than_a_quarter_of_an_hour(desk: Desk) -> None:
    desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500

    desk.happens()
    desk.work()
    desk.passes(2 * DAY)

    assert timedelta() < desk.longest_in_queue <= LONGEST_IN_QUEUE


def test_a_delivery_says_when_it_is_tried_next(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 503

    desk.happens()
    desk.work()

    assert desk.delivery(hook).next_attempt_at == AT + 5 * SECOND


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", 2 * MINUTE),
        ("1", 5 * SECOND),  # the schedule asks for more
        ("3600", HOUR),
        ("Tue, 10 Mar 2026 12:30:00 GMT", 30 * MINUTE),
        ("Tue, 10 Mar 2020 12:30:00 GMT", 5 * SECOND),
        ("999999999", DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("-5", 5 * SECOND),
        ("soon", 5 * SECOND),
        ("", 5 * SECOND),
        ("9" * 400, 5 * SECOND),
    ],
)
def test_a_receiver_is_left_alone_as_long_as_it_asks_within_bounds(
    desk: Desk, retry_after: str, wait: timedelta
) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 503
    desk.sender.retry_after = retry_after

    desk.happens()
    desk.work()

    assert desk.delivery(hook).next_attempt_at == AT + wait
    desk.sender.statuses[ONE] = 204
    desk.passes(wait + MINUTE)
    assert len(desk.called) == 2
    assert desk.delivery(hook).status is DeliveryStatus.SUCCEEDED


def test_where_the_service_was_late_attempts_do_not_come_at_once(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    desk.now += 12 * HOUR  # nobody worked

    desk.work()

    assert len(desk.called) == 2
    next_at = desk.delivery(hook).next_attempt_at
    assert next_at
    assert next_at - desk.now > 2 * MINUTE


def test_a_retry_is_signed_anew_and_keeps_its_id(desk: Desk) -> None:
    desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    desk.sender.statuses[ONE] = 204

    desk.passes(5 * SECOND)

    (_, _, first), (_, body, second) = desk.sender.posted
    at = AT + 5 * SECOND
    assert first["webhook-id"] == second["webhook-id"]
    assert second["webhook-timestamp"] == str(int(at.timestamp()))
    assert second["webhook-signature"] == Webhook(desk.secret).sign(EVENT.id, at, body.decode())


@pytest.mark.parametrize("status", [199, 301, 302, 400, 503, None])
def test_only_2xx_is_success(desk: Desk, status: int | None) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = status

    desk.happens()
    desk.work()

    delivery = desk.delivery(hook)
    (attempt,) = delivery.attempts
    assert (attempt.number, attempt.at, attempt.status) == (1, AT, status)
    assert delivery.status is DeliveryStatus.PENDING


def test_one_that_another_worker_is_at_is_left_to_it(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.happens()
    (order,) = desk.queue.waiting
    assert isinstance(order, DeliverOrder)
    desk.deliveries.save(Delivery.of(hook.id, EVENT, AT).begun(AT))

    with pytest.raises(ClaimHeldError):
        desk.attempt(order)

    assert desk.called == []
    desk.now += 36 * SECOND  # that worker died
    desk.attempt(order)
    assert desk.called == [ONE]


def test_a_sweep_ends_when_its_time_is_up_and_the_next_one_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SWEPT_AT_ONCE", 1)
    for url in (ONE, TWO):
        desk.subscribe(url)
        desk.sender.statuses[url] = 500
    desk.happens()
    desk.work()
    desk.passes(6 * MINUTE)
    desk.now += HOUR
    time_left = iter([True, False])

    first = deliveries.sweep(at=desk.now, works=desk.works, has_time=lambda: next(time_left))

    assert first == 1
    assert deliveries.sweep(at=desk.now, works=desk.works) == 1


def test_a_due_delivery_whose_message_is_lost_is_found_again(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    desk.passes(6 * MINUTE)
    desk.now += HOUR
    assert deliveries.sweep(at=desk.now, works=desk.works) == 1
    assert deliveries.sweep(at=desk.now, works=desk.works) == 0
    desk.queue.waiting.clear()
    desk.sender.statuses[ONE] = 204

    desk.passes(16 * MINUTE)

    assert desk.delivery(hook).status is DeliveryStatus.SUCCEEDED
    assert deliveries.sweep(at=desk.now + DAY, works=desk.works) == 0


def test_a_receiver_that_is_gone_is_disabled_at_once(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 410

    desk.happens()
    desk.work()
    desk.passes(DAY)

    assert desk.called == [ONE]
    assert desk.delivery(hook).status is DeliveryStatus.DEAD
    now = desk.as_it_is(hook)
    assert (now.is_active, now.disabled_because) == (False, DisabledBecause.GONE)
    (_, entry) = desk.subscriptions.told
    assert (entry.action, entry.performed_by) == ("WEBHOOK_DISABLE", "system:webhooks")
    assert entry.changed_fields
    assert "isActive" in entry.changed_fields
    assert desk.told == [(hook.id, AuditAction.WEBHOOK_DISABLE)]


def fails_for(desk: Desk, time: timedelta) -> None:
    """Let a receiver fail for a while in which something happens every six hours."""
    end = desk.now + time
    while desk.now < end:
        desk.happens(event(int(desk.now.timestamp()), desk.now))
        desk.work()
        desk.passes(6 * HOUR)


def test_who_fails_for_days_is_warned_of_and_disabled(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500

    fails_for(desk, 6 * DAY)

    assert desk.told == [
        (hook.id, AuditAction.WEBHOOK_WARN),
        (hook.id, AuditAction.WEBHOOK_WARN),
        (hook.id, AuditAction.WEBHOOK_DISABLE),
    ]
    now = desk.as_it_is(hook)
    assert (now.is_active, now.disabled_because) == (False, DisabledBecause.FAILING)
    assert now.failing_since == AT
    assert now.disabled_at
    assert 5 * DAY <= now.disabled_at - AT <= 5 * DAY + 6 * HOUR + MINUTE
    assert desk.subscriptions.writes < 150  # of some hundred attempts


def test_one_success_is_a_clean_slate(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    fails_for(desk, 4 * DAY)
    assert desk.as_it_is(hook).warnings == 2
    desk.sender.statuses[ONE] = 204

    desk.happens(event(1, desk.now))
    desk.work()

    now = desk.as_it_is(hook)
    assert (now.is_active, now.failing_since, now.warnings) == (True, None, 0)


def test_a_failure_long_after_another_is_no_persistence(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens(event(1))
    desk.work()
    desk.now += 10 * DAY
    desk.later.clear()

    desk.happens(event(2, desk.now))
    desk.work()

    assert desk.as_it_is(hook).failing_since == desk.now
    assert desk.told == []


def test_what_happens_while_a_subscription_is_disabled_is_kept_and_can_be_recovered(
    desk: Desk,
) -> None:
    hook = desk.subscribe(ONE)
    switch(desk, hook, on=False)
    for number in range(250):
        desk.happens(event(number, AT + number * SECOND))
    desk.work()
    assert desk.called == []
    assert {d.status for d in desk.deliveries.latest(hook.id, limit=999)} == {DeliveryStatus.HELD}
    with pytest.raises(WebhookDisabledError):
        recover(desk, hook, AT)
    switch(desk, hook, on=True)

    recover(desk, hook, AT + 10 * SECOND)
    desk.work()

    assert len(desk.called) == 240
    told = [json.loads(body)["timestamp"] for _, body, _ in desk.sender.posted]
    assert told == sorted(told)
    statuses = [d.status for d in desk.deliveries.latest(hook.id, limit=999)]
    assert statuses.count(DeliveryStatus.HELD) == 10
    assert desk.subscriptions.told[-1].action == "WEBHOOK_RECOVER"
    assert desk.subscriptions.told[-1].reason == "since 2026-03-10T12:00:10.000Z"


def test_a_recovery_sends_what_died_and_not_what_was_taken(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.happens(event(1))
    desk.work()
    desk.sender.statuses[ONE] = 500
    desk.happens(event(2))
    desk.work()
    desk.passes(2 * DAY)
    desk.sender.statuses[ONE] = 204
    before = len(desk.called)

    recover(desk, hook, AT)
    desk.work()

    assert [h["webhook-id"] for _, _, h in desk.sender.posted[before:]] == ["evt_2"]


def test_a_recovery_that_died_in_the_middle_loses_nothing(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    switch(desk, hook, on=False)
    desk.happens()
    desk.work()
    switch(desk, hook, on=True)
    recover(desk, hook, AT - HOUR)
    (order,) = desk.queue.waiting
    assert isinstance(order, RecoverOrder)
    deliveries.recover_some(order, at=desk.now, works=desk.works)
    desk.queue.waiting.clear()  # it was kept, and never queued

    desk.passes(2 * MINUTE)

    assert desk.called == [ONE]


def one_worker(desk: Desk, *, takes: timedelta) -> list[datetime]:
    """Have ONE take so long, and one worker wait for it; return when TWO got each of its events."""
    arrived: list[datetime] = []

    def waiting(time: timedelta) -> None:
        desk.now += time
        if desk.called[-1] == TWO:
            arrived.append(desk.now)

    desk.sender.takes[ONE], desk.sender.waiting = takes, waiting
    return arrived


@pytest.mark.parametrize("status", [None, 204], ids=["hangs", "answers late"])
def test_a_burst_for_a_slow_receiver_delays_no_other(desk: Desk, status: int | None) -> None:
    slow, _ = desk.subscribe(ONE), desk.subscribe(TWO)
    desk.sender.statuses[ONE] = status
    arrived = one_worker(desk, takes=5 * SECOND)

    for number in range(100):
        desk.happens(event(number))
    desk.work()

    assert len(arrived) == 100
    assert arrived[-1] - AT < 10 * SECOND  # once did it wait for the other, not a hundred times
    put_off = [d for d in desk.deliveries.latest(slow.id, limit=100) if not d.attempts]
    assert len(put_off) == 99
    assert {delivery.status for delivery in put_off} == {DeliveryStatus.PENDING}


def test_what_was_put_off_for_a_slow_receiver_reaches_it_in_the_end(desk: Desk) -> None:
    slow = desk.subscribe(ONE)
    one_worker(desk, takes=5 * SECOND)
    for number in range(30):
        desk.happens(event(number))
    desk.work()

    desk.passes(2 * HOUR)

    found = desk.deliveries.latest(slow.id, limit=100)
    assert {delivery.status for delivery in found} == {DeliveryStatus.SUCCEEDED}
    assert len({headers["webhook-id"] for _, _, headers in desk.sender.posted}) == 30
    assert len(desk.sender.posted) == 30


def test_a_receiver_that_is_quick_again_is_given_all_that_is_due(desk: Desk) -> None:
    slow = desk.subscribe(ONE)
    one_worker(desk, takes=5 * SECOND)
    for number in range(100):
        desk.happens(event(number))
    desk.work()
    desk.sender.takes.clear()

    desk.passes(2 * MINUTE)

    found = desk.deliveries.latest(slow.id, limit=100)
    assert {delivery.status for delivery in found} == {DeliveryStatus.SUCCEEDED}


def test_what_is_sent_by_hand_to_a_slow_receiver_is_not_put_off(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    one_worker(desk, takes=5 * SECOND)
    desk.happens()
    desk.work()

    send_test(desk, hook)
    desk.work()

    assert len(desk.sender.posted) == 2


def test_what_was_waiting_when_its_subscription_was_disabled_waits_for_it(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    switch(desk, hook, on=False)

    desk.passes(DAY)

    delivery = desk.delivery(hook)
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.HELD, 1)


def test_nothing_is_sent_to_a_subscription_that_has_ended(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    desk.passes(6 * MINUTE)
    before = len(desk.called)
    webhooks.remove(
        hook.id, by=SUPERADMIN, at=desk.now, expected=None, subscriptions=desk.subscriptions
    )

    desk.passes(DAY)

    assert len(desk.called) == before
    assert deliveries.sweep(at=desk.now + DAY, works=desk.works) == 0


def test_a_test_reaches_one_subscription_alone_active_or_not(desk: Desk) -> None:
    hook, _ = desk.subscribe(ONE, events=["budget_request.created"]), desk.subscribe(TWO)
    switch(desk, hook, on=False)

    ping = send_test(desk, hook)
    desk.work()

    ((url, body, headers),) = desk.sender.posted
    assert (url, headers["X-Webhook-Event"]) == (ONE, "webhook.ping")
    assert json.loads(body)["data"]["webhookId"] == hook.id
    assert headers["webhook-id"] == ping.event_id
    assert desk.delivery(hook).status is DeliveryStatus.SUCCEEDED
    (entry,) = desk.audit.sent
    assert (entry.action, entry.record_id) == ("WEBHOOK_TEST", hook.id)


def test_a_test_that_fails_is_tried_once_and_says_nothing_of_the_subscriber(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500

    send_test(desk, hook)
    desk.work()
    desk.passes(DAY)

    assert desk.called == [ONE]
    assert desk.delivery(hook).status is DeliveryStatus.DEAD
    assert desk.as_it_is(hook).failing_since is None
    assert desk.given_up == []
    recover(desk, hook, AT - DAY)
    desk.work()
    assert desk.called == [ONE]


def test_a_delivery_is_sent_again_by_hand_whatever_became_of_it(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.happens()
    desk.work()
    taken = desk.delivery(hook)

    redeliver(desk, hook, taken.id)
    desk.work()

    assert desk.called == [ONE, ONE]
    ids = [headers["webhook-id"] for _, _, headers in desk.sender.posted]
    assert ids == [EVENT.id, EVENT.id]
    assert [attempt.number for attempt in desk.delivery(hook).attempts] == [1, 2]
    (entry,) = desk.audit.sent
    assert entry.new_values
    assert (entry.action, entry.new_values["deliveryId"]) == ("WEBHOOK_REDELIVER", taken.id)


def test_a_dead_one_that_is_sent_again_has_its_whole_schedule(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    desk.happens()
    desk.work()
    desk.passes(2 * DAY)

    redeliver(desk, hook, desk.delivery(hook).id)
    desk.work()
    assert desk.delivery(hook).status is DeliveryStatus.PENDING
    desk.passes(2 * DAY)

    delivery = desk.delivery(hook)
    assert (delivery.status, delivery.attempts_so_far) == (DeliveryStatus.DEAD, 20)


def test_one_that_is_being_tried_is_not_sent_again(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    begun = Delivery.of(hook.id, EVENT, AT).begun(AT)
    desk.deliveries.save(begun)

    with pytest.raises(BusyError):
        redeliver(desk, hook, begun.id)
    with pytest.raises(DeliveryNotFoundError):
        redeliver(desk, hook, "dlv_1")


def test_the_answers_to_earlier_attempts_are_kept_short(desk: Desk) -> None:
    delivery = Delivery.of("wh_1", EVENT, AT)
    for number in range(25):
        answered = desk.sender.post("", b"", {}).model_copy(
            update={"answer": "x" * 1024, "status": 500}
        )
        delivery = delivery.begun(AT).ended(answered, AT, chance=0).again(AT)
        assert delivery.attempts_so_far == number + 1

    assert [len(attempt.answer) for attempt in delivery.attempts] == [200] * 19 + [1024]


def test_both_secrets_sign_for_a_day_after_a_rotation(desk: Desk) -> None:
    hook = desk.subscribe(ONE)
    old = desk.secret
    _, new = webhooks.rotate_secret(
        hook.id, by=SUPERADMIN, at=AT, expected=None, subscriptions=desk.subscriptions
    )

    assert verifying(desk, old, new) == {old, new}
    desk.now += DAY - SECOND
    assert verifying(desk, old, new) == {old, new}
    desk.now += 2 * SECOND
    assert verifying(desk, old, new) == {new}


def verifying(desk: Desk, *secrets: str) -> set[str]:
    """Return the secrets with which the next event verifies, in both ways."""
    desk.happens(event(int(desk.now.timestamp()), desk.now))
    desk.work()
    _, body, headers = desk.sender.posted[-1]
    plain = {headers.get("X-Webhook-Signature"), headers.get("X-Webhook-Signature-Previous")}
    found = set()
    for secret in secrets:
        signatures = headers["webhook-signature"].split()
        expected = Webhook(secret).sign(headers["webhook-id"], desk.now, body.decode())
        if expected in signatures:
            assert signing.hex_hmac(signing.secret_bytes(secret), body) in plain
            found.add(secret)
    assert len(plain - {None}) == len(found)
    return found


def test_the_official_library_takes_signatures_of_its_secret_alone(desk: Desk) -> None:
    desk.now = datetime.now(AT.tzinfo)  # the library reads the clock of the machine
    desk.subscribe(ONE)
    desk.happens()
    desk.work()

    _, body, headers = desk.sender.posted[-1]
    assert Webhook(desk.secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.format_secret(b"x" * 32)).verify(body, headers)


def switch(desk: Desk, hook: Subscription, *, on: bool) -> None:
    webhooks.change(
        hook.id,
        SubscriptionChange(is_active=on),
        by=SUPERADMIN,
        at=desk.now,
        expected=None,
        subscriptions=desk.subscriptions,
        sender=desk.sender,
    )


def recover(desk: Desk, hook: Subscription, since: datetime) -> None:
    deliveries.recover(
        hook.id,
        since,
        by=SUPERADMIN,
        at=desk.now,
        expected=None,
        subscriptions=desk.subscriptions,
        queue=desk.queue,
    )


def send_test(desk: Desk, hook: Subscription) -> Delivery:
    return deliveries.send_test(
        hook.id,
        by=SUPERADMIN,
        at=desk.now,
        subscriptions=desk.subscriptions,
        deliveries=desk.deliveries,
        queue=desk.queue,
        audit=desk.audit,
    )


def redeliver(desk: Desk, hook: Subscription, delivery_id: str) -> Delivery:
    return deliveries.redeliver(
        hook.id,
        delivery_id,
        by=SUPERADMIN,
        at=desk.now,
        subscriptions=desk.subscriptions,
        deliveries=desk.deliveries,
        queue=desk.queue,
        audit=desk.audit,
    )
