"""Subscribers hear of what they asked for, each once, none because of another not."""

import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from chalicelib.domain import signing
from chalicelib.domain.errors import DeliveryFailedError, ForbiddenError, InvalidInputError
from chalicelib.domain.events import AuditAction
from chalicelib.domain.webhooks import NewSubscription, Subscription
from chalicelib.usecases import webhooks
from tests.factories import ADMIN, AT, SUPERADMIN, approved, published
from tests.fakes import (
    FakeAuditQueue,
    FakeClaims,
    FakeDeliveries,
    FakeSubscriptions,
    FakeWebhookSender,
)

EVENT = published(approved())
ONE, TWO = "https://one.example/hook", "https://two.example/hook"


class Desk:
    """The use cases with their ports filled in."""

    def __init__(self) -> None:
        self.claims = FakeClaims()
        self.subscriptions = FakeSubscriptions()
        self.deliveries = FakeDeliveries()
        self.sender = FakeWebhookSender(AT)
        self.audit = FakeAuditQueue()

    def subscribe(
        self, url: str, by: object = SUPERADMIN, **more: object
    ) -> tuple[Subscription, str]:
        body = {"url": url, "events": ["*"]} | more
        return webhooks.subscribe(
            NewSubscription.model_validate(body),
            by=by,  # type: ignore[arg-type]
            at=AT,
            subscriptions=self.subscriptions,
            sender=self.sender,
            audit=self.audit,
        )

    def deliver(self, after: timedelta = timedelta()) -> None:
        webhooks.deliver(
            EVENT,
            at=AT + after,
            claims=self.claims,
            subscriptions=self.subscriptions,
            deliveries=self.deliveries,
            sender=self.sender,
        )

    @property
    def called(self) -> list[str]:
        return [url for url, _, _ in self.sender.posted]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_subscription_is_kept_with_a_secret_of_32_random_bytes(desk: Desk) -> None:
    first, secret = desk.subscribe(ONE)
    second, other_secret = desk.subscribe(ONE)

    assert desk.subscriptions.all()[0] == (first, secret)
    assert first.id != second.id
    assert secret != other_secret
    assert len(signing.secret_bytes(secret)) == 32
    assert (first.is_active, first.created_by, first.created_at) == (True, SUPERADMIN.id, AT)


def test_a_subscription_names_each_event_and_department_once(desk: Desk) -> None:
    body = {"events": ["*", "*"], "departments": ["hr", "finance", "hr"]}

    subscription, _ = desk.subscribe(ONE, **body)

    assert subscription.events == ("*",)
    assert subscription.departments == ("finance", "hr")


def test_audit_hears_of_a_subscription_but_not_of_its_secret(desk: Desk) -> None:
    subscription, secret = desk.subscribe(ONE, description="Orders")

    (entry,) = desk.audit.sent
    assert (entry.action, entry.record_id) == (AuditAction.WEBHOOK_CREATE, subscription.id)
    assert entry.new_values
    assert entry.new_values["url"] == ONE
    assert secret not in entry.model_dump_json()


def test_who_may_not_subscribe_or_where_we_never_call_keeps_nothing(desk: Desk) -> None:
    desk.sender.forbidden.add(ONE)
    with pytest.raises(InvalidInputError):
        desk.subscribe(ONE)
    with pytest.raises(ForbiddenError):
        desk.subscribe(TWO, by=ADMIN)

    assert desk.subscriptions.all() == ()
    assert desk.audit.sent == []


def test_an_event_is_posted_signed_in_both_ways(desk: Desk) -> None:
    _, secret = desk.subscribe(ONE)

    desk.deliver()

    ((_, body, headers),) = desk.sender.posted
    seconds = str(int(AT.timestamp()))
    assert headers["X-Webhook-Event"] == "budget_request.approved"
    assert headers["X-Webhook-Timestamp"] == "2026-03-10T12:01:00.000Z"
    assert headers["X-Webhook-Signature"] == signing.hex_hmac(signing.secret_bytes(secret), body)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (EVENT.id, seconds)
    assert headers["webhook-signature"] == Webhook(secret).sign(EVENT.id, AT, body.decode())


