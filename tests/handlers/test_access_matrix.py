"""Who may call what: every declared route, asked by everyone, against one table."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import OK
from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse

from app import app
from chalicelib import bootstrap
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.api_keys import ApiKey, NewApiKey
from chalicelib.domain.requests import BudgetRequest
from chalicelib.handlers.http.routes import api as routes
from chalicelib.usecases import api_keys
from tests.factories import (
    AT,
    CLERK,
    KEY,
    SUPERADMIN,
    actor,
    created,
    figures,
    item_body,
    request_body,
)
from tests.http_api import Api, token

REQUEST = "/budget-requests/{id}"
ITEM = REQUEST + "/items/{item_id}"

#: Who asks, in the order of the table. The request belongs to a Finance Clerk; keys have the
#: scope of the route, or every other one.
ROLES = {
    "superadmin": "SuperAdmin",
    "department admin": "Finance Admin",
    "another's admin": "HR Admin",
    "owner": CLERK.role,
    "colleague": "Finance Analyst",
    "unknown department": "Warehouse Clerk",
}
KEYS = ("key", "key without scope", "key of another department")
EVERYONE = (*ROLES, *KEYS, "nobody")

# fmt: off
#                                    SuperAdmin
#                                    |   department admin
#                                    |   |   another department's admin
#                                    |   |   |   owner
#                                    |   |   |   |   colleague of the owner
#                                    |   |   |   |   |   user of an unknown department
#                                    |   |   |   |   |   |   key
#                                    |   |   |   |   |   |   |   key without scope
#                                    |   |   |   |   |   |   |   |   key of another department
#                                    |   |   |   |   |   |   |   |   |   nobody
MATRIX = {
    "GET /health":                  "200 200 200 200 200 200 200 200 200 200",
    "GET /openapi.json":            "200 200 200 200 200 200 200 200 200 200",
    "GET /docs":                    "200 200 200 200 200 200 200 200 200 200",
    "GET /docs/{asset}":            "200 200 200 200 200 200 200 200 200 200",

    "POST /budget-requests":        "403 201 403 201 201 403 201 403 403 401",
    "GET /budget-requests":         "200 200 200 200 200 200 200 403 200 401",
    f"GET {REQUEST}":               "200 200 403 200 403 403 200 403 403 401",
    f"GET {REQUEST}/items":         "200 200 403 200 403 403 200 403 403 401",
    f"GET {REQUEST}/funds":         "200 200 403 200 403 403 200 403 403 401",
    f"GET {REQUEST}/history":       "200 200 403 200 403 403 200 403 403 401",
    f"GET {REQUEST}/notifications": "200 200 403 200 403 403 200 403 403 401",
    "GET /item-allocations":        "200 200 200 403 403 403 403 403 403 401",

    f"PUT {REQUEST}":               "403 200 403 200 403 403 403 403 403 401",
    f"DELETE {REQUEST}":            "403 200 403 200 403 403 403 403 403 401",
    f"POST {REQUEST}/submit":       "403 200 403 200 403 403 403 403 403 401",
    f"POST {REQUEST}/cancel":       "403 200 403 200 403 403 403 403 403 401",
    f"POST {REQUEST}/items":        "403 201 403 201 403 403 403 403 403 401",
    f"PUT {ITEM}":                  "403 200 403 200 403 403 403 403 403 401",
    f"DELETE {ITEM}":               "403 200 403 200 403 403 403 403 403 401",

    f"POST {REQUEST}/approve":      "200 200 403 403 403 403 403 403 403 401",
    f"POST {REQUEST}/reject":       "200 200 403 403 403 403 403 403 403 401",
    f"POST {ITEM}/approve":         "200 200 403 403 403 403 403 403 403 401",
    f"POST {ITEM}/reject":          "200 200 403 403 403 403 403 403 403 401",
    # What another department's admin may not approve is told for each request of the bulk.
    "POST /budget-requests/bulk-approve":
                                    "200 200 409 403 403 403 403 403 403 401",

    "POST /webhooks":               "201 403 403 403 403 403 201 403 403 401",
    "POST /api-keys":               "201 403 403 403 403 403 403 403 403 401",
    "GET /api-keys":                "200 403 403 403 403 403 403 403 403 401",
    "GET /api-keys/{id}":           "200 403 403 403 403 403 403 403 403 401",
    "DELETE /api-keys/{id}":        "200 403 403 403 403 403 403 403 403 401",
}
# fmt: on

#: Once it was submitted, an item's `PUT` is a decision about it.
AFTER_SUBMIT = "200 200 403 403 403 403 403 403 403 401"

#: How many of the two waiting requests (one of Finance, one of HR) each sees in the list.
SEEN = "2 1 1 1 0 0 1 - 1 -"

CODES = {401: "MISSING_TOKEN", 403: "FORBIDDEN", 409: "BULK_REFUSED"}


@dataclass(frozen=True)
class Case:
    """What a route needs to be called with: a request in its state, a path, a body, a query."""

    body: Callable[[BudgetRequest], object] = lambda _: None
    is_waiting: bool = False
    query: str = ""
    makes_one: bool = True
    names: dict[str, str] = field(default_factory=dict)


NOTES: dict[str, Any] = {"reviewNotes": "Not this quarter"}
WAITING = Case(is_waiting=True)
CASES = {
    "GET /docs/{asset}": Case(names={"asset": "page.css"}),
    "GET /item-allocations": Case(query="?supplierId=s-1"),
    "POST /budget-requests": Case(body=lambda _: request_body()),
    f"PUT {REQUEST}": Case(body=lambda _: {"priority": "low"}),
    f"POST {REQUEST}/items": Case(body=lambda _: item_body()),
    f"PUT {ITEM}": Case(body=lambda _: {"itemName": "Desk"}),
    f"POST {REQUEST}/approve": WAITING,
    f"POST {REQUEST}/reject": Case(body=lambda _: NOTES, is_waiting=True),
    f"POST {ITEM}/approve": WAITING,
    f"POST {ITEM}/reject": Case(body=lambda _: NOTES, is_waiting=True),
    "POST /budget-requests/bulk-approve": Case(
        body=lambda request: {"ids": [request.id]}, is_waiting=True
    ),
    "POST /webhooks": Case(
        body=lambda _: {
            "url": "https://127.0.0.1:9/hook",
            "events": ["*"],
            "departments": ["finance"],
        }
    ),
    "POST /api-keys": Case(
        body=lambda _: {"name": "P", "scopes": ["sync:run"], "departments": ["hr"]}
    ),
}


class House:
    """The API, and everyone who asks it."""

    def __init__(self) -> None:
        self._http = Client(app, project_dir=str(Path(__file__).parents[2])).http
        self._sequence = 1000  # out of the way of the service's own numbers
        bootstrap.budgets().record(KEY, figures(), confirmations=0, at=AT)

    def request(
        self, by: Actor = CLERK, *, is_waiting: bool, department: str = "finance"
    ) -> BudgetRequest:
        """Keep a request that nobody has touched yet."""
        self._sequence += 1
        lines = [item_body()]
        change = created(by=by, sequence=self._sequence, department=department, items=lines)
        bootstrap.requests().commit(change)
        if not is_waiting:
            return change.after
        submitted = change.after.submit(by, AT)
        bootstrap.requests().commit(submitted)
        return submitted.after

    def key(self, scopes: set[Scope], department: str) -> tuple[ApiKey, str]:
        """Make a key; return what is kept of it, and itself."""
        new = NewApiKey.model_validate(
            {"name": "Purchasing", "scopes": list(scopes), "departments": [department]}
        )
        return api_keys.create(
            new,
            by=SUPERADMIN,
            at=bootstrap.now(),
            keys=bootstrap.api_keys(),
            audit=bootstrap.audit_queue(),
        )

    def proofs(self, scope: Scope | None) -> dict[str, dict[str, str]]:
        """Return everyone's headers for a route of this scope."""
        having = {scope} if scope else set(Scope)
        lacking = set(Scope) - having or {Scope.SYNC_RUN}  # a key has at least one scope
        keys = [
            {"x-api-key": self.key(scopes, department)[1]}
            for scopes, department in ((having, "finance"), (lacking, "finance"), (having, "hr"))
        ]
        people = [{"Authorization": f"Bearer {token(role)}"} for role in ROLES.values()]
        return dict(zip(EVERYONE, [*people, *keys, {}], strict=True))

    def ask(self, route: str, case: Case, proof: dict[str, str]) -> HTTPResponse:
        """Call a route on a request nobody has touched yet."""
        method, path = route.split()
        request = self.request(is_waiting=case.is_waiting) if case.makes_one else None
        names = {"id": str(request.id) if request else "", "item_id": "1"}
        if path == "/api-keys/{id}":
            names["id"] = self.key({Scope.SYNC_RUN}, "hr")[0].id
        body = case.body(request) if request else None
        return self._http.request(
            method,
            path.format(**(names | case.names)) + case.query,
            headers={"Host": "api.example.com", "Content-Type": "application/json"} | proof,
            body=b"" if body is None else json.dumps(body).encode(),
        )


