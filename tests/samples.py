"""The payloads in events/: made of what the code really says, so that they stay true.

`UPDATE_EVENTS=1 .venv/bin/python -m pytest tests/handlers/test_samples.py` writes them anew.
"""

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from chalicelib import bootstrap
from chalicelib.domain import transitions
from chalicelib.domain.bus_keys import BusKey, Command
from chalicelib.domain.changes import Change
from chalicelib.domain.deliveries import (
    DeliverOrder,
    Delivery,
    Order,
    RecoverOrder,
    SweepOrder,
    first_id_since,
)
from chalicelib.domain.events import AuditAction, AuditEntry, audit_entry
from tests.conftest import REGION, Aws
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    PARTNER,
    approval,
    created,
    figures,
    finance_said,
    item_body,
    partner_message,
    published,
    purchase_data,
    sealed,
    signed,
)

EVENTS = Path(__file__).parents[1] / "events"

#: Where a token belongs; none is kept in a file, since each expires.
TOKEN = "a-token-of-hr-auth"

_ACCOUNT = "123456789012"
_TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{_ACCOUNT}:table/budget-requests"


def read(name: str) -> dict[str, Any]:
    """Return one payload as it stands in events/."""
    payload: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return payload


def story() -> tuple[Change, Change, Change]:
    """Return a request's way: created, submitted, approved with a buffer of 5 %."""
    first = created(
        amountRequested=52500,
        purpose="R&D < 5 % of it: new laptops",
        priority="high",
        items=[item_body(quantity=42, unitCost=1250, totalCost=52500, supplierId="s-1")],
    )
    second = transitions.submit(first.after, CLERK, AT)
    body = approval(reviewNotes="Go ahead", bufferPercentage=5)
    return first, second, transitions.approve(second.after, body, ADMIN, LATER)


def keep_story() -> tuple[Change, Change, Change]:
    """Commit the story, with the budget its hold is taken from, and return it."""
    finance_said(bootstrap.budgets(), figures())
    told = story()
    for change in told:
        bootstrap.requests().commit(change)
    return told


def build(aws: Aws) -> dict[str, dict[str, Any]]:
    """Return every payload by the name of its file; the story is in the tables afterwards."""
    records = _stream_records(aws)
    _, submitted, approved = story()
    return {
        "relay.json": {"Records": records},
        "webhooks.json": _batch("webhooks", _event(approved)),
        "webhooks-orders.json": _batch("webhooks", *_orders(approved)),
        "audit.json": _batch("audit", _audit(approved.audit), _queued(_view(approved))),
        "notifications.json": _batch("notifications", _event(submitted), _event(approved)),
        "finance.json": _batch("finance", _event(approved)),
        "jobs.json": _batch("jobs", _scheduled()),
        **{
            f"inbound-{name}.json": _batch("inbound", asking(command, data))
            for name, command, data in _commands()
        },
    } | _api_events()


