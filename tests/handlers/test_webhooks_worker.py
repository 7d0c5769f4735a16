"""The webhooks worker: queue → subscribers, over real sockets."""

import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook

from chalicelib import bootstrap
from chalicelib.domain import signing
from chalicelib.domain.webhooks import Subscription
from chalicelib.handlers.webhooks import webhooks
from tests import samples
from tests.conftest import Aws, Logs
from tests.factories import AT
from tests.handlers.workers import again, run, run_sample
from tests.partner import Partner, Reply

SAMPLE = "webhooks.json"
SECRET = signing.format_secret(b"s" * 32)


def subscribe(partner: Partner, number: int = 1, *events: str) -> None:
    bootstrap.subscriptions().add(
        Subscription(
            id=f"wh_{number}",
            url=f"{partner.url}/hook",
            events=events or ("*",),
            departments=(),
            description=None,
            is_active=True,
            created_by="u-superadmin",
            created_at=AT,
        ),
        SECRET,
    )


@pytest.mark.usefixtures("aws")
def test_a_subscriber_gets_the_event_and_can_verify_it(partner: Partner) -> None:
    subscribe(partner)

    assert run_sample(webhooks, SAMPLE) == []

    (call,) = partner.received
    (event,) = samples.story()[-1].events
    told = Webhook(SECRET).verify(call.body.decode(), call.headers)
    assert told == {
        "event": "budget_request.approved",
        "timestamp": "2026-03-10T12:01:00.000Z",
        "data": event.payload(),
    }
    assert call.headers["x-webhook-signature"] == signing.hex_hmac(b"s" * 32, call.body)
    assert call.headers["x-webhook-event"] == "budget_request.approved"


@pytest.mark.usefixtures("aws")
def test_an_event_that_comes_again_is_posted_once(partner: Partner) -> None:
    subscribe(partner)
    (record,) = samples.read(SAMPLE)["Records"]

    assert run(webhooks, record, again(record, 2)) == []
    assert run(webhooks, again(record, 3)) == []

    assert len(partner.received) == 1


@pytest.mark.usefixtures("aws")
def test_a_subscriber_that_fails_brings_only_its_own_post_back(
    partners: Callable[[], Partner], logs: Logs
) -> None:
    failing, fine = partners(), partners()
    failing.usual = Reply(500, b"no")
    subscribe(failing, 1)
    subscribe(fine, 2)
    (record,) = samples.read(SAMPLE)["Records"]

    assert run(webhooks, record) == [record["messageId"]]
    failing.usual = Reply(204)
    assert run(webhooks, again(record, 2)) == []

    assert (len(failing.received), len(fine.received)) == (2, 1)
    (line, _) = logs.at("WARNING")
    assert (line["code"], line["why"]) == ("DELIVERY_FAILED", "wh_1: the receiver said 500")


def test_every_attempt_is_recorded(aws: Aws, partner: Partner) -> None:
    subscribe(partner)
    partner.next.append(Reply(503, b"busy"))
    (record,) = samples.read(SAMPLE)["Records"]

    run(webhooks, record)
    run(webhooks, again(record, 2))

    rows = [row for row in aws.rows("webhooks") if row["pk"]["S"] == "DELIVERIES#wh_1"]
    attempts = [json.loads(row["body"]["S"]) for row in rows]
    assert [(attempt["status"], attempt["answer"]) for attempt in attempts] == [
        (503, "busy"),
        (200, ""),
    ]


@pytest.mark.usefixtures("aws")
def test_nobody_subscribed_is_nothing_to_do(partner: Partner) -> None:
    subscribe(partner, 1, "budget_request.rejected")

    assert run_sample(webhooks, SAMPLE) == []

    assert partner.received == []