@pytest.fixture
def house(api: Api) -> House:  # noqa: ARG001 - everything is there that it asks
    return House()


def scope_of(name: str) -> Scope | None:
    (scope,) = (r.scope for r in routes.routes if f"{r.method} {r.path}" == name)
    return scope


def expected(row: str) -> dict[str, str]:
    return dict(zip(EVERYONE, row.split(), strict=True))


def seen(answers: dict[str, HTTPResponse]) -> dict[str, str]:
    """Return the statuses; each refusal's code is checked on the way."""
    for who, answer in answers.items():
        if answer.status_code in CODES:
            assert json.loads(answer.body)["code"] == CODES[answer.status_code], who
    return {who: str(answer.status_code) for who, answer in answers.items()}


def test_every_route_is_in_the_table_and_nothing_else_is() -> None:
    assert set(MATRIX) == {f"{route.method} {route.path}" for route in routes.routes}
    assert set(CASES) <= set(MATRIX)


@pytest.mark.parametrize(("route", "row"), MATRIX.items(), ids=list(MATRIX))
def test_a_route_lets_in_who_may_and_nobody_else(house: House, route: str, row: str) -> None:
    case = CASES.get(route, Case())
    proofs = house.proofs(scope_of(route))

    answers = {who: house.ask(route, case, proof) for who, proof in proofs.items()}

    assert seen(answers) == expected(row)


