"""The programs in docs/snippets do what they say, on what this service really sends and takes."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.domain import signing
from chalicelib.domain.bus_keys import Command, secret_of
from chalicelib.handlers.inbound import inbound
from tests import samples, stored
from tests.conftest import Aws
from tests.factories import BUS_KEYS_SECRET, bus_key, created, purchase_data
from tests.handlers.workers import run

SNIPPETS = Path(__file__).parents[2] / "docs" / "snippets"
KEY = bytes(range(32))
BODY = '{"event":"budget_request.approved","data":{"purpose":"Büro < 5 %"}}'.encode()
VERIFIERS = {"verify_webhook.py": sys.executable, "verify_webhook.sh": "sh"}
NODE = shutil.which("node")


def snippet(
    command: str, name: str, *arguments: str, given: bytes, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own programs
        [command, str(SNIPPETS / name), *arguments],
        input=given,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


def verified(name: str, at: int, signatures: str, body: bytes = BODY) -> str:
    done = snippet(
        VERIFIERS[name],
        name,
        "evt_1",
        str(at),
        signatures,
        given=body,
        WEBHOOK_SECRET=signing.format_secret(KEY),
    )
    told = done.stdout.decode().strip()
    assert done.returncode == (0 if told == "genuine" else 1), done.stderr
    return told


def test_every_snippet_is_tried_here() -> None:
    assert {path.name for path in SNIPPETS.iterdir()} == {*VERIFIERS, "sign_message.mjs"}


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_webhook_is_verified_as_we_sign_it(name: str) -> None:
    now = int(time.time())
    ours = signing.sign(KEY, "evt_1", now, BODY)
    other = signing.sign(b"another key", "evt_1", now, BODY)
    old = now - 600

    assert verified(name, now, ours) == "genuine"
    assert verified(name, now, f"{other} {ours}") == "genuine"
    assert verified(name, now, other) == "not genuine"
    assert verified(name, now, ours, BODY + b" ") == "not genuine"
    assert verified(name, old, signing.sign(KEY, "evt_1", old, BODY)) == "not genuine"


@pytest.mark.skipif(NODE is None, reason="node, which runs this snippet, is not on this machine")
@pytest.mark.usefixtures("finance")
def test_a_message_signed_by_the_snippet_is_taken(aws: Aws) -> None:
    key = bus_key()
    bootstrap.bus_keys().add(key, audit=created().audit)
    data = purchase_data(purpose="Größere Büros 😀 \u2028 für 12.50 €", amountRequested=12.5)
    done = snippet(
        str(NODE),
        "sign_message.mjs",
        "msg-1",
        key.source,
        Command.PURCHASE_REQUEST_APPROVED,
        key.key_id,
        given=json.dumps(data).encode(),
        BUS_KEY_SECRET=secret_of(key.key_id, BUS_KEYS_SECRET),
    )
    assert done.returncode == 0, done.stderr

    record = samples.record("inbound", {"detail": json.loads(done.stdout)}, 1)
    now = str(int(datetime.now(UTC).timestamp() * 1000))
    record["attributes"] = record["attributes"] | {"SentTimestamp": now}
    assert run(inbound, record) == []

    (row,) = (row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST")
    assert stored.request(row).amount_requested == Decimal("12.50")
    assert aws.on_the_bus() == []
