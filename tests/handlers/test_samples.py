"""The payloads in events/ are what really comes, and each is used."""

import copy
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import time_machine

from app import app
from chalicelib.adapters import streams
from tests import samples, stored
from tests.conftest import Aws
from tests.factories import AT
from tests.http_api import token

TESTS = Path(__file__).parents[1]
FILES = sorted(path.name for path in samples.EVENTS.glob("*.json"))


def test_the_payloads_say_what_the_code_says(aws: Aws) -> None:
    for name, payload in samples.build(aws).items():
        text = json.dumps(payload, indent=2, ensure_ascii=False) + "\n"
        if os.environ.get("UPDATE_EVENTS"):
            (samples.EVENTS / name).write_text(text)
        known = samples.read(name)
        assert opened(known) == opened(payload), f"{name} is old; see {samples.__name__}"


def opened(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload with what is packed in it as text: zlibs differ in how they pack."""
    payload = copy.deepcopy(payload)
    for record in payload.get("Records", []):
        for image in ("NewImage", "OldImage"):
            if row := record.get("dynamodb", {}).get(image):
                record["dynamodb"] |= {image: [stored.state(row), streams.told_in(row)]}
            record.get("dynamodb", {}).pop("SizeBytes", None)
    return payload


@pytest.mark.parametrize("name", FILES)
def test_every_payload_is_used_by_a_test(name: str) -> None:
    sources = [path.read_text() for path in TESTS.rglob("test_*.py")]

    assert any(re.search(rf'"{re.escape(name)}"', source) for source in sources)


def call(name: str, role: str | None = None) -> tuple[int, dict[str, Any]]:
    """Call the API with a payload, as `role`, and return the status and what was said."""
    payload = samples.read(name)
    if role:
        payload["headers"]["Authorization"] = f"Bearer {token(role)}"
    answer = app(payload, None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.usefixtures("api")
def test_the_calls_of_the_api_play_the_main_job() -> None:
    with time_machine.travel(AT):
        assert call("api-health.json")[0] == 200
        assert call("api-create.json", "Finance Clerk")[0] == 201
        assert call("api-submit.json", "Finance Clerk")[0] == 200
        status, approved = call("api-approve.json", "Finance Admin")
        assert (status, approved["data"]["reservedAmount"]) == (200, 55125)
        status, shown = call("api-get.json", "Finance Clerk")
        assert (status, shown["data"]["status"]) == (200, "APPROVED")
        status, late = call("api-reject.json", "SuperAdmin")
        assert (status, late["code"]) == (400, "INVALID_STATUS")
        assert call("api-subscribe.json", "SuperAdmin")[0] == 201


@pytest.mark.usefixtures("api")
def test_a_payload_holds_no_token_that_works() -> None:
    assert call("api-get.json")[1]["code"] == "INVALID_TOKEN"
