"""The webhooks worker: queue → subscribers, over real sockets, with time moved by a clock.

Messages wait in a real queue (moto's), which keeps time by the same clock.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib import bootstrap
from chalicelib.adapters import webhook_sender
from chalicelib.domain import signing
from chalicelib.domain.deliveries import SLOW, Answered, Delivery, DeliveryStatus
from chalicelib.domain.events import AuditAction
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.webhooks import DisabledBecause
from chalicelib.handlers.webhooks import BATCH_SIZE, webhooks
from chalicelib.observability import Metric
from chalicelib.usecases import deliveries
from tests import samples
from tests.backlogs import copied_as_due
from tests.conftest import Aws, Logs, client
from tests.factories import endpoint, sealed
from tests.handlers.workers import again, counted, run, run_sample
from tests.http_api import Api
from tests.partner import Call, Partner, Reply
from tests.raw_peer import Behaviour, behaving, drips, is_silent, pours, says

SAMPLE = "webhooks.json"
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SECRET = signing.format_secret(b"s" * 32)
SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
HOOK = "wh_1"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@dataclass
class Line:
    """The worker, its queue, and the clock both go by."""

    aws: Aws
    clock: time_machine.Traveller

    def put(self, body: str) -> None:
        client("sqs").send_message(QueueUrl=self.aws.webhooks_queue_url, MessageBody=body)

    def happens(self, event_id: str | None = None) -> None:
        """Have the bus bring an event."""
        (record,) = samples.read(SAMPLE)["Records"]
        message = json.loads(record["body"])
        if event_id:
            message["detail"] = sealed(message["detail"] | {"id": event_id})
        self.put(json.dumps(message))

    def work(self, batches: int = 1_000_000) -> None:
        """Do all that can be done now, in so many batches at the most."""
        while batches and (records := self._received()):
            batches -= 1
            failed = run(webhooks, *records)
            for record in records:
                if record["messageId"] not in failed:
                    client("sqs").delete_message(
                        QueueUrl=self.aws.webhooks_queue_url,
                        ReceiptHandle=record["receiptHandle"],
                    )

    def passes(self, time: timedelta, step: timedelta = MINUTE) -> None:
        """Let time pass; the schedule sends its message every step."""
        end = bootstrap.now() + time
        while bootstrap.now() < end:
            self.clock.shift(min(step, end - bootstrap.now()))
            self.put('{"do": "sweep"}')
            self.work()

    @property
    def waiting(self) -> int:
        """How many messages are there to be taken now."""
        asked = {"QueueUrl": self.aws.webhooks_queue_url}
        names = ["ApproximateNumberOfMessages"]
        told = client("sqs").get_queue_attributes(**asked, AttributeNames=names)
        return int(told["Attributes"][names[0]])

    def _received(self) -> list[dict[str, Any]]:
        told = client("sqs").receive_message(
            QueueUrl=self.aws.webhooks_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=180
        )
        return [
            samples.record("webhooks", message["Body"], number)
            | {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(told.get("Messages", []))
        ]


@pytest.fixture
def line(
    aws: Aws, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    monkeypatch.setenv("QUEUE_URL", aws.webhooks_queue_url)
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", 0.3)
    bootstrap.settings.cache_clear()
    return Line(aws, clock)  # type: ignore[return-value]  # pytest takes a plain value as well


def subscribe(url: str, number: int = 1, *events: str) -> None:
    hears: dict[str, object] = {"events": events} if events else {}
    bootstrap.subscriptions().add(
        endpoint(f"{url}/hook", SECRET, id=f"wh_{number}", created_at=START, **hears),
        audit=samples.story()[0].audit,  # whatever it says
    )


def delivery(hook: str = HOOK) -> Delivery:
    (found,) = bootstrap.deliveries().latest(hook, limit=10)
    return found


def verified(call: Call, secret: str) -> bool:
    """Whether the official library takes what a receiver got."""
    try:
        Webhook(secret).verify(call.body.decode(), call.headers)
    except WebhookVerificationError:
        return False
    return True


def plainly_verified(call: Call, secret: str) -> bool:
    """Whether the guide's plain check takes it, in the newer header or that of a rotation."""
    expected = hmac.new(signing.secret_bytes(secret), call.body, hashlib.sha256).hexdigest()
    told = ("x-webhook-signature", "x-webhook-signature-previous")
    return any(hmac.compare_digest(expected, call.headers.get(name, "")) for name in told)


