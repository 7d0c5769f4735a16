"""Dead letters are looked at and sent back, and nothing is lost on the way."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from chalicelib import bootstrap
from chalicelib.domain.deliveries import Answered, Delivery, DeliveryStatus
from chalicelib.handlers import relay
from chalicelib.handlers.audit import audit
from infra import dead_letters, redrive
from infra import given_up as infra_given_up
from infra.errors import OperatorError
from infra.place import Place
from infra.progress import silent
from infra.redrive import Sent
from tests import samples
from tests.botocore_answers import answering
from tests.conftest import Aws, Logs, client
from tests.factories import AT, endpoint, published
from tests.handlers.workers import run
from tests.infra.operated import all_answering, place, relay_called, told_to_audit

BODY = samples.read("audit.json")["Records"][0]["body"]


@pytest.fixture
def stack(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(dead_letters, "WAIT_SECONDS", 0)  # moto's queues are on one server
    return place(aws)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def send_back(stack: Place, pauses: list[float]) -> Callable[..., Sent]:
    def back(name: str = "audit", rate: int = 50) -> Sent:
        return redrive.redrive(stack, name, rate=rate, progress=silent(), pause=pauses.append)

    return back


@pytest.fixture
def cannot_move(stack: Place) -> Iterator[None]:
    """A cloud that moves no messages by itself, as the embedded one."""
    unknown = {"Error": {"Code": "InvalidAction", "Message": "not valid for this endpoint"}}
    with answering(stack.cloud.sqs, "StartMessageMoveTask", lambda _: (400, unknown)):
        yield


def die(stack: Place, count: int, **attributes: str) -> None:
    for number in range(count):
        client("sqs").send_message(
            QueueUrl=stack.outputs["AuditDeadLetterQueueUrl"],
            MessageBody=BODY.replace("aud_", f"aud_{number}_"),
            MessageAttributes={
                name: {"StringValue": value, "DataType": "String"}
                for name, value in attributes.items()
            },
        )


def test_looking_takes_nothing_away_and_hides_nothing(stack: Place) -> None:
    die(stack, 3)

    first, second = (dead_letters.seen(stack, "audit") for _ in range(2))

    assert len(first.letters) == 3
    assert {each.id for each in second.letters} == {each.id for each in first.letters}
    assert (first.more, {each.received for each in second.letters}) == ({}, {1})


def test_letters_are_shown_again_where_looking_at_them_fails(stack: Place) -> None:
    die(stack, 12)
    denied = {"Error": {"Code": "AccessDenied", "Message": "no more for you"}}
    looks = 0

    def after_the_first(_: bytes) -> tuple[int, dict[str, Any]] | None:
        nonlocal looks
        looks += 1
        return (403, denied) if looks > 1 else None

    with (
        answering(stack.cloud.sqs, "ReceiveMessage", after_the_first),
        pytest.raises(OperatorError, match="ReceiveMessage: no more for you"),
    ):
        dead_letters.seen(stack, "audit")

    assert len(dead_letters.seen(stack, "audit").letters) == 12


def test_no_more_than_a_screen_is_shown_and_it_says_how_many_more(stack: Place) -> None:
    die(stack, dead_letters.MAX_SHOWN + 7)

    seen = dead_letters.seen(stack, None)

    assert len(seen.letters) == dead_letters.MAX_SHOWN
    assert seen.more == {"audit": 7}
    assert seen.table(AT).splitlines()[-1] == "audit  7 more"
    assert json.loads(seen.as_json(AT))["more"] == {"audit": 7}


def test_nothing_dead_is_said(stack: Place) -> None:
    assert dead_letters.seen(stack, None).table(AT) == "There are no dead letters."


def test_a_queue_that_is_none_is_refused_with_those_there_are(stack: Place) -> None:
    with pytest.raises(OperatorError, match="No queue 'nope'; there are audit, relay, deliveries"):
        dead_letters.seen(stack, "nope")


def log(*lines: dict[str, Any], since: datetime) -> None:
    """Have the worker of Audit have said this, a millisecond after the other."""
    logs, group = client("logs"), {"logGroupName": "/aws/lambda/test-audit"}
    logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="s")
    start = int(since.timestamp() * 1000)
    events = [
        {"timestamp": start + number, "message": json.dumps(line)}
        for number, line in enumerate(lines)
    ]
    logs.put_log_events(**group, logStreamName="s", logEvents=events)


def test_the_reason_is_what_the_worker_said_last(stack: Place) -> None:
    die(stack, 1)
    (letter,) = dead_letters.seen(stack, "audit").letters
    assert letter.reason is None
    failed = {"message": "message failed", "message_id": letter.message_id, "code": "C"}
    log(
        {**failed, "message_id": "another", "why": "other"},
        {**failed, "why": "first"},
        {**failed, "why": "last"},
        {"message": "batch done", "message_id": letter.message_id, "why": "message failed"},
        since=letter.since,
    )

    (known,) = dead_letters.seen(stack, "audit").letters

    assert known.reason == "last (C)"


def test_the_reason_of_what_no_worker_could_read_is_the_error(stack: Place, logs: Logs) -> None:
    client("sqs").send_message(
        QueueUrl=stack.outputs["AuditDeadLetterQueueUrl"], MessageBody='{"detail": {"id": 7}}'
    )
    (letter,) = dead_letters.seen(stack, "audit").letters
    run(
        audit,
        samples.record("audit", '{"detail": {"id": 7}}', 1) | {"messageId": letter.message_id},
    )
    log(*logs.lines, since=letter.since)

    (known,) = dead_letters.seen(stack, "audit").letters

    assert known.reason == "ValidationError: 8 validation errors for AuditMessage"


@pytest.mark.usefixtures("cannot_move")
def test_letters_are_sent_back_with_their_attributes_at_a_rate(
    stack: Place, aws: Aws, send_back: Callable[..., Sent], pauses: list[float]
) -> None:
    die(stack, 12, RULE_ARN="arn:rule")

    assert send_back(rate=20) == Sent(12)

    assert pauses == [0.05] * 12
    got = client("sqs").receive_message(
        QueueUrl=aws.queue_url, MessageAttributeNames=["All"], MaxNumberOfMessages=1
    )
    assert got["Messages"][0]["MessageAttributes"]["RULE_ARN"]["StringValue"] == "arn:rule"
    assert len(aws.queued()) == 11  # and the one that was just received
    assert dead_letters.seen(stack, "audit").letters == ()
    (entry,) = told_to_audit(aws)
    assert (entry.action, entry.record_id, entry.performed_by) == ("REDRIVE", "audit", "operator")
    assert entry.new_values == {"queue": "audit", "messages": 12}


@pytest.mark.usefixtures("cannot_move")
def test_what_is_cut_off_is_lost_nowhere(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    die(stack, 1)
    denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}

    with (
        answering(stack.cloud.sqs, "DeleteMessage", lambda _: (403, denied)),
        pytest.raises(OperatorError, match="DeleteMessage: no"),
    ):
        send_back()

    assert len(aws.queued()) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):  # it is hidden for one
        assert len(dead_letters.seen(stack, "audit").letters) == 1


@pytest.mark.usefixtures("cannot_move")
def test_what_dies_again_meanwhile_is_not_sent_round_and_round(
    stack: Place, aws: Aws, pauses: list[float]
) -> None:
    die(stack, 2)

    def dies_again(seconds: float) -> None:
        pauses.append(seconds)
        die(stack, 1)

    sent = redrive.redrive(stack, "audit", rate=50, progress=silent(), pause=dies_again)

    assert (sent, len(aws.queued())) == (Sent(2), 2)
    assert len(dead_letters.seen(stack, "audit").letters) == 2


def test_nothing_is_sent_back_where_nothing_is_dead_and_audit_hears_of_nothing(
    aws: Aws, send_back: Callable[..., Sent]
) -> None:
    assert send_back() == Sent(0)
    assert told_to_audit(aws) == []


def test_where_the_cloud_moves_messages_it_is_asked_to(
    stack: Place, send_back: Callable[..., Sent], pauses: list[float]
) -> None:
    die(stack, 1)
    asked: list[dict[str, Any]] = []
    states = [
        {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 1},
        {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3},
    ]

    def start(body: bytes) -> tuple[int, dict[str, Any]]:
        asked.append(json.loads(body))
        return 200, {"TaskHandle": "task"}

    answers: dict[str, Any] = {
        "StartMessageMoveTask": start,
        "ListMessageMoveTasks": lambda _: (200, {"Results": [states.pop(0)]}),
    }
    with all_answering(stack.cloud.sqs, answers):
        assert send_back(rate=7) == Sent(3)

    (task,) = asked
    assert task["SourceArn"].endswith(":test-dlq")
    # Said, as a rule's letters have never been in the queue.
    assert task["DestinationArn"].endswith(":test-queue")
    assert task["MaxNumberOfMessagesPerSecond"] == 7
    assert pauses == [1.0]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"Status": "FAILED", "FailureReason": "AccessDenied"}, "After 0 of audit: AccessDenied"),
        ({"Status": "CANCELLED"}, "it was cancelled"),
    ],
)
def test_a_move_that_fails_says_why(
    stack: Place, send_back: Callable[..., Sent], state: dict[str, Any], said: str
) -> None:
    die(stack, 1)
    answers: dict[str, Any] = {
        "StartMessageMoveTask": lambda _: (200, {"TaskHandle": "task"}),
        "ListMessageMoveTasks": lambda _: (200, {"Results": [state]}),
    }

    with all_answering(stack.cloud.sqs, answers), pytest.raises(OperatorError, match=said):
        send_back()


def test_a_second_move_at_once_is_refused_by_the_cloud(
    stack: Place, send_back: Callable[..., Sent]
) -> None:
    die(stack, 1)
    busy = {"Error": {"Code": "InvalidParameterValue", "Message": "there is already a task"}}

    with (
        answering(stack.cloud.sqs, "StartMessageMoveTask", lambda _: (400, busy)),
        pytest.raises(OperatorError, match="there is already a task"),
    ):
        send_back()


def test_a_move_that_is_interrupted_is_cancelled(stack: Place) -> None:
    die(stack, 1)
    cancelled: list[bytes] = []

    def cancel(body: bytes) -> tuple[int, dict[str, Any]]:
        cancelled.append(body)
        return 200, {}

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    answers: dict[str, Any] = {
        "StartMessageMoveTask": lambda _: (200, {"TaskHandle": "task"}),
        "ListMessageMoveTasks": lambda _: (200, {"Results": [{"Status": "RUNNING"}]}),
        "CancelMessageMoveTask": cancel,
    }
    with all_answering(stack.cloud.sqs, answers), pytest.raises(KeyboardInterrupt):
        redrive.redrive(stack, "audit", rate=1, progress=silent(), pause=interrupt)

    assert json.loads(cancelled[0]) == {"TaskHandle": "task"}


def subscribe(hook: str, *, is_active: bool) -> None:
    bootstrap.subscriptions().add(
        endpoint("https://receiver.example.com/hook", id=hook, is_active=is_active),
        audit=samples.story()[0].audit,  # whatever it says
    )


def given_up(event_number: int, hook: str) -> Delivery:
    event = published(samples.story()[event_number])
    bootstrap.deliveries().keep_event(event, AT)
    gone = Answered(status=410, duration_ms=1, answer="")
    delivery = Delivery.of(hook, event, AT).begun(AT)
    bootstrap.deliveries().save(delivery)
    dead = delivery.ended(gone, AT, chance=0)
    bootstrap.deliveries().save(dead)
    return dead


def test_deliveries_that_were_given_up_are_tried_again_but_for_those_nobody_wants(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    for hook, is_active in (("wh_1", True), ("wh_2", False)):
        subscribe(hook, is_active=is_active)
    dead = [given_up(0, "wh_1"), given_up(1, "wh_1"), given_up(0, "wh_2")]
    assert len(dead_letters.seen(stack, "deliveries").letters) == 3

    assert send_back("deliveries") == Sent(2, ("wh_2 is not active",))

    assert [order["delivery_id"] for order in aws.ordered()] == [dead[0].id, dead[1].id]
    again = bootstrap.deliveries().get("wh_1", dead[0].id)
    assert again is not None
    assert again.status is DeliveryStatus.PENDING
    assert [entry.action for entry in told_to_audit(aws)] == ["WEBHOOK_REDELIVER"] * 2
    assert send_back("deliveries") == Sent(0, ("wh_2 is not active",))


def test_deliveries_that_were_given_up_are_found_behind_any_number_of_newer_ones(
    stack: Place, aws: Aws, send_back: Callable[..., Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infra_given_up, "PAGE", 1)
    monkeypatch.setattr(dead_letters, "MAX_SHOWN", 1)
    for hook in ("wh_1", "wh_2"):
        subscribe(hook, is_active=True)
    dead = [given_up(number, hook) for number in (0, 1) for hook in ("wh_1", "wh_2")]
    newer = Delivery.of("wh_1", published(samples.story()[2]), AT).begun(AT)
    bootstrap.deliveries().save(newer)

    found = dead_letters.seen(stack, "deliveries")
    assert ([each.id for each in found.letters], found.more) == (
        [dead[2].event_id],
        {"deliveries": 3},
    )
    assert send_back("deliveries") == Sent(4)

    assert [order["delivery_id"] for order in aws.ordered()] == [each.id for each in dead]
    assert dead_letters.seen(stack, "deliveries").letters == ()


#: A stream's record that tells of a change, and the letter that Lambda wrote when it gave up on it.
RECORD = samples.read("relay.json")["Records"][2]
GIVEN_UP = {
    "requestContext": {"condition": "RetryAttemptsExhausted"},
    "DDBStreamBatchInfo": {
        "streamArn": RECORD["eventSourceARN"],
        "startSequenceNumber": RECORD["dynamodb"]["SequenceNumber"],
        "endSequenceNumber": RECORD["dynamodb"]["SequenceNumber"],
        "approximateArrivalOfFirstRecord": "2026-03-10T12:00:00Z",
        "approximateArrivalOfLastRecord": "2026-03-10T12:01:00Z",
        "batchSize": 1,
    },
}


OLD_SHARD, NEW_SHARD = "shardId-00000000000000000000-old", "shardId-00000000000000000000-new"


def stream_of(*records: dict[str, Any]) -> dict[str, Any]:
    """Return answers of a stream of two shards, that has these records in the second."""
    spans = {
        OLD_SHARD: {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"},
        NEW_SHARD: {"StartingSequenceNumber": "3"},
    }
    shards = [{"ShardId": name, "SequenceNumberRange": span} for name, span in spans.items()]
    return {
        "DescribeStream": lambda _: (200, {"StreamDescription": {"Shards": shards}}),
        "GetShardIterator": lambda body: (200, {"ShardIterator": json.loads(body)["ShardId"]}),
        "GetRecords": lambda body: (
            200,
            {
                "Records": list(records) if json.loads(body)["ShardIterator"] == NEW_SHARD else [],
                "NextShardIterator": NEW_SHARD,
            },
        ),
    }


def park(stack: Place, letter: dict[str, Any] | str) -> None:
    body = letter if isinstance(letter, str) else json.dumps(letter)
    client("sqs").send_message(QueueUrl=stack.outputs["RelayDeadLetterQueueUrl"], MessageBody=body)


def test_what_lambda_gave_up_on_is_told_from_the_stream(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    park(stack, GIVEN_UP)

    with all_answering(stack.cloud.dynamodbstreams, stream_of(RECORD)), relay_called(stack):
        assert send_back("relay") == Sent(1)

    approved = samples.story()[2]
    told = [message["detail"]["id"] for message in aws.on_the_bus()]
    assert told == [approved.events[0].id, approved.audit.id]
    assert dead_letters.seen(stack, "relay").letters == ()


def test_what_the_stream_has_forgotten_stays_and_says_what_to_do(
    stack: Place, send_back: Callable[..., Sent]
) -> None:
    park(stack, GIVEN_UP)
    park(stack, "no letter")
    trimmed = {"Error": {"Code": "TrimmedDataAccessException", "Message": "gone"}}
    answers = stream_of() | {"GetShardIterator": lambda _: (400, trimmed)}

    with all_answering(stack.cloud.dynamodbstreams, answers), relay_called(stack) as calls:
        sent = send_back("relay")

    assert (sent.count, calls) == (0, [])
    (forgotten,) = (line for line in sent.left if "forgotten" in line)
    assert "from 2026-03-10T12:00:00Z to 2026-03-10T12:01:00Z" in forgotten
    assert len(dead_letters.seen(stack, "relay").letters) == 2  # at once


def test_what_was_set_aside_is_told_from_its_row_once_that_is_mended(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    samples.keep_story()
    broken = json.loads(json.dumps(RECORD))
    broken["dynamodb"]["NewImage"]["outbox"] = {"S": "{"}
    relay.relay({"Records": [broken]}, None)
    (aside,) = aws.set_aside()
    park(stack, aside | {"table": "test-requests"})

    with all_answering(stack.cloud.dynamodbstreams, stream_of(broken)), relay_called(stack):
        assert send_back("relay") == Sent(1)

    approved = samples.story()[2]
    told = [message["detail"]["id"] for message in aws.on_the_bus()]
    assert told == [approved.events[0].id, approved.audit.id]


def test_what_was_set_aside_of_a_row_that_has_changed_since_stays(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    samples.keep_story()  # the row is as the third change left it
    broken = samples.read("relay.json")["Records"][1]
    broken["dynamodb"]["NewImage"]["outbox"] = {"S": "{"}
    relay.relay({"Records": [broken]}, None)
    (aside,) = aws.set_aside()
    park(stack, aside | {"table": "test-requests"})

    with all_answering(stack.cloud.dynamodbstreams, stream_of(broken)), relay_called(stack):
        sent = send_back("relay")

    assert (sent.count, aws.on_the_bus()) == (0, [])
    assert "has changed since" in sent.left[0]
    assert len(dead_letters.seen(stack, "relay").letters) == 1


def test_what_was_set_aside_of_a_row_that_is_gone_stays(
    stack: Place, aws: Aws, send_back: Callable[..., Sent]
) -> None:
    broken = json.loads(json.dumps(RECORD))
    broken["dynamodb"]["NewImage"]["outbox"] = {"S": "{"}
    relay.relay({"Records": [broken]}, None)
    (aside,) = aws.set_aside()
    park(stack, aside | {"table": "test-requests"})

    with all_answering(stack.cloud.dynamodbstreams, stream_of(broken)), relay_called(stack):
        sent = send_back("relay")

    assert sent == Sent(0, ("test-requests has REQUEST#20260000001 REQUEST no more",))


def test_a_cloud_that_cannot_be_asked_is_one_line(stack: Place) -> None:
    park(stack, GIVEN_UP)
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "not for you"}}
    answers: dict[str, Any] = {"DescribeStream": lambda _: (400, denied)}

    with (
        all_answering(stack.cloud.dynamodbstreams, answers),
        pytest.raises(OperatorError, match="DescribeStream: not for you") as caught,
    ):
        redrive.redrive(stack, "relay", rate=50, progress=silent())

    assert isinstance(caught.value.__cause__, ClientError)
