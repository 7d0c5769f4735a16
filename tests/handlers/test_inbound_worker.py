"""The inbound worker on DynamoDB and the bus: what partners ask for, once, and what they hear."""

import json
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
import time_machine

from chalicelib import bootstrap
from chalicelib.domain.bus_keys import Command
from chalicelib.domain.inbound import Parked
from chalicelib.domain.requests import ReservationStatus
from chalicelib.domain.signing import sign
from chalicelib.handlers.inbound import inbound as worker
from tests import samples, stored
from tests.conftest import Aws, Logs
from tests.factories import (
    AT,
    LATER,
    SIGNING_KEY,
    bus_key,
    created,
    purchase_data,
)
from tests.handlers.workers import POISON, again, poison, run, run_sample
from tests.partner import Partner, Reply

ASKS_FOR_A_REQUEST = "inbound-purchase-request-approved.json"
ASKS_FOR_A_SYNC = "inbound-budget-updated.json"
CONSUMES = "inbound-consumed.json"
RELEASES = "inbound-release-requested.json"


@pytest.fixture(autouse=True)
def known_partner(finance: Partner) -> Partner:
    """A partner that may ask for everything, a Finance that answers, and the sampled moment."""
    bootstrap.bus_keys().add(bus_key(), audit=created().audit)
    return finance


@pytest.fixture(autouse=True)
def clock() -> Any:  # noqa: ANN401 - what a generator fixture gives
    with time_machine.travel(LATER + timedelta(seconds=2), tick=False) as traveller:
        yield traveller


def record(name: str) -> dict[str, Any]:
    (only,) = samples.read(name)["Records"]
    return dict(only)


def requests(aws: Aws) -> list[dict[str, Any]]:
    return [row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]


def parked() -> tuple[Parked, ...]:
    return bootstrap.parked_messages().of_day(AT.date(), limit=99)


def rejected(aws: Aws) -> list[dict[str, Any]]:
    return [each for each in aws.on_the_bus() if each["detail-type"] == "message.rejected"]


def test_an_approved_purchase_request_becomes_one_submitted_request(aws: Aws) -> None:
    message = record(ASKS_FOR_A_REQUEST)

    assert run(worker, message, again(message, 2)) == []
    assert run(worker, again(message, 3)) == []

    (row,) = requests(aws)
    body = json.loads(stored.state(row))
    assert body["linkedPurchaseRequestId"] == "PR-77"
    assert (body["status"], body["isDraft"]) == ("PENDING", False)
    assert body["requestedBy"] == "bus:procurement"
    assert row["linked_to"] == {"S": "PR-77"}
    assert rejected(aws) == []


def test_an_updated_budget_is_fetched(finance: Partner) -> None:
    assert run_sample(worker, ASKS_FOR_A_SYNC) == []

    (call,) = finance.received
    assert call.path == "/api/budgets/finance/2026/Q1"


def test_a_hold_is_consumed_by_the_same_verbs_as_everything() -> None:
    held = samples.keep_story()[-1].after
    message = record(CONSUMES)

    assert run(worker, message, again(message, 2)) == []

    consumed = bootstrap.requests().get(held.id)
    assert consumed.reservation_status is ReservationStatus.CONSUMED
    assert consumed.version == held.version + 1


def test_a_hold_is_released_on_request(aws: Aws) -> None:
    held = samples.keep_story()[-1].after

    assert run_sample(worker, RELEASES) == []
    assert run(worker, samples.record("inbound", _consume(held.id, "msg-2"), 2)) == []

    assert bootstrap.requests().get(held.id).reservation_status is ReservationStatus.RELEASED
    (answer,) = rejected(aws)
    assert answer["detail"]["data"]["code"] == "ALREADY_RELEASED"


def _consume(request_id: int, message_id: str) -> dict[str, Any]:
    return samples.asking(Command.CONSUMED, {"budgetRequestId": request_id}, id=message_id)


def test_a_tampered_message_changes_nothing_and_is_parked_answered_and_counted(
    aws: Aws, logs: Logs
) -> None:
    message = samples.asking(Command.PURCHASE_REQUEST_APPROVED, purchase_data())
    message["detail"]["data"]["amountRequested"] = 9_999_999

    assert run(worker, samples.record("inbound", message, 1)) == []

    assert requests(aws) == []
    (kept,) = parked()
    assert json.loads(kept.content)["detail"]["data"]["amountRequested"] == 9_999_999
    (answer,) = rejected(aws)
    assert answer["source"] == "budget-requests"
    told = answer["detail"]
    assert told["data"]["reason"] == "BAD_SIGNATURE"
    assert (told["data"]["id"], told["data"]["source"]) == ("msg-1", "procurement")
    assert "9999999" not in json.dumps(answer)
    seconds = int((LATER + timedelta(seconds=2)).timestamp())
    assert told["signature"] == sign(SIGNING_KEY, told["id"], seconds, rfc8785.dumps(told["data"]))
    (line,) = logs.at("WARNING")
    assert (line["message"], line["reason"]) == ("message rejected", "BAD_SIGNATURE")
    assert line["key_id"] == bus_key().key_id


def test_what_nobody_can_read_does_not_come_back(aws: Aws) -> None:
    messages = [poison(body, number) for number, body in enumerate([*POISON, ""])]
    huge = samples.asking(Command.PURCHASE_REQUEST_APPROVED, purchase_data(note="x" * 300_000))

    assert run(worker, *messages, samples.record("inbound", huge, 9)) == []

    assert {each.reason for each in parked()} == {"MALFORMED"}
    assert len(parked()) == len(rejected(aws)) == len(messages) + 1


def test_a_silent_finance_brings_the_message_back_and_it_does_not_grow_old(
    finance: Partner, clock: time_machine.Traveller
) -> None:
    message = record(ASKS_FOR_A_SYNC)
    finance.next.append(Reply(503))

    assert run(worker, message) == [message["messageId"]]
    clock.shift(timedelta(hours=4))
    assert run(worker, message) == []

    # From the dead letters it comes with another time of arrival.
    finance.next.append(Reply(503))
    other = samples.record(
        "inbound", samples.asking(Command.BUDGET_UPDATED, {"department": "hr"}, id="msg-2"), 2
    )
    assert run(worker, other) == [other["messageId"]]
    other["attributes"] = other["attributes"] | {
        "SentTimestamp": str(int((LATER + timedelta(days=9)).timestamp() * 1000))
    }
    clock.shift(timedelta(days=9))
    assert run(worker, other) == []
    assert parked() == ()


def test_a_message_that_arrives_old_is_refused() -> None:
    message = record(ASKS_FOR_A_REQUEST)
    late = LATER + timedelta(minutes=5, seconds=1)
    message["attributes"] = {
        **message["attributes"],
        "SentTimestamp": str(int(late.timestamp() * 1000)),
    }

    assert run(worker, message) == []

    assert [each.reason for each in parked()] == ["TOO_OLD"]


def test_a_revoked_key_is_unknown_at_once(aws: Aws) -> None:
    bootstrap.bus_keys().revoke(bus_key(), by="operator", at=AT, audit=created().audit)

    assert run_sample(worker, ASKS_FOR_A_REQUEST) == []

    assert [each.reason for each in parked()] == ["UNKNOWN_KEY"]
    assert requests(aws) == []
