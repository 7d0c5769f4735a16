"""What a dead letter says of itself, and nothing of what it carries."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.deliveries import Answered, Delivery
from infra import letters
from tests import samples
from tests.factories import AT, published

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
STREAM = {
    "requestContext": {"condition": "RetryAttemptsExhausted"},
    "DDBStreamBatchInfo": {
        "batchSize": 3,
        "streamArn": "arn:aws:dynamodb:eu-central-1:1:table/Requests/stream/2026",
    },
}
ASIDE = {
    "table": "Requests",
    "key": {"sk": "REQUEST", "pk": "REQUEST#1"},
    "reason": "cannot be read",
    "sequenceNumber": "1",
}


def message(body: str, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": "m-1",
        "Body": body,
        "Attributes": {
            "SentTimestamp": str(int((NOW - timedelta(hours=25)).timestamp() * 1000)),
            "ApproximateReceiveCount": "15",
        },
        "MessageAttributes": {
            name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()
        },
    }


def body_of(sample: str) -> str:
    return str(samples.read(f"{sample}.json")["Records"][0]["body"])


BODIES = [
    pytest.param(
        body_of("finance"),
        ("event", "evt_20260000001_3_1", "budget_request.approved", "BR-2026-001", None),
        id="event",
    ),
    pytest.param(
        body_of("audit"),
        ("audit entry", "aud_20260000001_3", "APPROVE", "BR-2026-001", None),
        id="audit entry",
    ),
    pytest.param(
        json.dumps({"do": "deliver", "delivery_id": "dlv_1", "subscription_id": "wh_1"}),
        ("order", "dlv_1", "deliver", "wh_1", None),
        id="order",
    ),
    pytest.param('{"do": "sweep"}', ("order", None, "sweep", None, None), id="sweep"),
    pytest.param(
        json.dumps({"job": "sla-check", "runId": "run_1"}),
        ("job", "run_1", "sla-check", None, None),
        id="job",
    ),
    pytest.param(
        json.dumps(STREAM),
        ("changes", None, None, "3 of Requests", "RetryAttemptsExhausted"),
        id="what Lambda gave up on",
    ),
    pytest.param(
        json.dumps(ASIDE),
        ("change", None, None, "Requests REQUEST#1 REQUEST", "cannot be read"),
        id="what the relay set aside",
    ),
    *(
        pytest.param(text, ("unreadable", None, None, None, None), id=text)
        for text in ("", "no", "7", "[]", "{}", "null", '{"DDBStreamBatchInfo": 7}', "[" * 100_000)
    ),
    pytest.param(
        '{"detail": {"id": 7, "type": {"a": 1}, "data": "secret"}}',
        ("event", None, None, None, None),
        id="an event of another form",
    ),
    pytest.param(
        '{"sequenceNumber": 1, "key": 7}',
        ("change", None, None, None, None),
        id="a change of another form",
    ),
]


@pytest.mark.parametrize(("body", "told"), BODIES)
def test_a_letter_says_what_it_is(body: str, told: tuple[str | None, ...]) -> None:
    letter = letters.of_message("finance", message(body))

    assert (letter.kind, letter.id, letter.type, letter.about, letter.reason) == told
    assert letter.received == 14  # before it was looked at
    assert "secret" not in letter.model_dump_json()


def test_what_a_rule_could_not_deliver_says_why() -> None:
    body = body_of("finance")
    letter = letters.of_message(
        "finance", message(body, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed")
    )

    assert letter.reason == "the rule could not deliver it: NO_PERMISSIONS: not allowed"


def test_a_letter_is_one_line_for_a_person() -> None:
    known = letters.of_message("relay", message(json.dumps(ASIDE)))
    unknown = letters.of_message("jobs", message('{"job": "sla-check", "runId": "run_1"}'))

    assert known.line(NOW) == (
        "relay  change of Requests REQUEST#1 REQUEST: cannot be read; received 14 times, 1 d old"
    )
    assert unknown.line(NOW - timedelta(hours=23)) == (
        "jobs  job sla-check run_1: reason not known; received 14 times, 2 h old"
    )


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (Answered(status=500, duration_ms=1, answer=""), "the receiver said 500"),
        (Answered(status=None, duration_ms=1, answer="", error="it was silent"), "it was silent"),
    ],
)
def test_a_delivery_that_was_given_up_says_what_came_of_its_last_attempt(
    answered: Answered, reason: str
) -> None:
    delivery = Delivery.of("wh_1", published(samples.story()[2]), AT)
    tried = delivery.begun(AT).ended(answered, AT, chance=0)

    letter = letters.of_delivery("deliveries", tried)

    assert (letter.reason, letter.received, letter.about) == (reason, 1, "wh_1")
    assert letter.type == "budget_request.approved"
