"""The main job on the deployed stack: every partner hears of it, once."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.local import RunningStack
from infra.standins import Received
from infra.waiting import wait_for
from tests.e2e.people import People, draft, waiting

pytestmark = pytest.mark.needs("partners")

#: A cold worker takes two seconds here, a message that failed once five more.
DEADLINE_SECONDS = 60


def _of(request_id: int | str, field: str = "budgetRequestId") -> Callable[[Received], bool]:
    def concerns(received: Received) -> bool:
        body = json.loads(received.body or b"{}")
        return str(body.get(field, body.get("data", {}).get(field))) == str(request_id)

    return concerns


def _reserves(stack: RunningStack, request_id: int) -> list[Received]:
    calls = stack.finance.received()
    return [c for c in calls if c.method == "POST" and _of(request_id)(c)]


def _audited(stack: RunningStack, record_id: int | str) -> list[dict[str, Any]]:
    calls = stack.audit.received()
    return [json.loads(c.body) for c in calls if _of(record_id, "recordId")(c)]


def _webhooks(stack: RunningStack, request_id: int) -> list[Received]:
    return [c for c in stack.receiver.received() if _of(request_id)(c)]


def _mails_to(stack: RunningStack, address: str) -> list[str]:
    return [mail.subject for mail in stack.mails() if address in mail.to]


def test_an_approval_reaches_finance_audit_webhooks_and_the_requester(
    stack: RunningStack, people: People
) -> None:
    root = people.new("SuperAdmin")
    hook = {"url": f"{stack.receiver.url}/hook", "events": ["*"]}
    subscribed = root.post("/webhooks", hook, expect=201)["data"]
    secret = subscribed["secret"]
    clerk, admin = people.new("Finance Clerk"), people.new("Finance Admin")
    request_id = waiting(clerk, department="finance")
    approved = admin.post(f"/budget-requests/{request_id}/approve", {"bufferPercentage": 5})["data"]
    code = approved["requestCode"]

    assert (approved["status"], approved["isReserved"]) == ("APPROVED", True)
    assert (approved["reservedAmount"], approved["bufferAmount"]) == (55125, 2625)

    reserves = wait_for(lambda: _reserves(stack, request_id), deadline_seconds=DEADLINE_SECONDS)
    assert len(reserves) == 1
    assert json.loads(reserves[0].body) == {
        "department": "finance",
        "fiscalYear": approved["fiscalYear"],
        "fiscalPeriod": approved["fiscalPeriod"],
        "amount": 55125,
        "budgetRequestId": request_id,
        "budgetRequestCode": code,
    }
    assert reserves[0].headers["idempotency-key"]

    wait_for(lambda: len(_audited(stack, request_id)) >= 3, deadline_seconds=DEADLINE_SECONDS)
    audited = {entry["action"]: entry for entry in _audited(stack, request_id)}
    assert set(audited) == {"CREATE", "SUBMIT", "APPROVE"}
    assert audited["APPROVE"]["moduleName"] == "Budget Request"
    assert audited["APPROVE"]["performedBy"] == admin.sub
    assert json.loads(audited["APPROVE"]["oldValues"])["status"] == "PENDING"
    assert json.loads(audited["APPROVE"]["newValues"])["status"] == "APPROVED"
    assert "status" in json.loads(audited["APPROVE"]["changedFields"])

    (subscription,) = wait_for(
        lambda: _audited(stack, subscribed["id"]), deadline_seconds=DEADLINE_SECONDS
    )
    assert (subscription["action"], subscription["performedBy"]) == ("WEBHOOK_CREATE", root.sub)
    assert secret not in json.dumps(subscription)

    wait_for(lambda: len(_webhooks(stack, request_id)) >= 3, deadline_seconds=DEADLINE_SECONDS)
    told = {c.headers["x-webhook-event"]: c for c in _webhooks(stack, request_id)}
    assert set(told) == {
        "budget_request.created",
        "budget_request.submitted",
        "budget_request.approved",
    }
    key = base64.b64decode(secret.removeprefix("whsec_"))
    for delivery in told.values():
        Webhook(secret).verify(delivery.body, delivery.headers)
        expected = hmac.new(key, delivery.body, hashlib.sha256).hexdigest()
        assert delivery.headers["x-webhook-signature"] == expected
    assert json.loads(told["budget_request.approved"].body)["data"]["reservedAmount"] == 55125

    subject = f"Budget Request Approved: {code}"
    wait_for(lambda: _mails_to(stack, clerk.email), deadline_seconds=DEADLINE_SECONDS)
    assert _mails_to(stack, clerk.email) == [subject]
    assert f"New Budget Request: {code}" in _mails_to(stack, "finance.admin@example.com")

    shown = clerk.get(f"/budget-requests/{request_id}")["data"]
    assert [entry["action"] for entry in shown["approvalHistory"]] == [
        "APPROVED",
        "SUBMITTED",
        "CREATED",
    ]


def test_a_rejection_tells_the_requester_why(stack: RunningStack, people: People) -> None:
    clerk, admin = people.new("HR Clerk"), people.new("HR Admin")
    request_id = waiting(clerk, department="hr")
    admin.post(f"/budget-requests/{request_id}/reject", {"reviewNotes": "Not this quarter"})

    def mails() -> list[str]:
        return [m.text for m in stack.mails() if clerk.email in m.to]

    (text,) = wait_for(mails, deadline_seconds=DEADLINE_SECONDS)
    assert "Not this quarter" in text


def test_what_partners_missed_while_they_were_down_arrives_once_each(
    stack: RunningStack, people: People
) -> None:
    root = people.new("SuperAdmin")
    hook = {"url": f"{stack.receiver.url}/outage", "events": ["*"], "departments": ["inventory"]}
    hook_id = root.post("/webhooks", hook, expect=201)["data"]["id"]
    assert hook_id
    clerk, admin = people.new("Inventory Clerk"), people.new("Inventory Admin")
    draft(clerk, department="inventory")  # Finance is asked for the budget while it is up
    partners = (stack.finance, stack.audit, stack.receiver)
    for partner in partners:
        partner.stop()
    request_id = waiting(clerk, department="inventory", amount=1000)
    admin.post(f"/budget-requests/{request_id}/approve")
    for partner in partners:
        partner.start()

    def hooks() -> list[Received]:
        return [c for c in _webhooks(stack, request_id) if c.path == "/outage"]

    def all_arrived() -> bool:
        return (
            len(_reserves(stack, request_id)) >= 1
            and len(_audited(stack, request_id)) >= 3
            and len(hooks()) >= 3
        )

    assert wait_for(all_arrived, deadline_seconds=DEADLINE_SECONDS)
    assert len(_reserves(stack, request_id)) == 1
    assert len(_audited(stack, request_id)) == 3
    assert len({c.headers["webhook-id"] for c in hooks()}) == len(hooks()) == 3


def test_a_request_can_be_made_while_finance_is_down(stack: RunningStack, people: People) -> None:
    clerk, admin = people.new("Operations Clerk"), people.new("Operations Admin")
    stack.finance.stop()
    admin.post("/sync/budgets/operations", expect=503)  # it is noticed, however fresh the figures
    body = {"department": "operations", "amountRequested": 100, "purpose": "Spare parts, urgent"}
    made = clerk.post("/budget-requests", body, expect=201)["data"]
    assert made["budgetDataStale"] is True
    clerk.post(f"/budget-requests/{made['id']}/submit")


def test_money_is_held_against_what_finance_has_left(people: People) -> None:
    clerk, admin = people.new("HR Clerk"), people.new("HR Admin")
    request_id = waiting(clerk, department="hr", amount=9_999_999.99)
    refused = admin.post(f"/budget-requests/{request_id}/approve", expect=409)
    assert refused["code"] == "INSUFFICIENT_BUDGET"
    assert "9999999.99 needed" in refused["message"]
    assert clerk.get(f"/budget-requests/{request_id}")["data"]["status"] == "PENDING"