def test_after_the_submit_an_item_is_for_reviewers_alone(house: House) -> None:
    route = f"PUT {ITEM}"
    case = Case(body=lambda _: {"allocatedAmount": 2000}, is_waiting=True)

    answers = {who: house.ask(route, case, proof) for who, proof in house.proofs(None).items()}

    assert seen(answers) == expected(AFTER_SUBMIT)


def test_the_list_shows_everyone_what_they_may_see(house: House) -> None:
    route = "GET /budget-requests"
    proofs = house.proofs(scope_of(route))
    house.request(is_waiting=True)
    house.request(actor("HR Clerk"), is_waiting=True, department="hr")
    case = Case(query="?status=PENDING", makes_one=False)

    answers = {who: house.ask(route, case, proof) for who, proof in proofs.items()}

    totals = {
        who: str(json.loads(answer.body)["meta"]["total"]) if answer.status_code == OK else "-"
        for who, answer in answers.items()
    }
    assert totals == expected(SEEN)


@pytest.mark.parametrize("role", ["Finance Admin", "SuperAdmin"])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_reviews_their_own_request(house: House, api: Api, role: str, verb: str) -> None:
    request = house.request(is_waiting=True)
    own = token(role, sub=request.requested_by)
    path = f"/budget-requests/{request.id}"

    of_it_all = api.call("POST", f"{path}/{verb}", token=own, body=NOTES)
    of_an_item = api.call("POST", f"{path}/items/1/reject", token=own, body=NOTES)

    assert of_it_all.code == of_an_item.code == "FORBIDDEN"
