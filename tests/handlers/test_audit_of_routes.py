"""Audit is complete: every declared route tells it one thing, or says why it tells nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client

from app import app
from chalicelib.adapters.audit import audit_log
from chalicelib.domain.events import AUDIT_SOURCE, AuditEntry
from chalicelib.domain.messages import audit_entry_of
from chalicelib.handlers.http.routes import api as declared
from chalicelib.handlers.relay import relay
from tests.access_matrix import (
    CASES,
    ITEM,
    ITEM_DECISION,
    MATRIX,
    REQUEST,
    Case,
    House,
    Told,
    expected,
)
from tests.conftest import Aws
from tests.factories import SEAL_KEY
from tests.http_api import Api, token

NOBODYS = "there is nothing of anybody in it"
SUMMARIES = "shows summaries, or sums, of many and no record in full"
ABOUT_AUDITED = "shows what was audited when it changed, and no request"

#: The tables whose streams the relay reads.
STREAMED = ("requests", "budgets", "webhooks", "keys")

#: What Audit is told by a call that succeeds, or why nothing.
ROUTES = {
    "GET /health": NOBODYS,
    "GET /openapi.json": NOBODYS,
    "GET /docs": NOBODYS,
    "GET /docs/{asset}": NOBODYS,
    "GET /webhooks/events": NOBODYS,
    "GET /budget-requests": SUMMARIES,
    "GET /item-allocations": SUMMARIES,
    "GET /budgets": SUMMARIES,
    "GET /budgets/{department}": SUMMARIES,
    "GET /sync/status": SUMMARIES,
    "GET /analytics/dashboard": SUMMARIES,
    "GET /analytics/trends": SUMMARIES,
    "GET /analytics/departments/{department}": SUMMARIES,
    "GET /metrics": SUMMARIES,
    "GET /webhooks": ABOUT_AUDITED,
    "GET /webhooks/{id}": ABOUT_AUDITED,
    "GET /webhooks/{id}/deliveries": ABOUT_AUDITED,
    "GET /api-keys": ABOUT_AUDITED,
    "GET /api-keys/{id}": ABOUT_AUDITED,
    "GET /ops/jobs/{job}/runs": ABOUT_AUDITED,
    f"GET {REQUEST}": "VIEW",
    f"GET {REQUEST}/items": "VIEW",
    f"GET {REQUEST}/funds": "VIEW",
    f"GET {REQUEST}/history": "VIEW",
    f"GET {REQUEST}/notifications": "VIEW",
    "POST /budget-requests": "CREATE",
    f"PUT {REQUEST}": "UPDATE",
    f"DELETE {REQUEST}": "DELETE",
    f"POST {REQUEST}/submit": "SUBMIT",
    f"POST {REQUEST}/cancel": "CANCEL",
    f"POST {REQUEST}/items": "UPDATE",
    f"PUT {ITEM}": "UPDATE",
    f"DELETE {ITEM}": "UPDATE",
    f"POST {REQUEST}/approve": "APPROVE",
    f"POST {REQUEST}/reject": "REJECT",
    f"POST {ITEM}/approve": "APPROVE_ITEM",
    f"POST {ITEM}/reject": "REJECT_ITEM",
    "POST /budget-requests/bulk-approve": "APPROVE",
    "POST /sync/budgets": "SYNC",
    "POST /sync/budgets/{department}": "SYNC",
    "POST /webhooks": "WEBHOOK_CREATE",
    "PUT /webhooks/{id}": "WEBHOOK_UPDATE",
    "DELETE /webhooks/{id}": "WEBHOOK_DELETE",
    "POST /webhooks/{id}/rotate-secret": "WEBHOOK_ROTATE_SECRET",
    "POST /webhooks/{id}/test": "WEBHOOK_TEST",
    "POST /webhooks/{id}/recover": "WEBHOOK_RECOVER",
    "POST /api-keys": "API_KEY_CREATE",
    "DELETE /api-keys/{id}": "API_KEY_REVOKE",
    "POST /ops/jobs/{job}": "JOB_RUN",
}
#: Needs a delivery, and so a worker: tests/handlers/test_webhooks.py has it told.
ELSEWHERE = {"POST /webhooks/{id}/deliveries/{deliveryId}/redeliver"}

AUDITED = {route: action for route, action in ROUTES.items() if action.isupper()}


class Watched:
    """The API, and what Audit is told by the last call of it."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._client = Client(app, project_dir=str(Path(__file__).parents[2]))
        self._seen = dict.fromkeys(STREAMED, 0)
        self.told: list[AuditEntry] = []
        self.house = House(self.send, token)
        # Figures are fresh from now on: fetching old ones is a sync, which would be told as well.
        self.send("POST", "/sync/budgets", {"Authorization": f"Bearer {token('SuperAdmin')}"}, b"")

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
        """Call it, and take in what Audit is told."""
        host = {"Host": "api.example.com"}
        answer = self._client.http.request(method, path, headers=host | headers, body=body)
        for table, seen in self._seen.items():
            streamed = self._aws.streamed(table, after=seen)
            self._seen[table] += len(streamed["Records"])
            relay(streamed, None)
        messages = [m for m in self._aws.on_the_bus() if m["source"] == AUDIT_SOURCE]
        messages += self._aws.queued()
        self.told = [audit_entry_of(json.dumps(m), seal_keys=[SEAL_KEY.decode()]) for m in messages]
        return Told(answer.status_code, answer.body.decode())

    def succeeds(self, route: str, case: Case) -> list[AuditEntry]:
        """Have the first who may call a route do so, and return what Audit is told of that."""
        who = next(who for who, status in expected(MATRIX[route]).items() if status[0] == "2")
        method, path = route.split()
        proof = {"Authorization": f"Bearer {token(ROLE_OF[who])}"}
        answer = self.house.asked(method, path, case, proof, fresh=True)
        assert answer.status < 300, answer.text
        return self.told