def test_the_body_is_as_in_the_guide(desk: Desk) -> None:
    desk.subscribe(ONE)

    desk.deliver()

    told = json.loads(desk.sender.posted[0][1])
    assert list(told) == ["event", "timestamp", "data"]
    assert (told["event"], told["timestamp"]) == (
        "budget_request.approved",
        "2026-03-10T12:01:00.000Z",
    )
    assert told["data"]["requestCode"] == "BR-2026-001"
    assert told["data"]["reservedAmount"] == 52500
    assert told["data"]["sequence"] == 3


def test_only_who_wants_an_event_hears_of_it(desk: Desk) -> None:
    desk.subscribe(ONE, departments=["hr"])
    desk.subscribe(TWO, events=["budget_request.approved"])

    desk.deliver()

    assert desk.called == [TWO]


def test_one_that_fails_does_not_keep_the_others_from_theirs(desk: Desk) -> None:
    failing, _ = desk.subscribe(ONE)
    desk.subscribe(TWO)
    desk.sender.statuses[ONE] = 500

    with pytest.raises(DeliveryFailedError, match=f"{failing.id}: the receiver said 500"):
        desk.deliver()

    assert desk.called == [ONE, TWO]


def test_a_retry_reaches_only_those_that_failed(desk: Desk) -> None:
    desk.subscribe(ONE)
    desk.subscribe(TWO)
    desk.sender.statuses[ONE] = None
    with pytest.raises(DeliveryFailedError, match="ConnectTimeout"):
        desk.deliver()
    desk.sender.statuses[ONE] = 204

    desk.deliver(after=timedelta(minutes=5))
    desk.deliver(after=timedelta(minutes=6))

    assert desk.called == [ONE, TWO, ONE]


def test_a_retry_is_signed_anew_and_keeps_its_id(desk: Desk) -> None:
    _, secret = desk.subscribe(ONE)
    desk.sender.statuses[ONE] = 500
    with pytest.raises(DeliveryFailedError):
        desk.deliver()
    desk.sender.statuses[ONE] = 204
    later = timedelta(minutes=5)

    desk.deliver(after=later)

    (_, _, first), (_, body, second) = desk.sender.posted
    assert first["webhook-id"] == second["webhook-id"]
    assert second["webhook-timestamp"] == str(int((AT + later).timestamp()))
    assert second["webhook-signature"] == Webhook(secret).sign(EVENT.id, AT + later, body.decode())


def test_one_that_another_worker_is_at_does_not_keep_the_others_from_theirs(desk: Desk) -> None:
    busy, _ = desk.subscribe(ONE)
    desk.subscribe(TWO)
    desk.claims.claim(f"webhook#{busy.id}", EVENT.id, AT)

    with pytest.raises(DeliveryFailedError, match=f"{busy.id}: .* is at work on"):
        desk.deliver()

    assert desk.called == [TWO]


@pytest.mark.parametrize("status", [199, 301, 302, 400, 410, 503, None])
def test_only_2xx_is_success(desk: Desk, status: int | None) -> None:
    desk.subscribe(ONE)
    desk.sender.statuses[ONE] = status

    with pytest.raises(DeliveryFailedError):
        desk.deliver()

    ((_, event_id, attempt),) = desk.deliveries.attempts
    assert (event_id, attempt.status, attempt.succeeded) == (EVENT.id, status, False)


def test_every_attempt_is_recorded(desk: Desk) -> None:
    subscription, _ = desk.subscribe(ONE)

    desk.deliver()

    ((subscription_id, event_id, attempt),) = desk.deliveries.attempts
    assert (subscription_id, event_id, attempt.succeeded) == (subscription.id, EVENT.id, True)
