"""Whatever is done to requests, in whatever order: the totals are what counting them all gives."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.domain import allocations, deadlines, drafting, reservations, transitions
from chalicelib.domain.access import DEPARTMENTS, Actor, Department
from chalicelib.domain.budgets import BudgetKey, BudgetPicture
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation, DraftChange, ItemApproval
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest
from tests import stored
from tests.conftest import client
from tests.factories import (
    AT,
    SUPERADMIN,
    actor,
    approval,
    created,
    figures,
    finance_said,
    item_body,
    rejection,
)
from tests.tables import declared

CLERKS: dict[Department, Actor] = {"finance": actor("Finance Clerk"), "hr": actor("HR Clerk")}
SYSTEM = JobName.SLA_CHECK.actor
NOTHING_KNOWN = BudgetPicture(budget=None)

#: Enough for some approvals, and not for all of them.
REMAINING = Decimal(100_000)

Verb = Callable[[BudgetRequest, datetime, Decimal], Change]
VERBS: dict[str, Verb] = {
    "update": lambda r, at, amount: drafting.update(
        r,
        DraftChange.model_validate({"amountRequested": amount}),
        CLERKS[r.department],
        at,
        budget=NOTHING_KNOWN,
    ),
    "delete": lambda r, at, _: drafting.delete(r, CLERKS[r.department], at),
    "submit": lambda r, at, _: transitions.submit(r, CLERKS[r.department], at),
    "approve": lambda r, at, _: transitions.approve(
        r, approval(bufferPercentage=Decimal("33.33")), SUPERADMIN, at
    ),
    "override": lambda r, at, _: transitions.approve(
        r, approval(override=True, overrideReason="It burns already"), SUPERADMIN, at
    ),
    "reject": lambda r, at, _: transitions.reject(r, rejection(), SUPERADMIN, at),
    "cancel": lambda r, at, _: transitions.cancel(r, Cancellation(), CLERKS[r.department], at),
    "decide item": lambda r, at, _: allocations.approve_item(r, 1, ItemApproval(), SUPERADMIN, at),
    "mark overdue": lambda r, at, _: deadlines.mark_overdue(r, SYSTEM, at),
    "consume": lambda r, at, amount: reservations.consume(
        r, min(amount, r.reserved_amount or amount), SYSTEM, at
    ),
    "release": lambda r, at, _: reservations.release(r, SYSTEM, at, None),
    "expire": lambda r, at, _: reservations.expire(r, SYSTEM, at),
}

STEPS = st.lists(
    st.tuples(
        st.sampled_from([*VERBS, "submit", "approve", "approve two"]),
        st.integers(min_value=0, max_value=5),  # which request
        st.decimals(min_value=1, max_value=60_000, places=2),
        st.integers(min_value=0, max_value=40),  # days later
        st.booleans(),  # whether it is decided on what was read a step ago
    ),
    max_size=25,
)
Steps = list[tuple[str, int, Decimal, int, bool]]


class House:
    """Three requests of each of two departments, two of them waiting, on the real store."""

    def __init__(self) -> None:
        for name in ("requests", "budgets", "work"):  # empty ones
            table = f"test-{name}"
            with suppress(client("dynamodb").exceptions.ResourceNotFoundException):
                client("dynamodb").delete_table(TableName=table)
            client("dynamodb").create_table(
                TableName=table, **declared()[f"{name.capitalize()}Table"]
            )
        self.store = bootstrap.requests()
        self.at = AT
        self.ids: list[int] = []
        self.commits: Counter[Department] = Counter()
        self._read_before: dict[int, BudgetRequest] = {}
        for sequence in range(6):
            department: Department = "finance" if sequence % 2 else "hr"
            change = created(
                by=CLERKS[department],
                sequence=sequence + 1,
                department=department,
                items=[item_body()],
            )
            self.commit(change)
            if sequence > 1:
                self.commit(transitions.submit(change.after, CLERKS[department], AT))
            self.ids.append(change.after.id)
            finance_said(
                bootstrap.budgets(),
                figures(REMAINING),
                key=BudgetKey(department=department, fiscal_year=2026, fiscal_period="Q1"),
            )

    def do(self, verb: str, which: int, amount: Decimal, *, late: bool) -> None:
        """Try one verb; a refusal changes nothing, and counts for nothing."""
        with suppress(BudgetRequestsError):
            if verb == "approve two":
                pair = [self._read(which, late=late), self._read((which + 2) % 6, late=False)]
                self.commit(*(VERBS["approve"](each, self.at, amount) for each in pair))
            else:
                self.commit(VERBS[verb](self._read(which, late=late), self.at, amount))

    def commit(self, *changes: Change) -> None:
        self.store.commit(*changes)
        self.commits.update({change.after.department for change in changes})

    def _read(self, which: int, *, late: bool) -> BudgetRequest:
        now = self.store.get(self.ids[which])
        read = self._read_before.get(which, now) if late else now
        self._read_before[which] = now
        return read


def counted_one_by_one() -> dict[str, Counter[str]]:
    """Return what the stored requests come to, from their texts alone."""
    found: dict[str, Counter[str]] = {department: Counter() for department in DEPARTMENTS}
    for item in client("dynamodb").scan(TableName="test-requests")["Items"]:
        if item["sk"]["S"] == "REQUEST":
            body = json.loads(stored.state(item))
            if not body["isDeleted"]:
                _count(body, found[body["department"]])
    return found


def _count(body: dict[str, Any], into: Counter[str]) -> None:
    status = body["status"].lower()
    into[status] += 1
    into[f"{status}_cents"] += int(Decimal(body["amountRequested"]) * 100)
    if status == "pending":
        into["drafts" if body["isDraft"] else "overdue"] += body["isDraft"] or body["isOverdue"]
    if body["isReserved"]:
        into["reserved_cents"] += int(Decimal(body["reservedAmount"]) * 100)
    decided_at = body.get("approvedAt") or body.get("rejectedAt")
    if decided_at:
        waited = datetime.fromisoformat(decided_at) - datetime.fromisoformat(body["submittedAt"])
        into["decided"] += 1
        into["approved_ever"] += "approvedAt" in body
        into["waited_seconds"] += int(waited.total_seconds())


@pytest.mark.usefixtures("aws")
def test_totals_are_what_counting_every_request_gives() -> None:
    @settings(max_examples=25)
    @given(STEPS)
    def holds(steps: Steps) -> None:
        house = House()
        for verb, which, amount, days, late in steps:
            house.at += timedelta(days=days, seconds=1)  # the same again would be a retry
            house.do(verb, which, amount, late=late)

            expected = counted_one_by_one()
            for totals in bootstrap.request_lists().totals(DEPARTMENTS):
                assert +Counter(dict(totals.tally)) == +expected[totals.department], verb
                assert totals.generation == house.commits[totals.department]

    holds()
