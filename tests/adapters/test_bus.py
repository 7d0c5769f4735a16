"""What a change tells reaches the bus, whole or not at all."""

import json

import pytest
from botocore.exceptions import ClientError

from chalicelib import bootstrap
from chalicelib.adapters import aws as aws_clients
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.messages import UntellableError, audit_entry_of, event_of
from tests.botocore_answers import answering, calls_of
from tests.conftest import Aws
from tests.factories import SEAL_KEY, approved, signed

CHANGE = approved(notes="R&D < 5 % 你好 😀")


def test_events_and_the_audit_entry_go_out_under_their_own_sources(aws: Aws) -> None:
    bootstrap.bus().publish(CHANGE.events, CHANGE.audit)

    event, audit = aws.on_the_bus()
    assert (event["source"], event["detail-type"]) == (
        "budget-requests",
        "budget_request.approved",
    )
    assert event["detail"] == signed(CHANGE.events[0])
    assert (audit["source"], audit["detail-type"]) == ("budget-requests.audit", "audit.entry")


def test_our_workers_read_back_what_was_published(aws: Aws) -> None:
    bootstrap.bus().publish(CHANGE.events, CHANGE.audit)

    event, audit = aws.on_the_bus()
    read = event_of(json.dumps(event), seal_keys=[SEAL_KEY.decode()])
    assert (read.id, read.type, read.time) == (
        CHANGE.events[0].id,
        CHANGE.events[0].type,
        CHANGE.events[0].time,
    )
    assert (read.request_id, read.department) == (CHANGE.after.id, "finance")
    assert audit_entry_of(json.dumps(audit), seal_keys=[SEAL_KEY.decode()]) == CHANGE.audit


def test_more_than_one_call_takes_are_sent_in_several(aws: Aws) -> None:
    (event,) = CHANGE.events
    many = tuple(event.model_copy(update={"id": f"evt_{n}"}) for n in range(25))

    bootstrap.bus().publish(many, CHANGE.audit)

    published = aws.on_the_bus()
    assert len(published) == 26
    assert {message["detail"]["id"] for message in published} == {
        CHANGE.audit.id,
        *(e.id for e in many),
    }


def test_entries_the_bus_did_not_take_are_named(aws: Aws) -> None:  # noqa: ARG001 - the engine
    failed = {
        "FailedEntryCount": 1,
        "Entries": [
            {"EventId": "1"},
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"},
        ],
    }

    with (
        answering(aws_clients.client("events"), "PutEvents", lambda _: (200, failed)),
        pytest.raises(DeliveryFailedError, match=r"did not take audit\.entry: ThrottlingException"),
    ):
        bootstrap.bus().publish(CHANGE.events, CHANGE.audit)


def test_large_entries_go_in_calls_of_their_own(aws: Aws) -> None:
    (event,) = CHANGE.events
    large = {**event.data, "padding": "x" * 150_000}
    many = tuple(event.model_copy(update={"id": f"evt_{n}", "data": large}) for n in range(3))

    with calls_of(aws_clients.client("events")) as calls:
        bootstrap.bus().publish(many, CHANGE.audit)

    assert [len(call["Entries"]) for _, call in calls] == [1, 1, 2]
    assert len(aws.on_the_bus()) == 4


def test_what_is_larger_than_the_bus_takes_is_refused_before_anything_is_told(aws: Aws) -> None:
    (event,) = CHANGE.events
    huge = event.model_copy(update={"data": {"padding": "你" * 350_000}})

    with pytest.raises(UntellableError, match=r"budget_request\.approved has 10\d{5} bytes"):
        bootstrap.bus().publish((*CHANGE.events, huge), CHANGE.audit)

    assert aws.on_the_bus() == []


def test_what_the_bus_will_never_take_is_told_apart(aws: Aws) -> None:  # noqa: ARG001 - the engine
    refused = {"Error": {"Code": "ValidationException", "Message": "too large"}}

    with (
        answering(aws_clients.client("events"), "PutEvents", lambda _: (400, refused)),
        pytest.raises(UntellableError, match="the bus refused it: too large"),
    ):
        bootstrap.bus().publish(CHANGE.events, CHANGE.audit)


def test_a_call_that_may_pass_is_no_refusal(aws: Aws) -> None:  # noqa: ARG001 - the engine
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "not yet"}}

    with (
        answering(aws_clients.client("events"), "PutEvents", lambda _: (400, denied)),
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        bootstrap.bus().publish(CHANGE.events, CHANGE.audit)
