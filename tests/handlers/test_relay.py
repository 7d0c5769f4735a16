"""Relay: what a change tells goes from the table's stream to the bus, in order."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.adapters import aws as aws_clients
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.handlers import relay
from tests import samples
from tests.botocore_answers import answering
from tests.conftest import Aws
from tests.factories import signed

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
    assert audit["detail"] == approved.audit.model_dump(mode="json")


def test_rows_that_tell_nothing_are_passed_over(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    removed, child = copy.deepcopy(payload["Records"][:2])
    removed["eventName"] = "REMOVE"
    del removed["dynamodb"]["NewImage"]
    del child["dynamodb"]["NewImage"]["outbox"]
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


def test_nothing_overtakes_a_change_that_cannot_be_told(aws: Aws) -> None:
    payload = samples.read(SAMPLE)
    payload["Records"][1]["dynamodb"]["NewImage"]["outbox"]["S"] = '{"events": "secret words"}'

    with pytest.raises(ValidationError) as caught:
        relay.relay(payload, None)

    first = samples.story()[0]
    assert told(aws) == [first.events[0].id, first.audit.id]
    assert "secret words" not in str(caught.value)


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
