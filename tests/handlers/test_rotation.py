"""While one secret takes the other's place, what either of them made is taken."""

import json
from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.adapters import secrets
from chalicelib.domain.bus_keys import Command
from chalicelib.domain.messages import ForgedError, cloud_event, event_of
from chalicelib.domain.signing import SEAL, seal
from chalicelib.handlers.inbound import inbound
from chalicelib.settings import SERVICE_NAME
from tests import samples
from tests.conftest import Aws, client, forget_everything
from tests.factories import (
    BUS_KEYS_SECRET,
    LATER,
    SEAL_KEY,
    SIGNING_KEY,
    bus_key,
    created,
    purchase_data,
    sealed,
    signed,
)
from tests.handlers.workers import run
from tests.http_api import JWT_SECRET, Api, claims, token
from tests.partner import Partner

NEW = "the-secret-that-takes-the-place-of-the-other"

Rotate = Callable[[], None]
Keep = Callable[[str, str], Rotate]


@pytest.fixture
def keep(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Keep:  # noqa: ARG001 - it lives there
    """Have a secret be kept in the cloud; what comes back rotates it."""

    def keep_in_the_cloud(variable: str, value: str) -> Rotate:
        kept = client("secretsmanager").create_secret(Name=variable, SecretString=value)["ARN"]
        monkeypatch.delenv(variable)
        monkeypatch.setenv(f"{variable}_ARN", kept)
        forget_everything()

        def rotate() -> None:
            client("secretsmanager").put_secret_value(SecretId=kept, SecretString=NEW)
            secrets._cache.clear()

        return rotate

    return keep_in_the_cloud


def signed_with(secret: str, **more: object) -> str:
    return jwt.encode(claims() | more, secret, algorithm="HS256")


def test_tokens_of_both_secrets_are_believed_and_of_no_third(api: Api, keep: Keep) -> None:
    keep("JWT_SECRET", JWT_SECRET)()

    def code(given: str) -> str:
        return api.call("GET", "/budget-requests/1", token=given).code

    assert code(signed_with(NEW)) == "NOT_FOUND"
    assert code(token()) == "NOT_FOUND"
    assert code(signed_with(JWT_SECRET, exp=1)) == "TOKEN_EXPIRED"
    assert code(signed_with("x" * 32)) == "INVALID_TOKEN"


def test_a_cursor_survives_the_rotation_of_the_secret_that_sealed_it(api: Api, keep: Keep) -> None:
    rotate = keep("JWT_SECRET", JWT_SECRET)
    ids = [api.draft() for _ in range(3)]
    page = api.get("/budget-requests?limit=1", "Finance Clerk")
    rotate()

    for expected in (ids[1], ids[0]):
        cursor = page.json["meta"]["nextCursor"]
        page = api.get(f"/budget-requests?limit=1&cursor={cursor}", "Finance Clerk")
        assert [row["id"] for row in page.json["data"]] == [expected]


def test_messages_signed_with_keys_of_either_root_are_taken(
    aws: Aws,
    keep: Keep,
    finance: Partner,  # noqa: ARG001 - the requests ask it
) -> None:
    rotate = keep("BUS_KEYS_SECRET", BUS_KEYS_SECRET)
    bootstrap.bus_keys().add(bus_key(), audit=created().audit)
    with time_machine.travel(LATER + timedelta(seconds=2), tick=False):
        rotate()
        before = samples.asking(Command.PURCHASE_REQUEST_APPROVED, purchase_data())
        assert run(inbound, samples.record("inbound", before, 1)) == []

    rows = [row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]
    assert len(rows) == 1
    assert aws.on_the_bus() == []


def test_events_are_signed_with_the_new_key_from_then_on(aws: Aws, keep: Keep) -> None:
    keep("BUS_SIGNING_KEY", SIGNING_KEY.decode())()
    (event,) = created().events
    bootstrap.bus().publish((event,), None)
    (message,) = aws.on_the_bus()
    assert message["detail"] == sealed(cloud_event(event, key=NEW.encode(), key_id=SERVICE_NAME))


def test_what_was_sealed_with_either_key_is_acted_on(keep: Keep) -> None:
    rotate = keep("BUS_SEAL_KEY", SEAL_KEY.decode())
    detail = signed(created().events[0])
    before = sealed(detail)
    rotate()
    after = detail | {SEAL: seal(NEW.encode(), detail)}
    for each in (before, after):
        event_of(json.dumps({"detail": each}), seal_keys=bootstrap.seal_keys())
    forged = detail | {SEAL: seal(b"another key", detail)}
    with pytest.raises(ForgedError):
        event_of(json.dumps({"detail": forged}), seal_keys=bootstrap.seal_keys())
