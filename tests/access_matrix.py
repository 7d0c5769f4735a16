"""Who may call what: one table for every declared route, asked of an API wherever it runs.

`tests/handlers` asks the app in process, `tests/e2e` the deployed stack.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.domain.access import BUS_SCOPES, Scope
from chalicelib.handlers.http.routes import api as declared
from tests.factories import item_body, request_body

REQUEST = "/budget-requests/{id}"
ITEM = REQUEST + "/items/{itemId}"
KEY = "/api-keys/{id}"
HOOK = "/webhooks/{id}"
DELIVERY = HOOK + "/deliveries/{deliveryId}"
BUDGET = "/budgets/{department}"
SYNC = "/sync/budgets/{department}"

#: Who asks, in the order of the table. The request belongs to a Finance Clerk; keys have the
#: scope of the route, or every other one.
ROLES = {
    "superadmin": "SuperAdmin",
    "department admin": "Finance Admin",
    "another's admin": "HR Admin",
    "owner": "Finance Clerk",
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

    "GET /budgets":                 "200 200 200 200 200 200 200 403 200 401",
    f"GET {BUDGET}":                "200 200 403 200 200 403 200 403 403 401",
    "GET /sync/status":             "200 200 200 403 403 403 200 403 200 401",
    "POST /sync/budgets":           "200 200 200 403 403 403 200 403 200 401",
    f"POST {SYNC}":                 "200 200 403 403 403 403 200 403 403 401",

    "POST /webhooks":               "201 403 403 403 403 403 201 403 403 401",
    "GET /webhooks":                "200 403 403 403 403 403 200 403 200 401",
    "GET /webhooks/events":         "200 403 403 403 403 403 200 403 200 401",
    f"GET {HOOK}":                  "200 403 403 403 403 403 200 403 403 401",
    f"PUT {HOOK}":                  "200 403 403 403 403 403 200 403 403 401",
    f"DELETE {HOOK}":               "200 403 403 403 403 403 200 403 403 401",
    f"POST {HOOK}/rotate-secret":   "200 403 403 403 403 403 200 403 403 401",
    f"POST {HOOK}/test":            "202 403 403 403 403 403 202 403 403 401",
    f"GET {HOOK}/deliveries":       "200 403 403 403 403 403 200 403 403 401",
    f"POST {HOOK}/recover":         "202 403 403 403 403 403 202 403 403 401",
    f"POST {DELIVERY}/redeliver":   "404 403 403 403 403 403 404 403 403 401",
    "POST /api-keys":               "201 403 403 403 403 403 403 403 403 401",
    "GET /api-keys":                "200 403 403 403 403 403 403 403 403 401",
    "GET /api-keys/{id}":           "200 403 403 403 403 403 403 403 403 401",
    "DELETE /api-keys/{id}":        "200 403 403 403 403 403 403 403 403 401",

    "GET /analytics/dashboard":     "200 200 200 403 403 403 403 403 403 401",
    "GET /analytics/trends":        "200 200 200 403 403 403 403 403 403 401",
    "GET /analytics/departments/{department}":
                                    "200 200 403 403 403 403 403 403 403 401",
    "GET /metrics":                 "200 403 403 403 403 403 403 403 403 401",
    "POST /ops/jobs/{job}":         "202 403 403 403 403 403 403 403 403 401",
    "GET /ops/jobs/{job}/runs":     "200 403 403 403 403 403 403 403 403 401",
}
# fmt: on

#: Once it was submitted, an item's `PUT` is a decision about it.
AFTER_SUBMIT = "200 200 403 403 403 403 403 403 403 401"

#: How many of two waiting requests, one of Finance and one of HR, each sees in the list.
SEEN = "2 1 1 1 0 0 1 - 1 -"

CODES = {401: "MISSING_TOKEN", 403: "FORBIDDEN", 409: "BULK_REFUSED"}


@dataclass(frozen=True)
class Case:
    """What a route is called with: a request in its state, a body about it, the rest of a path."""

    body: Callable[[int], object] = lambda _: None
    is_waiting: bool = False
    query: str = ""
    names: dict[str, str] = field(default_factory=dict)


NOTES: dict[str, Any] = {"reviewNotes": "Not this quarter"}
WAITING = Case(is_waiting=True)
JOB = {"job": "finance-sync"}
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
        body=lambda request_id: {"ids": [request_id]}, is_waiting=True
    ),
    f"GET {BUDGET}": Case(names={"department": "finance"}),
    "GET /analytics/departments/{department}": Case(names={"department": "finance"}),
    f"POST {SYNC}": Case(names={"department": "finance"}),
    "POST /webhooks": Case(
        body=lambda _: {
            "url": "https://127.0.0.1:9/hook",
            "events": ["budget_request.deleted"],  # of which there is nothing more to tell
            "departments": ["finance"],
        }
    ),
    "POST /ops/jobs/{job}": Case(body=lambda _: {"dryRun": True}, names=JOB),
    "GET /ops/jobs/{job}/runs": Case(names=JOB),
    f"PUT {HOOK}": Case(body=lambda _: {"description": "Keeps the ledger"}),
    f"POST {HOOK}/recover": Case(query="?since=2030-01-01T00:00:00Z"),
    f"POST {DELIVERY}/redeliver": Case(names={"deliveryId": "dlv_1"}),
    "POST /api-keys": Case(
        body=lambda _: {"name": "P", "scopes": ["sync:run"], "departments": ["hr"]}
    ),
}
ITEM_DECISION = Case(body=lambda _: {"allocatedAmount": 2000}, is_waiting=True)


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    text: str

    @property
    def json(self) -> dict[str, Any]:
        """The body, an envelope."""
        told: dict[str, Any] = json.loads(self.text)
        return told


class Send(Protocol):
    """The way to an API."""

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
        """Call it."""


class House:
    """An API, and everyone who asks it; what nobody may touch is made once and asked of often."""

    def __init__(self, send: Send, token: Callable[[str], str]) -> None:
        self._send = send
        self._token = token
        self._people = {who: self._person(role) for who, role in ROLES.items()}
        self._untouched: dict[bool, int] = {}
        self._key_id: str | None = None
        self._hook_id: str | None = None
        self._keys: dict[Scope | None, dict[str, dict[str, str]]] = {}

    def answers(self, route: str, case: Case, row: dict[str, str]) -> dict[str, Told]:
        """Return what a route tells everyone; `row` says who is expected to get through."""
        method, path = route.split()
        return {
            who: self.asked(
                method, path, case, proof, fresh=method != "GET" and row[who].startswith("2")
            )
            for who, proof in self._proofs(scope_of(route)).items()
        }

    def statuses(self, route: str, case: Case, row: dict[str, str]) -> dict[str, str]:
        """Return how a route answers everyone; each refusal's code is checked on the way."""
        answers = self.answers(route, case, row)
        for who, answer in answers.items():
            if answer.status in CODES:
                assert answer.json["code"] == CODES[answer.status], who
        return {who: str(answer.status) for who, answer in answers.items()}

    def totals_of_the_list(self) -> dict[str, str]:
        """Return how many each sees of two new requests, one of Finance and one of HR."""
        first = self.request(is_waiting=True)
        link = f"pr-{first}"
        self.request(is_waiting=True, linkedPurchaseRequestId=link)
        hr = self._person("HR Clerk")
        self.request(hr, is_waiting=True, department="hr", linkedPurchaseRequestId=link)
        case = Case(query=f"?status=PENDING&linkedPurchaseRequestId={link}")
        route = "GET /budget-requests"
        return {
            who: str(answer.json["meta"]["total"]) if answer.status == 200 else "-"
            for who, answer in self.answers(route, case, expected(MATRIX[route])).items()
        }

    def request(
        self, by: dict[str, str] | None = None, *, is_waiting: bool, **fields: object
    ) -> int:
        """Return the id of a new request with one item; the owner's, if nobody else is named."""
        proof = by or self._people["owner"]
        body = request_body(amountRequested=5000, items=[item_body()], **fields)
        request_id = int(self._made("/budget-requests", body, proof, 201)["id"])
        if is_waiting:
            self._made(f"/budget-requests/{request_id}/submit", None, proof, 200)
        return request_id

    def asked(
        self, method: str, path: str, case: Case, proof: dict[str, str], *, fresh: bool
    ) -> Told:
        """Return what a route tells whoever has this proof, of something new where `fresh`."""
        names = {"itemId": "1"} | case.names
        request_id = 0
        if path == KEY:
            names["id"] = self._key(fresh=fresh)
        elif path.startswith(HOOK):
            names["id"] = self._hook(fresh=fresh)
        elif case.is_waiting or path.startswith(REQUEST):
            request_id = self._one(is_waiting=case.is_waiting, fresh=fresh)
            names["id"] = str(request_id)
        return self._call(method, path.format(**names) + case.query, case.body(request_id), proof)

    def _one(self, *, is_waiting: bool, fresh: bool) -> int:
        """Return a request that nobody has touched yet: who is refused leaves it so."""
        if fresh:
            return self.request(is_waiting=is_waiting)
        if is_waiting not in self._untouched:
            self._untouched[is_waiting] = self.request(is_waiting=is_waiting)
        return self._untouched[is_waiting]

    def _key(self, *, fresh: bool) -> str:
        if fresh or self._key_id is None:
            self._key_id = str(self._new_key({Scope.SYNC_RUN}, "hr")["id"])
        return self._key_id

    def _hook(self, *, fresh: bool) -> str:
        if self._hook_id is None or fresh:
            body = CASES["POST /webhooks"].body(0)
            made = str(self._made("/webhooks", body, self._people["superadmin"], 201)["id"])
            if fresh:
                return made  # and perhaps gone soon
            self._hook_id = made
        return self._hook_id

    def _proofs(self, scope: Scope | None) -> dict[str, dict[str, str]]:
        """Return everyone's headers for a route of this scope."""
        if scope not in self._keys:
            every = set(Scope) - BUS_SCOPES
            having = {scope} if scope else every
            lacking = every - having or {Scope.SYNC_RUN}  # a key has at least one scope
            kinds = ((having, "finance"), (lacking, "finance"), (having, "hr"))
            keys = [{"x-api-key": self._new_key(*kind)["key"]} for kind in kinds]
            self._keys[scope] = dict(zip(KEYS, keys, strict=True))
        return {**self._people, **self._keys[scope], "nobody": {}}

    def _new_key(self, scopes: set[Scope], department: str) -> dict[str, Any]:
        body = {"name": "Purchasing", "scopes": sorted(scopes), "departments": [department]}
        return self._made("/api-keys", body, self._people["superadmin"], 201)

    def _person(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token(role)}"}

    def _made(self, path: str, body: object, proof: dict[str, str], status: int) -> dict[str, Any]:
        answer = self._call("POST", path, body, proof)
        assert answer.status == status, answer.text
        data: dict[str, Any] = answer.json["data"]
        return data

    def _call(self, method: str, path: str, body: object, proof: dict[str, str]) -> Told:
        headers = {"Content-Type": "application/json"} | proof
        return self._send(method, path, headers, b"" if body is None else json.dumps(body).encode())


def scope_of(name: str) -> Scope | None:
    """Return the scope that lets keys call a route."""
    (scope,) = (r.scope for r in declared.routes if f"{r.method} {r.path}" == name)
    return scope


def expected(row: str) -> dict[str, str]:
    """Return a row of the table by who asks."""
    return dict(zip(EVERYONE, row.split(), strict=True))
