"""Finance changes its mind on the deployed stack: what people see, and what partners are told."""

import json
from decimal import Decimal
from typing import Any

import pytest

from infra.local import RunningStack
from infra.standin_budgets import DepartmentBudget
from infra.standins import Behaviour
from infra.waiting import wait_for
from tests.e2e.people import People, waiting

pytestmark = pytest.mark.needs("partners")

#: A cold worker takes two seconds here, a message that failed once five more.
DEADLINE_SECONDS = 60
HOOK = "/over-committed"


def _told(stack: RunningStack) -> list[dict[str, Any]]:
    calls = stack.receiver.received()
    return [json.loads(call.body) for call in calls if call.path == HOOK]


def _synced(stack: RunningStack, by: str) -> list[dict[str, Any]]:
    entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
    return [e for e in entries if e["action"] == "SYNC" and e["performedBy"] == by]


def test_figures_that_fall_below_what_is_held_are_seen_and_told(
    stack: RunningStack, people: People
) -> None:
    root = people.new("SuperAdmin")
    hook = {"url": f"{stack.receiver.url}{HOOK}", "events": ["budget.overcommitted"]}
    root.post("/webhooks", hook, expect=201)
    clerk, admin = people.new("Operations Clerk"), people.new("Operations Admin")
    request_id = waiting(clerk, department="operations", amount=50_000)
    admin.post(f"/budget-requests/{request_id}/approve")
    before = clerk.get("/budgets/operations")["data"]
    assert before["isKnown"] is True
    assert before["available"] == before["remainingAmount"] - before["held"]

    stack.finance.behave(Behaviour(status=503))
    refused = admin.post("/sync/budgets/operations", expect=503)
    assert refused["code"] == "FINANCE_UNAVAILABLE"
    stale = clerk.get("/budgets/operations")
    assert stale["data"]["isStale"] is True
    assert stale["_cached"] is True
    stack.finance.behave(Behaviour())

    # Finance has set aside what is held, in its own time, and now allocates less than that.
    wait_for(
        lambda: clerk.get("/budgets/operations")["data"]["unconfirmed"] == 0,
        deadline_seconds=DEADLINE_SECONDS,
    )
    stack.finance.set_budget(
        DepartmentBudget(
            department="operations",
            fiscal_year=before["fiscalYear"],
            fiscal_period=before["fiscalPeriod"],
            allocated_amount=Decimal(40_000),
            reserved_amount=Decimal("50000.50"),
        )
    )
    synced = admin.post("/sync/budgets/operations")["data"]
    assert (synced["outcome"], synced["budget"]["overCommitted"]) == ("UPDATED", True)

    (seen,) = clerk.get("/budgets")["data"]
    assert (seen["available"], seen["overCommitted"]) == (-10000.5, True)
    assert seen["calculator"]["isOverBudget"] is True
    assert seen["calculator"]["utilizationRate"] == 125
    (told,) = wait_for(lambda: _told(stack), deadline_seconds=DEADLINE_SECONDS)
    assert told["event"] == "budget.overcommitted"
    assert told["data"]["department"] == "operations"
    assert (told["data"]["available"], told["data"]["shortfall"]) == (-10000.5, 10000.5)
    assert wait_for(lambda: _synced(stack, admin.sub), deadline_seconds=DEADLINE_SECONDS)

    # Others need the department's money as it was.
    stack.finance.set_budget(
        DepartmentBudget(
            department="operations",
            fiscal_year=before["fiscalYear"],
            fiscal_period=before["fiscalPeriod"],
            allocated_amount=Decimal(1_200_000),
            used_amount=Decimal(455_000),
            reserved_amount=Decimal("50000.50"),
        )
    )
    assert admin.post("/sync/budgets/operations")["data"]["budget"]["overCommitted"] is False


def test_everyones_budgets_are_synced_at_once(people: People) -> None:
    root = people.new("SuperAdmin")

    results = root.post("/sync/budgets")["data"]

    assert [result["department"] for result in results] == [
        "finance",
        "hr",
        "inventory",
        "operations",
    ]
    assert {result["outcome"] for result in results} <= {"UPDATED", "UNCHANGED", "BUSY"}
    assert {row["isStale"] for row in root.get("/sync/status")["data"]} == {False}