ROLE_OF = {"superadmin": "SuperAdmin", "department admin": "Finance Admin"}


@pytest.fixture
def watched(api: Api, aws: Aws) -> Watched:  # noqa: ARG001 - everything is there that it asks
    return Watched(aws)


def test_every_route_says_what_audit_is_told() -> None:
    known = {f"{route.method} {route.path}" for route in declared.routes}

    assert set(ROUTES) | ELSEWHERE == known
    silent = known - ELSEWHERE - set(AUDITED)
    assert {route for route in silent if not route.startswith("GET ")} == set()


@pytest.mark.parametrize(("route", "action"), AUDITED.items(), ids=list(AUDITED))
def test_a_route_that_shows_or_changes_something_tells_audit_once(
    watched: Watched, route: str, action: str
) -> None:
    told = watched.succeeds(route, CASES.get(route, Case()))

    assert {entry.action for entry in told} == {action}
    departments = 4 if route == "POST /sync/budgets" else 1  # an entry for each budget
    assert len({entry.id for entry in told}) == len(told) == departments
    for entry in told:
        check(entry)


@pytest.mark.parametrize("route", [r for r in ROUTES if r not in AUDITED])
def test_a_route_that_shows_no_record_tells_audit_nothing(watched: Watched, route: str) -> None:
    assert watched.succeeds(route, CASES.get(route, Case())) == []


def check(entry: AuditEntry) -> None:
    """Check an entry as the guide has it: who, what, and values as JSON strings."""
    body: dict[str, Any] = audit_log(entry)
    assert body["moduleName"] == "Budget Request"
    for name in ("recordId", "recordCode", "performedBy", "performedByName", "performedByRole"):
        assert isinstance(body[name], str)
        assert body[name]
    old = json.loads(body["oldValues"] or "{}")
    new = json.loads(body["newValues"] or "{}")
    changed = json.loads(body["changedFields"] or "[]")
    assert set(changed) == {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
    assert json.loads(body["metadata"])["entryId"] == entry.id


OTHER_CASES: dict[str, tuple[str, Case, str]] = {
    "a decision on a line after the submit": (f"PUT {ITEM}", ITEM_DECISION, "MODIFY_ITEM"),
    "an override": (
        f"POST {REQUEST}/approve",
        Case(
            body=lambda _: {"override": True, "overrideReason": "The roof is leaking"},
            is_waiting=True,
        ),
        "OVERRIDE",
    ),
}


@pytest.mark.parametrize("what", OTHER_CASES)
def test_a_route_that_does_something_else_tells_audit_that(watched: Watched, what: str) -> None:
    route, case, action = OTHER_CASES[what]

    (entry,) = watched.succeeds(route, case)

    assert entry.action == action
    check(entry)


REFUSED: dict[str, Callable[[Watched], None]] = {
    "by its access": lambda w: _refused(w, "Finance Analyst", "approve", 403),
    "by its state": lambda w: _refused(w, "Finance Admin", "approve", 400),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_call_that_is_refused_tells_audit_nothing(watched: Watched, why: str) -> None:
    REFUSED[why](watched)

    assert watched.told == []


def _refused(watched: Watched, role: str, verb: str, status: int) -> None:
    request_id = watched.house.request(is_waiting=False)
    proof = {"Authorization": f"Bearer {token(role)}", "Content-Type": "application/json"}
    answer = watched.send("POST", f"/budget-requests/{request_id}/{verb}", proof, b"{}")
    assert answer.status == status
