"""The restore drill: a stack loses its tables, another one takes their rows, and life goes on.

What it cannot show: AWS's point-in-time recovery, which the embedded cloud only declares. From the
tables that it makes, the way is this one (docs/operators.md).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra import local
from infra.cli import app
from infra.local import RunningStack
from infra.standin_budgets import DepartmentBudget
from infra.waiting import wait_for
from tests.e2e.conftest import ENVIRONMENT
from tests.e2e.people import People, draft, waiting

pytestmark = pytest.mark.needs("own cloud")

DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def new_stack() -> Iterator[RunningStack]:
    """A stack that has just been deployed, in the place of the one that lost everything."""
    with local.running(f"restored-{os.getpid()}", environment=ENVIRONMENT) as stack:
        yield stack


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def reserved(stack: RunningStack) -> set[int]:
    posts = [c for c in stack.finance.received() if c.path.endswith("/reserve")]
    return {call.json_body()["budgetRequestId"] for call in posts}


def audited(stack: RunningStack) -> set[tuple[str, str]]:
    bodies = [call.json_body() for call in stack.audit.received()]
    return {(body["recordId"], body["action"]) for body in bodies}


def test_a_new_stack_goes_on_where_the_lost_one_was(
    stack: RunningStack, people: People, new_stack: RunningStack, tmp_path: Path
) -> None:
    file = tmp_path / "rows.gz"
    clerk, admin = people.new("Inventory Clerk"), people.new("Inventory Admin")
    approved = waiting(clerk, department="inventory", amount=1000)
    admin.post(f"/budget-requests/{approved}/approve")
    open_request = waiting(clerk, department="inventory", amount=2000)
    assert wait_for(lambda: approved in reserved(stack), deadline_seconds=DEADLINE_SECONDS)
    before = admin.get(f"/budget-requests/{approved}")["data"]
    total = admin.get("/budget-requests?department=inventory&limit=1")["meta"]["total"]

    assert "Requests: " in run("backup", str(file), "--stack", stack.name)
    run("restore", str(file), "--stack", new_stack.name)
    # Finance is the one it was: the new stand-in is told what the old one knew.
    figures = admin.get("/budgets/inventory")["data"]
    new_stack.finance.set_budget(
        DepartmentBudget(
            department="inventory",
            fiscal_year=figures["fiscalYear"],
            fiscal_period=figures["fiscalPeriod"],
            allocated_amount=figures["allocatedAmount"],
            used_amount=figures["usedAmount"],
            reserved_amount=figures["reservedAmount"],
        )
    )

    with new_stack.http() as http:
        there = People(new_stack, http)
        chief = there.new("Inventory Admin")
        after = chief.get(f"/budget-requests/{approved}")["data"]
        left_out = {"lastNotifications", "notifications"}  # mails may still have been on their way
        assert {k: v for k, v in after.items() if k not in left_out} == {
            k: v for k, v in before.items() if k not in left_out
        }
        listed = chief.get("/budget-requests?department=inventory&limit=1")
        assert listed["meta"]["total"] == total
        assert chief.get("/budgets/inventory")["data"]["available"] == figures["available"]

        # Nobody was told again; what happens from now on is told.
        chief.post(f"/budget-requests/{open_request}/approve")
        assert wait_for(
            lambda: open_request in reserved(new_stack), deadline_seconds=DEADLINE_SECONDS
        )
        assert wait_for(
            lambda: (str(open_request), "APPROVE") in audited(new_stack),
            deadline_seconds=DEADLINE_SECONDS,
        )
        assert reserved(new_stack) == {open_request}
        assert (str(approved), "APPROVE") not in audited(new_stack)

        # Ids go on where they were.
        next_one = draft(there.new("Inventory Clerk"), department="inventory")
        assert next_one > open_request
    assert "has requests" in str(
        CliRunner().invoke(app, ["restore", str(file), "--stack", new_stack.name]).exception
    )
