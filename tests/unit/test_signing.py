"""Signatures hold for those who verify them with tools of their own."""

import base64
import hashlib
import hmac
import json
import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import rfc8785
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain import signing
from tests.factories import SIGNING_KEY, approved, signed

BODY = b'{"event":"budget_request.approved"}'


def test_the_official_library_verifies_our_webhooks() -> None:
    secret = signing.format_secret(SIGNING_KEY)
    seconds = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": signing.sign(SIGNING_KEY, "evt_1", seconds, BODY),
    }

    assert Webhook(secret).verify(BODY.decode(), headers) == json.loads(BODY)
    for changed in (
        headers | {"webhook-id": "evt_2"},
        headers | {"webhook-timestamp": str(seconds - 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(BODY.decode(), changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.format_secret(b"another key")).verify(BODY.decode(), headers)


def test_the_guides_signature_is_a_hex_hmac_of_the_body() -> None:
    expected = hmac.new(SIGNING_KEY, BODY, hashlib.sha256).hexdigest()

    assert signing.hex_hmac(SIGNING_KEY, BODY) == expected


def test_a_bus_message_is_signed_over_its_canonical_data() -> None:
    message = json.loads(json.dumps(signed(approved().events[0])))

    seconds = math.floor(datetime.fromisoformat(message["time"]).timestamp())
    covered = f"{message['id']}.{seconds}.".encode() + rfc8785.dumps(message["data"])
    digest = hmac.new(SIGNING_KEY, covered, hashlib.sha256).digest()
    assert message["signature"] == "v1," + base64.b64encode(digest).decode()
    assert message["keyId"] == "budget-requests"


def test_a_bus_message_is_a_cloudevent() -> None:
    (event,) = approved().events

    message = signed(event)

    assert {
        k: v for k, v in message.items() if k not in {"data", "signature", "keyId", "seal"}
    } == {
        "specversion": "1.0",
        "id": event.id,
        "source": "budget-requests",
        "type": "budget_request.approved",
        "subject": "BR-2026-001",
        "time": "2026-03-10T12:01:00.000Z",
        "datacontenttype": "application/json",
    }


def test_a_fraction_of_a_second_does_not_change_what_is_signed() -> None:
    whole = datetime(2026, 3, 10, 12, 0, 0, tzinfo=UTC)
    late = whole.replace(microsecond=999_999)

    assert signing.sign_data(SIGNING_KEY, "e", whole, {}) == signing.sign_data(
        SIGNING_KEY, "e", late, {}
    )


def test_amounts_with_cents_have_one_canonical_form() -> None:
    (event,) = approved(amountRequested=Decimal("0.30")).events

    assert b'"amountRequested":0.3,' in rfc8785.dumps(signed(event)["data"])


def test_a_secret_reads_back_as_the_key_it_stands_for() -> None:
    assert signing.secret_bytes(signing.format_secret(SIGNING_KEY)) == SIGNING_KEY


@pytest.mark.parametrize("secret", ["", "a2V5", "whsec_not base64", "whsec_a2V5!"])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="a webhook secret"):
        signing.secret_bytes(secret)
