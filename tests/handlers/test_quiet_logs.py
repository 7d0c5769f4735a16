"""No secret, token or personal text in what the functions write, whatever comes in and goes wrong.

Each test puts marks where secrets, names and texts go, drives functions to success and to failure,
and looks for the marks in all that was written, metrics and tracebacks included.
"""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.bus_keys import Command
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.inbound import inbound
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.relay import relay
from chalicelib.handlers.webhooks import webhooks
from tests import samples
from tests.conftest import Aws, Logs
from tests.factories import (
    BUS_KEYS_SECRET,
    SIGNING_KEY,
    bus_key,
    created,
    partner_message,
)
from tests.handlers.workers import POISON, poison, run
from tests.http_api import JWT_SECRET, Api, token
from tests.partner import Partner, Reply

MARK = "zq7"
NAME = f"Ada {MARK}-Lovelace"
MAIL = f"ada.{MARK}@example.com"
TEXT = f"{MARK} a private matter of Ada's"
WHO = {"username": NAME, "email": MAIL}
SECRETS = ("finance-key", "audit-key", JWT_SECRET, SIGNING_KEY.decode(), BUS_KEYS_SECRET)


@pytest.fixture
def written(logs: Logs, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was written until now."""

    def read() -> str:
        captured = capsys.readouterr()
        return logs.text + captured.out + captured.err

    return read


def assert_quiet(text: str, *more: str) -> None:
    assert "answered" in text or "batch done" in text or "relayed" in text
    found = [each for each in (MARK, *SECRETS, *more) if each in text]
    assert found == []


def call(api: Api, method: str, path: str, body: object = None, role: str = "Finance Clerk") -> Any:  # noqa: ANN401 - an answer's data
    reply = api.call(method, path, token=token(role, **WHO), body=body)
    return reply.json.get("data")


def request(api: Api) -> int:
    body = {
        "department": "finance",
        "amountRequested": 500,
        "purpose": TEXT,
        "justification": TEXT,
        "items": [
            {
                "itemName": TEXT,
                "quantity": 1,
                "unitCost": 500,
                "totalCost": 500,
                "supplierId": MARK,
                "supplierName": NAME,
            }
        ],
    }
    made = call(api, "POST", "/budget-requests", body)
    return int(made["id"])


def test_calls_that_succeed(api: Api, written: Callable[[], str]) -> None:
    request_id = request(api)
    path = f"/budget-requests/{request_id}"
    call(api, "POST", f"{path}/submit", {})
    call(api, "POST", f"{path}/approve", {"reviewNotes": TEXT}, "Finance Admin")
    call(api, "GET", path)
    call(api, "GET", f"/item-allocations?supplierId={MARK}", role="Finance Admin")

    assert_quiet(written(), token("Finance Clerk", **WHO))


def test_calls_that_are_refused(api: Api, written: Callable[[], str]) -> None:
    api.call("GET", f"/budget-requests/{MARK}", token=f"{MARK}.{MARK}.{MARK}")
    api.call("POST", "/budget-requests", token=token(**WHO), raw=f'{{"{MARK}": '.encode())
    call(api, "POST", "/budget-requests", {"purpose": TEXT, MARK: MAIL, "amountRequested": MARK})
    api.call("GET", "/budget-requests", headers={"x-api-key": f"brk_{MARK}"})
    api.call("GET", f"/{MARK}")
    headers = {"Idempotency-Key": f"key-{MARK}", "If-Match": MARK}
    api.call("POST", "/budget-requests", token=token(**WHO), body={}, headers=headers)

    assert_quiet(written())


def test_calls_that_break(
    api: Api, written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = request(api)
    monkeypatch.setenv("REQUESTS_TABLE", "no-such-table")
    bootstrap.settings.cache_clear()
    bootstrap.requests.cache_clear()
    bootstrap.request_lists.cache_clear()

    reply = api.call("GET", f"/budget-requests/{request_id}", token=token(**WHO))
    assert reply.status == 500
    api.call("POST", "/budget-requests", token=token(**WHO), body={"purpose": TEXT})

    text = written()
    assert '"level":"ERROR"' in text
    assert_quiet(text)


def test_keys_and_secrets_that_are_shown_once(api: Api, written: Callable[[], str]) -> None:
    key = call(
        api,
        "POST",
        "/api-keys",
        {"name": NAME, "scopes": ["requests:read"], "departments": ["finance"]},
        "SuperAdmin",
    )
    hook = call(
        api,
        "POST",
        "/webhooks",
        {"url": f"https://{MARK}.example.com/hook?token={MARK}", "events": ["*"]},
        "SuperAdmin",
    )
    secrets = (key["key"], hook["secret"])
    api.call("GET", "/budget-requests", headers={"x-api-key": secrets[0]})

    assert_quiet(written(), *secrets)


def test_the_relay(aws: Aws, api: Api, written: Callable[[], str]) -> None:
    request(api)
    relay(aws.streamed("requests"), None)

    assert_quiet(written())


@pytest.mark.parametrize("answer", [200, 503])
def test_workers(  # noqa: PLR0917 - fixtures, by name
    answer: int,
    aws: Aws,
    api: Api,
    audit_logs: Partner,
    finance: Partner,
    written: Callable[[], str],
) -> None:
    request_id = request(api)
    path = f"/budget-requests/{request_id}"
    call(api, "POST", f"{path}/submit", {})
    call(api, "POST", f"{path}/approve", {"reviewNotes": TEXT}, "Finance Admin")
    relay(aws.streamed("requests"), None)
    audit_logs.usual = Reply(answer, TEXT.encode())
    finance.usual = Reply(answer, TEXT.encode())
    for number, message in enumerate(aws.on_the_bus()):
        record = samples.record("q", message, number)
        if message["source"].endswith(".audit"):
            run(audit, record)
        else:
            run(notifications, record)
            run(webhooks, record)
        if message["detail-type"] == "budget_request.approved":
            run(finance_worker, record)

    assert_quiet(written())


def test_a_webhook_that_fails(
    aws: Aws, api: Api, partner: Partner, written: Callable[[], str]
) -> None:
    url = partner.url.replace("127.0.0.1", "localhost") + f"/{MARK}?token={MARK}"
    hook = call(api, "POST", "/webhooks", {"url": url, "events": ["*"]}, "SuperAdmin")
    partner.usual = Reply(410, TEXT.encode())
    request(api)
    relay(aws.streamed("requests"), None)
    events = [m for m in aws.on_the_bus() if not m["source"].endswith(".audit")]
    run(webhooks, *(samples.record("webhooks", m, n) for n, m in enumerate(events)))
    run(webhooks, *(samples.record("webhooks", m, n) for n, m in enumerate(aws.ordered())))

    assert partner.received
    text = written()
    assert "webhook disabled" in text
    assert_quiet(text, hook["secret"])


@pytest.mark.usefixtures("finance")
def test_messages_of_partners(written: Callable[[], str]) -> None:
    bootstrap.bus_keys().add(bus_key(), audit=created().audit)
    message = partner_message(Command.PURCHASE_REQUEST_APPROVED, {"purpose": TEXT, "who": MAIL})
    message["signature"] = f"v1,{MARK}"
    on_the_bus = {"source": "purchase", "detail-type": "purchase_request.approved"}
    sent = samples.record("inbound", on_the_bus | {"detail": message}, 1)
    run(inbound, sent, *(poison(f"{body} {TEXT}", n) for n, body in enumerate(POISON, start=2)))

    text = written()
    assert "message rejected" in text
    assert_quiet(text)
