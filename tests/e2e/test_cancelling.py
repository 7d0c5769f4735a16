"""Cancelling an approved request on the deployed stack gives its money back, to Finance too."""

import json

import pytest

from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People, waiting

pytestmark = pytest.mark.needs("partners")

DEADLINE_SECONDS = 60


def test_cancelling_frees_what_was_held_and_finance_hears_of_it(
    stack: RunningStack, people: People
) -> None:
    clerk, admin = people.new("HR Clerk"), people.new("HR Admin")
    request_id = waiting(clerk, department="hr", amount=1234.56)
    next_in_line = waiting(clerk, department="hr", amount=1)
    before = admin.get(f"/budget-requests/{next_in_line}/funds")["data"]["available"]
    admin.post(f"/budget-requests/{request_id}/approve")
    held = admin.get(f"/budget-requests/{next_in_line}/funds")["data"]["available"]

    cancelled = clerk.post(f"/budget-requests/{request_id}/cancel", {"reason": "No need any more"})

    freed = admin.get(f"/budget-requests/{next_in_line}/funds")["data"]["available"]
    assert (cancelled["data"]["status"], cancelled["data"]["isReserved"]) == ("CANCELLED", False)
    assert round(before - held, 2) == 1234.56
    assert freed == before

    def told() -> list[tuple[str, float]]:
        calls = [c for c in stack.finance.received() if c.method == "POST"]
        bodies = [(c.path.rsplit("/", 1)[-1], json.loads(c.body)) for c in calls]
        return [(verb, b["amount"]) for verb, b in bodies if b["budgetRequestId"] == request_id]

    assert wait_for(lambda: len(told()) >= 2, deadline_seconds=DEADLINE_SECONDS)
    assert told() == [("reserve", 1234.56), ("release", 1234.56)]


def test_an_override_holds_what_is_not_there_and_is_told(
    stack: RunningStack, people: People
) -> None:
    clerk, admin, superadmin = (people.new(role) for role in ("HR Clerk", "HR Admin", "SuperAdmin"))
    request_id = waiting(clerk, department="hr", amount=9_999_999)
    path = f"/budget-requests/{request_id}/approve"
    body = {"override": True, "overrideReason": "The audit cannot wait"}
    assert superadmin.post(path, expect=409)["code"] == "INSUFFICIENT_BUDGET"
    assert admin.post(path, body, expect=403)["code"] == "FORBIDDEN"

    shown = superadmin.post(path, body)["data"]

    assert (shown["overriddenBy"], shown["overrideReason"]) == (
        superadmin.sub,
        "The audit cannot wait",
    )
    next_in_line = waiting(clerk, department="hr", amount=1)
    funds = admin.get(f"/budget-requests/{next_in_line}/funds")["data"]
    assert funds["available"] < 0

    def audited() -> bool:
        entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
        told = {(e["action"], e["recordId"], e["reason"]) for e in entries}
        return ("OVERRIDE", str(request_id), "The audit cannot wait") in told

    assert wait_for(audited, deadline_seconds=DEADLINE_SECONDS)
    clerk.post(f"/budget-requests/{request_id}/cancel")
    assert admin.get(f"/budget-requests/{next_in_line}/funds")["data"]["available"] > 0
