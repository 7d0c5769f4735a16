"""Relay: what a change tells goes from the table's stream to the bus, in order."""

import copy
import json
from base64 import b64encode
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters import aws as aws_clients
from chalicelib.adapters.keys import told_sk
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.messages import UntellableError
from chalicelib.handlers import relay
from tests import samples, stored
from tests.botocore_answers import answering
from tests.conftest import Aws, Logs, client
from tests.factories import sealed, signed

SAMPLE = "relay.json"


def told(aws: Aws) -> list[str]:
    return [message["detail"]["id"] for message in aws.on_the_bus()]


def test_every_change_of_the_stream_is_told_in_order(aws: Aws) -> None:
    relay.relay(samples.read(SAMPLE), None)

    expected = [i for change in samples.story() for i in (change.events[0].id, change.audit.id)]
    assert told(aws) == expected


def test_what_is_told_is_what_was_committed(aws: Aws) -> None:
    relay.relay(samples.read(SAMPLE), None)

    approved = samples.story()[-1]
    *_, event, audit = aws.on_the_bus()
    assert event["detail"] == signed(approved.events[0])
    assert audit["detail"] == sealed(approved.audit.model_dump(mode="json"))


def test_rows_that_tell_nothing_are_passed_over(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    removed, child = copy.deepcopy(payload["Records"][:2])
    removed["eventName"] = "REMOVE"
    del removed["dynamodb"]["NewImage"]
    child["dynamodb"]["NewImage"]["body"] = {"S": "[]"}
    payload["Records"] = [removed, child, payload["Records"][2]]

    relay.relay(payload, None)

    approved = samples.story()[-1]
    assert told(aws) == [approved.events[0].id, approved.audit.id]


def test_what_stands_in_a_row_since_an_earlier_change_is_not_told_again(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    touched = copy.deepcopy(payload["Records"][2])
    touched["dynamodb"]["OldImage"] = copy.deepcopy(touched["dynamodb"]["NewImage"])
    payload["Records"].append(touched)

    relay.relay(payload, None)

    ids = told(aws)
    assert len(ids) == len(set(ids)) == 2 * len(samples.story())


def test_a_row_of_the_form_before_packing_is_told_as_any_other(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    *_, last = payload["Records"]
    last["dynamodb"]["NewImage"] = stored.unpacked(last["dynamodb"]["NewImage"])
    payload["Records"] = [last]

    relay.relay(payload, None)

    approved = samples.story()[-1]
    assert told(aws) == [approved.events[0].id, approved.audit.id]


def test_a_row_that_was_packed_since_is_not_told_again(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    *_, last = payload["Records"]
    last["dynamodb"]["OldImage"] = stored.unpacked(last["dynamodb"]["NewImage"])
    payload["Records"] = [last]

    relay.relay(payload, None)

    assert told(aws) == []


UNREADABLE = [
    pytest.param(
        {"outbox": {"S": '{"events": "secret words"}'}}, "read: events", id="another form"
    ),
    pytest.param({"outbox": {"S": '{"events": ["secret words"'}}, "cannot be read", id="cut off"),
    pytest.param({"outbox": {"N": "7"}}, "is no text", id="no text"),
    pytest.param({"outbox": {"B": "e30="}}, "is no text", id="bytes"),
    pytest.param(
        {"body": {"B": b64encode(b"\xffodd words").decode()}}, "not known", id="packed otherwise"
    ),
]


@pytest.mark.parametrize(("attributes", "reason"), UNREADABLE)
def test_what_can_never_be_told_is_set_aside_and_the_rest_goes_on(
    aws: Aws, logs: Logs, attributes: dict[str, dict[str, str]], reason: str
) -> None:
    payload = samples.read(SAMPLE)
    poison = payload["Records"][1]
    poison["dynamodb"]["NewImage"] |= attributes

    relay.relay(payload, None)

    first, _, last = samples.story()
    assert told(aws) == [i for c in (first, last) for i in (c.events[0].id, c.audit.id)]
    (aside,) = aws.set_aside()
    keys = {name: value["S"] for name, value in poison["dynamodb"]["Keys"].items()}
    assert (aside["table"], aside["key"]) == ("budget-requests", keys)
    assert aside["sequenceNumber"] == poison["dynamodb"]["SequenceNumber"]
    assert reason in aside["reason"]
    (line,) = logs.at("ERROR")
    assert line["message"] == "record set aside"
    assert (line["table"], line["reason"]) == (aside["table"], aside["reason"])
    assert "secret words" not in logs.text + json.dumps(aside)


def test_what_the_bus_will_never_take_is_set_aside(aws: Aws) -> None:
    def refuse_the_second(body: bytes) -> tuple[int, dict[str, Any]] | None:
        if samples.story()[1].events[0].id.encode() not in body:
            return None
        answers = [{"ErrorCode": "MalformedDetail"}, {"EventId": "1"}]
        return 200, {"FailedEntryCount": 1, "Entries": answers}

    with answering(aws_clients.client("events"), "PutEvents", refuse_the_second):
        relay.relay(samples.read(SAMPLE), None)

    (aside,) = aws.set_aside()
    assert aside["reason"] == "the bus refused budget_request.submitted: MalformedDetail"
    first, _, last = samples.story()
    assert told(aws) == [i for c in (first, last) for i in (c.events[0].id, c.audit.id)]


def test_what_the_queue_did_not_take_is_not_set_aside_and_comes_back(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    payload["Records"][0]["dynamodb"]["NewImage"]["outbox"] = {"S": "{"}
    client("sqs").delete_queue(QueueUrl=aws.set_aside_queue_url)

    with pytest.raises(ClientError, match="NonExistentQueue"):
        relay.relay(payload, None)


def test_what_an_operator_has_told_again_is_never_set_aside(aws: Aws) -> None:
    payload = samples.read(SAMPLE) | {"byHand": True}
    payload["Records"][2]["dynamodb"]["NewImage"]["outbox"] = {"S": "{"}

    with pytest.raises(UntellableError, match="cannot be read"):
        relay.relay(payload, None)

    assert aws.set_aside() == []


def test_what_is_told_is_kept_in_the_order_of_the_changes(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    for _ in range(2):  # a batch that comes again is kept once
        relay.relay(payload, None)

    rows = sorted(aws.rows("told"), key=lambda row: (row["pk"]["S"], row["sk"]["S"]))
    assert [stored.told(row) for row in rows] == [
        stored.outbox(record["dynamodb"]["NewImage"]) for record in payload["Records"]
    ]
    expected = [
        (f"TOLD#{c.audit.time.date()}", told_sk(c.audit.time, c.audit.id)) for c in samples.story()
    ]
    assert [(row["pk"]["S"], row["sk"]["S"]) for row in rows] == expected
    assert {
        int(row["expires_at"]["N"]) - int(c.audit.time.timestamp())
        for row, c in zip(rows, samples.story(), strict=True)
    } == {30 * 24 * 3600}


def test_nothing_is_published_that_could_not_be_kept(aws: Aws) -> None:
    payload = samples.read(SAMPLE)

    def refuse(_: bytes) -> tuple[int, dict[str, Any]]:
        return 400, {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}

    with (
        answering(aws_clients.client("dynamodb"), "PutItem", refuse),
        pytest.raises(ClientError, match="slow down"),
    ):
        relay.relay(payload, None)

    assert told(aws) == []


@pytest.mark.usefixtures("aws")
def test_entries_the_bus_did_not_take_bring_the_batch_back() -> None:
    failed: dict[str, Any] = {
        "FailedEntryCount": 2,
        "Entries": [{"ErrorCode": "InternalFailure"}, {"ErrorCode": "InternalFailure"}],
    }

    with (
        answering(aws_clients.client("events"), "PutEvents", lambda _: (200, failed)),
        pytest.raises(DeliveryFailedError, match=r"budget_request\.created: InternalFailure"),
    ):
        relay.relay(samples.read(SAMPLE), None)


def test_a_batch_that_comes_again_is_told_with_the_same_ids(aws: Aws) -> None:
    for _ in range(2):
        relay.relay(samples.read(SAMPLE), None)

    ids = told(aws)
    assert ids[: len(ids) // 2] == ids[len(ids) // 2 :]