def test_a_subscriber_gets_the_event_and_can_verify_it(line: Line, partner: Partner) -> None:
    subscribe(partner.url)

    line.happens()
    line.work()

    (call,) = partner.received
    (event,) = samples.story()[-1].events
    assert Webhook(SECRET).verify(call.body.decode(), call.headers) == {
        "event": "budget_request.approved",
        "timestamp": "2026-03-10T12:01:00.000Z",
        "data": event.payload(),
    }
    assert call.headers["x-webhook-signature"] == signing.hex_hmac(b"s" * 32, call.body)
    assert call.headers["x-webhook-event"] == "budget_request.approved"
    assert delivery().status is DeliveryStatus.SUCCEEDED


def test_an_event_that_comes_again_is_posted_once(line: Line, partner: Partner) -> None:
    subscribe(partner.url)

    for _ in range(2):
        line.happens()
        line.happens()
        line.work()

    assert len(partner.received) == 1


def test_a_slow_receiver_holds_up_no_other_of_its_batch(
    line: Line, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", 5.0)
    with behaving(waits_for(lambda: len(partner.received) == 3)) as slow:
        subscribe(slow.url, 1)
        for number in (2, 3, 4):
            subscribe(partner.url, number)

        line.happens()
        line.work()

    # It answered only when all others had theirs: they did not wait for it.
    assert delivery().status is DeliveryStatus.SUCCEEDED


def test_a_burst_for_a_receiver_that_hangs_costs_others_one_batch(
    line: Line, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", SLOW / SECOND + 0.2)
    with behaving(is_silent) as hanging:
        subscribe(hanging.url, 1)
        subscribe(partner.url, 2)
        for number in range(30):
            line.happens(f"evt_{number}")
        line.work()

        assert hanging.connections <= BATCH_SIZE
    assert len(partner.received) == 30
    waiting = bootstrap.deliveries().latest(HOOK, limit=100)
    assert {each.status for each in waiting} == {DeliveryStatus.PENDING}
    assert len(waiting) == 30
    assert all(each.due_at or each.attempts for each in waiting)  # nothing is left to memory


def test_a_backlog_for_a_dead_receiver_delays_no_other(
    line: Line, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_SWEPT_OF_EACH", 40)
    subscribe("http://127.0.0.1:9", 1)  # nobody listens there
    subscribe(partner.url, 2)
    long_due("wh_1", 200, since=START - HOUR)
    long_due("wh_2", 1, since=START)

    line.put('{"do": "sweep"}')
    line.work(batches=2)  # the sweep, and the first of what it queued

    assert [call.headers["webhook-id"] for call in partner.received] == ["evt_0"]
    assert line.waiting == 31  # of what is dead; what happens from now on waits for no more


def long_due(hook: str, count: int, *, since: datetime) -> None:
    """Have deliveries that failed and are due in the table, the next a moment after the last."""
    first = PublishedEvent(id="evt_0", type="budget_request.created", time=since, data={})
    asks = Answered(status=503, duration_ms=1, answer="", retry_after="3600")
    waiting = Delivery.of(hook, first, since - HOUR).begun(since - HOUR)
    store = bootstrap.deliveries()
    store.keep_event(first, since)
    store.save(waiting)
    store.save(waiting.ended(asks, since - HOUR, chance=0))
    copied_as_due(waiting, count - 1, since=since)


def waits_for(what: Callable[[], bool]) -> Behaviour:
    def behave(connection: Any, over: Any) -> None:  # noqa: ANN401 - as a Behaviour has it
        connection.recv(65536)
        while not what() and not over.wait(0.005):
            pass
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    return behave


#: What a receiver does, and what is told of the attempt: status, answer, error.
TROUBLE: dict[str, tuple[Behaviour, int | None, str, str | None]] = {
    "500": (
        says(b"HTTP/1.1 500 Oh\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"),
        500,
        "no",
        None,
    ),
    "silence": (is_silent, None, "", "ReadTimeout"),
    "drips": (drips(b"HTTP/1.1 200 OK\r\nX: ", b"x"), None, "", "ReadTimeout"),
    "redirect": (
        says(
            b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
        ),
        302,
        "",
        None,
    ),
    "dropped": (lambda connection, _: connection.close(), None, "", "ConnectionError"),
    "not HTTP": (says(b"SSH-2.0-OpenSSH_9.6\r\n"), None, "", "ConnectionError"),
    "100 MB of a refusal": (
        pours(b"HTTP/1.1 500 Oh\r\nContent-Length: 104857600\r\n\r\n", b"x" * 65536),
        500,
        "x" * 1024,
        None,
    ),
}


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_is_recorded_as_it_was_and_tried_again(line: Line, what: str) -> None:
    behaviour, status, answer, error = TROUBLE[what]
    with behaving(behaviour) as peer:
        subscribe(peer.url)
        line.happens()
        line.work()
        told = delivery()
        line.passes(7 * SECOND, SECOND)
        assert peer.connections >= 2

    (attempt,) = told.attempts
    assert (attempt.number, attempt.at, attempt.status) == (1, START, status)
    assert (attempt.answer, attempt.error) == (answer, error)
    assert told.status is DeliveryStatus.PENDING
    assert told.next_attempt_at
    assert START + 5 * SECOND <= told.next_attempt_at <= START + 6 * SECOND
    assert len(delivery().attempts) == 2


def test_100_mb_of_an_answer_are_not_read(line: Line, partner: Partner) -> None:
    partner.usual = Reply(200, b"x" * 100_000_000)
    subscribe(partner.url)

    line.happens()
    line.work()

    assert delivery().status is DeliveryStatus.SUCCEEDED
    assert delivery().attempts[0].answer == "x" * 1024
    assert partner.bytes_sent < 50_000_000


def test_a_dead_receiver_is_tried_ten_times_within_about_a_day(
    line: Line, partner: Partner
) -> None:
    partner.usual = Reply(500, b"no")
    subscribe(partner.url)

    line.happens()
    line.work()
    line.passes(7 * MINUTE, 5 * SECOND)
    line.passes(26 * HOUR, 5 * MINUTE)

    dead = delivery()
    assert (dead.status, dead.next_attempt_at) == (DeliveryStatus.DEAD, None)
    hours = [round((attempt.at - START) / HOUR, 1) for attempt in dead.attempts]
    assert hours[:3] == [0, 0, 0.1]
    for hour, planned in zip(hours[3:], (0.5, 2, 5, 10, 14, 20, 24), strict=True):
        assert planned <= hour <= planned * 1.1 + 0.2
    assert len(partner.received) == 10
    assert len({call.headers["webhook-id"] for call in partner.received}) == 1
    line.passes(2 * DAY, HOUR)
    assert len(partner.received) == 10


@pytest.mark.parametrize(
    ("said", "wait"), [("90", 90 * SECOND), ("Tue, 10 Mar 2026 14:00:00 GMT", 2 * HOUR)]
)
def test_retry_after_is_heeded(line: Line, partner: Partner, said: str, wait: timedelta) -> None:
    partner.next.append(Reply(503, b"busy", {"Retry-After": said}))
    subscribe(partner.url)
    line.happens()
    line.work()
    assert delivery().next_attempt_at == START + wait

    line.passes(wait - SECOND, wait - SECOND)
    assert len(partner.received) == 1
    line.passes(2 * SECOND, SECOND)

    assert [attempt.status for attempt in delivery().attempts] == [503, 200]


def test_410_disables_at_once_and_audit_hears_of_it(
    line: Line, partner: Partner, logs: Logs
) -> None:
    partner.usual = Reply(410, b"gone")
    subscribe(partner.url)

    line.happens()
    line.work()
    line.happens("evt_2")
    line.work()
    line.passes(DAY, HOUR)

    assert len(partner.received) == 1
    endpoint = bootstrap.subscriptions().get(HOOK)
    assert endpoint.subscription.disabled_because is DisabledBecause.GONE
    statuses = {d.event_id: d.status for d in bootstrap.deliveries().latest(HOOK, limit=9)}
    assert set(statuses.values()) == {DeliveryStatus.DEAD, DeliveryStatus.HELD}
    assert statuses["evt_2"] is DeliveryStatus.HELD
    outboxes = [
        json.loads(image["NewImage"]["outbox"]["S"])
        for image in (r["dynamodb"] for r in line.aws.streamed("webhooks")["Records"])
        if "outbox" in image["NewImage"]
    ]
    assert outboxes[-1]["audit"]["action"] == AuditAction.WEBHOOK_DISABLE
    (told,) = (entry for entry in logs.at("WARNING") if entry["message"] == "webhook disabled")
    assert (told["webhook_id"], told["because"]) == (HOOK, "GONE")
    (lost,) = (entry for entry in logs.at("WARNING") if entry["message"] == "webhook given up")
    assert (lost["webhook_id"], lost["status"], lost["attempts"]) == (HOOK, 410, 1)


def test_an_event_that_is_given_up_is_counted_once(
    line: Line, partner: Partner, capsys: pytest.CaptureFixture[str]
) -> None:
    partner.usual = Reply(500, b"no")
    subscribe(partner.url)
    line.happens()
    line.work()

    line.passes(23 * HOUR, HOUR)
    assert counted(capsys, Metric.DELIVERIES_GIVEN_UP) == 0
    line.passes(5 * HOUR, HOUR)
    assert counted(capsys, Metric.DELIVERIES_GIVEN_UP) == 1


def test_signatures_verify_before_during_and_after_a_rotation(
    line: Line, partner: Partner, api: Api
) -> None:
    subscribe(partner.url)
    seen: list[tuple[bool, bool]] = []

    def next_event(number: int, new: str) -> None:
        line.happens(f"evt_{number}")
        line.work()
        call = partner.received[-1]
        for secret in (SECRET, new):
            assert verified(call, secret) == plainly_verified(call, secret)
        seen.append((verified(call, SECRET), verified(call, new)))

    next_event(1, signing.format_secret(b"x" * 32))
    new = api.post(f"/webhooks/{HOOK}/rotate-secret", "SuperAdmin").data["secret"]
    next_event(2, new)
    line.clock.shift(DAY - SECOND)
    next_event(3, new)
    line.clock.shift(SECOND)
    next_event(4, new)

    assert seen == [(True, False), (True, True), (True, True), (False, True)]
    # Who checks the one header of the guide has the new secret from the rotation on.
    key = signing.secret_bytes(new)
    assert partner.received[1].headers["x-webhook-signature"] == signing.hex_hmac(
        key, partner.received[1].body
    )


def test_nobody_subscribed_is_nothing_to_do(line: Line, partner: Partner) -> None:
    subscribe(partner.url, 1, "budget_request.rejected")

    line.happens()
    line.work()

    assert partner.received == []


def test_what_fails_says_why_in_the_log(line: Line, partner: Partner, logs: Logs) -> None:
    partner.usual = Reply(500, b"no")
    subscribe(partner.url)

    line.happens()
    line.work()

    (told,) = logs.at("WARNING")
    assert told["code"] == "DELIVERY_FAILED"
    assert told["why"] == f"{HOOK} {delivery().id}: the receiver said 500"


@pytest.mark.usefixtures("line")
@pytest.mark.parametrize("body", ['{"do": "nothing"}', '{"do": "deliver"}', '{"do": "recover"}'])
def test_an_order_that_is_none_is_set_aside(body: str) -> None:
    record = samples.record("webhooks", body, 1)

    assert run(webhooks, record, again(record, 2)) == [
        record["messageId"],
        again(record, 2)["messageId"],
    ]


@pytest.mark.usefixtures("line")
def test_what_the_worker_is_sent_is_understood_as_often_as_it_comes(partner: Partner) -> None:
    subscribe(partner.url)
    run_sample(webhooks, SAMPLE)

    assert run_sample(webhooks, "webhooks-orders.json") == []
    assert run_sample(webhooks, "webhooks-orders.json") == []

    (call,) = partner.received
    assert call.headers["webhook-id"] == delivery().event_id
