"""What docs/messages-in.md says to partners is so: its program runs, its tables are whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.bus_keys import Command, secret_of
from chalicelib.domain.inbound import Reason
from chalicelib.handlers.inbound import inbound as worker
from tests import samples, stored
from tests.conftest import REGION, Aws
from tests.factories import BUS_KEYS_SECRET, bus_key, created, purchase_data
from tests.handlers.workers import run

PAGE = (Path(__file__).parents[2] / "docs" / "messages-in.md").read_text()


def program() -> dict[str, Any]:
    """Run the page's Python and return what it defines."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    defined: dict[str, Any] = {}
    exec(text, defined)  # noqa: S102 - our own page
    return defined


def first_cells(heading: str) -> list[str]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.mark.usefixtures("finance")
def test_what_a_partner_signs_as_the_page_says_is_taken(
    aws: Aws, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    key = bus_key()
    bootstrap.bus_keys().add(key, audit=created().audit)
    page = program()
    message = page["signed"](
        "msg-1",
        key.source,
        Command.PURCHASE_REQUEST_APPROVED.value,
        purchase_data(purpose="Größere Büros für 12.50 €"),
        key_id=key.key_id,
        secret=secret_of(key.key_id, BUS_KEYS_SECRET),
    )

    page["send"](message, environment["EVENT_BUS_NAME"])
    record = samples.record("inbound", {"detail": message}, 1)
    now = str(int(bootstrap.now().timestamp() * 1000))
    record["attributes"] = record["attributes"] | {"SentTimestamp": now}
    assert run(worker, record) == []

    (row,) = (row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST")
    assert stored.request(row).purpose == "Größere Büros für 12.50 €"


def test_the_page_names_every_type_and_every_reason() -> None:
    assert first_cells("What may be asked for") == list(Command)
    assert first_cells("What is refused") == list(Reason)
