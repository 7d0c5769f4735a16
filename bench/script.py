"""The calls of the API that are measured, on requests made for them; read by the probe."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

Event = dict[str, Any]

#: Has a call played, and returns its answer.
Play = Callable[[Event], Any]

_REQUESTS = "/budget-requests"
NEW: dict[str, Any] = {
    "department": "finance",
    "amountRequested": 1250.5,
    "purpose": "New laptops for the audit team",
    "justification": "The machines are seven years old and get no more updates. " * 2,
    "items": [
        {"itemName": f"Laptop {n}", "quantity": 1, "unitCost": n, "totalCost": n}
        for n in (300, 400, 500)
    ],
}
APPROVAL = {"reviewNotes": "Within the plan for the quarter", "bufferPercentage": 5}
_PAGE = 20
#: How many are approved at once.
_BULK = 5


def calls(play: Play) -> Iterator[tuple[str, Event]]:
    """Yield each call by its name; what it is about was made by then."""
    clerk, admin = os.environ["CLERK_TOKEN"], os.environ["ADMIN_TOKEN"]
    root = os.environ["ROOT_TOKEN"]

    def done(event: Event) -> Any:  # noqa: ANN401 - JSON
        return json.loads(play(event)["body"])["data"]

    def one(verb: str = "") -> str:
        return f"{_REQUESTS}/{{id}}{verb and '/'}{verb}"

    def made(*steps: str) -> dict[str, str]:
        """Return the path parameters of a new request, after some steps."""
        path = {"id": str(done(call("POST", _REQUESTS, clerk, NEW))["id"])}
        for step in steps:
            body = APPROVAL if step == "approve" else None
            by = admin if step == "approve" else clerk
            play(call("POST", one(step), by, body, path=path))
        return path

    for _ in range(_PAGE):
        made("submit")  # a page to list
    yield "create", call("POST", _REQUESTS, clerk, NEW)
    yield "submit", call("POST", one("submit"), clerk, path=made())
    yield "approve", call("POST", one("approve"), admin, APPROVAL, path=made("submit"))
    rejection = {"reviewNotes": "Not this quarter"}
    yield "reject", call("POST", one("reject"), admin, rejection, path=made("submit"))
    yield "cancel, approved", call("POST", one("cancel"), clerk, path=made("submit", "approve"))
    yield "update", call("PUT", one(), clerk, {"purpose": "Newer laptops"}, path=made())
    yield "get", call("GET", one(), clerk, path=made("submit"))
    yield "get, text known", call("GET", one(), clerk, path=made("submit"))
    yield "list", call("GET", _REQUESTS, admin, query={"status": "PENDING"})
    approved = made("submit", "approve")
    yield "history", call("GET", one("history"), clerk, path=approved)
    yield "notifications", call("GET", one("notifications"), clerk, path=approved)
    yield "items", call("GET", one("items"), clerk, path=approved)
    decided = made("submit") | {"itemId": "1"}
    yield "approve an item", call("POST", one("items/{itemId}/approve"), admin, path=decided)
    bulk = {"ids": [int(made("submit")["id"]) for _ in range(_BULK)]}
    yield f"bulk approve {_BULK}", call("POST", f"{_REQUESTS}/bulk-approve", admin, bulk)
    yield "funds", call("GET", one("funds"), admin, path=made("submit"))
    yield "budget", call("GET", "/budgets/{department}", admin, path={"department": "finance"})
    hook = {"url": os.environ["HOOK_URL"], "events": ["*"]}
    yield "subscribe", call("POST", "/webhooks", root, hook)
    yield "subscriptions", call("GET", "/webhooks", root)
    yield "health", call("GET", "/health", None)


def call(
    method: str,
    resource: str,
    token: str | None,
    body: object = None,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> Event:
    """Return a call as API Gateway hands it over."""
    headers = {"host": "api.example.com", "content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    called = resource
    for name, value in (path or {}).items():
        called = called.replace(f"{{{name}}}", value)
    return {
        "resource": resource,
        "path": called,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {n: [v] for n, v in query.items()} if query else None,
        "pathParameters": path,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{called}",
            "stage": "api",
            "requestId": "20000000-0000-4000-8000-000000000001",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "bench"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