def _stream_records(aws: Aws) -> list[dict[str, Any]]:
    finance_said(bootstrap.budgets(), figures())
    records: list[dict[str, Any]] = []
    image: dict[str, Any] | None = None
    for number, change in enumerate(story(), start=1):
        bootstrap.requests().commit(change)
        old, image = image, _request_row(aws)
        records.append(
            {
                "eventID": hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest(),
                "eventName": "MODIFY" if old else "INSERT",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": REGION,
                "dynamodb": {
                    "ApproximateCreationDateTime": change.after.updated_at.timestamp(),
                    "Keys": {"pk": image["pk"], "sk": image["sk"]},
                    "NewImage": image,
                    **({"OldImage": old} if old else {}),
                    "SequenceNumber": str(100000000000000000000 + number),
                    "SizeBytes": len(json.dumps(image)),
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": f"{_TABLE_ARN}/stream/2026-03-10T12:00:00.000",
            }
        )
    return records


def _request_row(aws: Aws) -> dict[str, Any]:
    (row,) = (row for row in aws.rows("requests") if row["sk"] == {"S": "REQUEST"})
    return {
        name: {kind: _json(value)} for name, each in row.items() for kind, value in each.items()
    }


def _json(value: str | bytes) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else value


def _event(change: Change) -> dict[str, Any]:
    (event,) = change.events
    return _on_the_bus("budget-requests", event.type.value, signed(event), number=1)


def _audit(entry: AuditEntry) -> dict[str, Any]:
    detail = sealed(entry.model_dump(mode="json"))
    return _on_the_bus("budget-requests.audit", "audit.entry", detail, number=2)


def _on_the_bus(source: str, kind: str, detail: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"00000000-0000-4000-8000-00000000000{number}",
        "detail-type": kind,
        "source": source,
        "account": _ACCOUNT,
        "time": "2026-03-10T12:01:01Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def _orders(change: Change) -> list[dict[str, Any]]:
    """Return what the worker of webhooks is sent besides events: by itself, schedule and API."""
    delivery = Delivery.of("wh_1", published(change), LATER)
    orders: list[Order] = [
        DeliverOrder(
            do="deliver",
            subscription_id=delivery.subscription_id,
            delivery_id=delivery.id,
            event_id=delivery.event_id,
        ),
        SweepOrder(do="sweep"),
        RecoverOrder(do="recover", subscription_id="wh_1", after=first_id_since(AT)),
    ]
    return [order.model_dump() for order in orders]


def _commands() -> list[tuple[str, Command, dict[str, Any]]]:
    request_id = story()[0].after.id
    return [
        ("purchase-request-approved", Command.PURCHASE_REQUEST_APPROVED, purchase_data()),
        (
            "budget-updated",
            Command.BUDGET_UPDATED,
            {"department": "finance", "fiscalYear": 2026, "fiscalPeriod": "Q1"},
        ),
        ("consumed", Command.CONSUMED, {"budgetRequestId": request_id, "amount": 50000.5}),
        (
            "release-requested",
            Command.RELEASE_REQUESTED,
            {"budgetRequestId": request_id, "reason": "The order was cancelled"},
        ),
    ]


def asking(
    command: str, data: dict[str, Any], *, key: BusKey | None = None, **more: str
) -> dict[str, Any]:
    """Return what a rule makes of a partner's message; `more` stands in its detail."""
    message = partner_message(command, data, key=key, **more)
    return _on_the_bus(PARTNER, command, message, number=4)


def _scheduled() -> dict[str, Any]:
    """Return what a schedule's rule makes of its firing."""
    return {
        "job": "finance-sync",
        "runId": "00000000-0000-4000-8000-000000000003",
        "queuedAt": "2026-03-10T12:00:00Z",
        "by": "schedule",
        "payload": {},
    }


def _queued(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry as the API itself queues it."""
    return {"detail": entry.model_dump(mode="json")}


def _view(change: Change) -> AuditEntry:
    return audit_entry(
        entry_id="aud_call-1",
        at=LATER,
        action=AuditAction.VIEW,
        by=ADMIN,
        record_id=str(change.after.id),
        record_code=change.after.request_code,
    )


def _batch(queue: str, *messages: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [record(queue, m, number) for number, m in enumerate(messages, start=1)]}


def record(queue: str, message: object, number: int, receives: int = 1) -> dict[str, Any]:
    """Return one SQS record as Lambda gets it; `message` may be a text already."""
    body = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return {
        "messageId": f"10000000-0000-4000-8000-00000000000{number}",
        "receiptHandle": f"receipt-{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": "1773144061000",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1773144061010",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{_ACCOUNT}:budget-requests-{queue}",
        "awsRegion": REGION,
    }


def _api_events() -> dict[str, dict[str, Any]]:
    first, _, _ = story()
    one, ident = "/budget-requests/{id}", str(first.after.id)
    create = {
        "department": "finance",
        "amountRequested": 52500,
        "purpose": first.after.purpose,
        "priority": "high",
        "items": [item_body(quantity=42, unitCost=1250, totalCost=52500, supplierId="s-1")],
    }
    subscribe = {"url": "https://partner.example.com/hook", "events": ["*"]}
    return {
        "api-health.json": _call("GET", "/health"),
        "api-create.json": _call("POST", "/budget-requests", body=create),
        "api-get.json": _call("GET", one, ident),
        "api-submit.json": _call("POST", f"{one}/submit", ident),
        "api-approve.json": _call(
            "POST", f"{one}/approve", ident, {"reviewNotes": "Go ahead", "bufferPercentage": 5}
        ),
        "api-reject.json": _call(
            "POST", f"{one}/reject", ident, {"reviewNotes": "Not this quarter"}
        ),
        "api-subscribe.json": _call("POST", "/webhooks", body=subscribe),
    }


def _call(
    method: str, resource: str, ident: str | None = None, body: object = None
) -> dict[str, Any]:
    """Return a call as API Gateway hands it to the function."""
    path = resource.replace("{id}", ident or "")
    headers = {"Host": "api.example.com"}
    if resource != "/health":
        headers["Authorization"] = f"Bearer {TOKEN}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"id": ident} if ident else None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "accountId": _ACCOUNT,
            "stage": "api",
            "requestId": "20000000-0000-4000-8000-000000000001",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "curl/8"},
            "apiId": "abcdefghij",
        },
        "body": None if body is None else json.dumps(body, ensure_ascii=False),
        "isBase64Encoded": False,
    }
