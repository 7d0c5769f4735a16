"""The largest request anyone can write goes the whole way."""

import json
from decimal import Decimal
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain import transitions
from chalicelib.domain.changes import MAX_CARRIED_HISTORY
from chalicelib.domain.errors import InvalidInputError
from tests.conftest import Aws
from tests.factories import LATER, SUPERADMIN, approval, waiting
from tests.http_api import Api

WIDE = "😀"  # four bytes a character, the most there are


#: The most an item of DynamoDB and an entry of EventBridge may have.
MAX_ITEM_BYTES = 400 * 1024
MAX_ENTRY_BYTES = 256 * 1024
ADMIN, CLERK = "Finance Admin", "Finance Clerk"
ITEM = {
    "itemName": WIDE * 200,
    "supplierId": WIDE * 100,
    "supplierName": WIDE * 200,
    "itemPriority": "nice_to_have",
    "isEssential": False,
    "quantity": 1234567.89,
    "unitCost": 1,
    "totalCost": 1234567.89,
}
LARGEST: dict[str, Any] = {
    "amountRequested": 100_000,
    "purpose": WIDE * 500,
    "justification": WIDE * 5000,
    "category": "administrative",
    "linkedPurchaseRequestId": WIDE * 100,
    "linkedPurchaseRequestRefNo": WIDE * 100,
    "items": [ITEM] * 50,
}


def sizes(aws: Aws) -> list[int]:
    """Return how large each item is, as DynamoDB counts: names and values, in UTF-8."""
    return [
        sum(
            len(name.encode()) + len(str(next(iter(value.values()))).encode())
            for name, value in row.items()
        )
        for table in ("requests", "work")
        for row in aws.rows(table)
    ]


def told_to_audit(aws: Aws) -> list[int]:
    """Return how large what is told to Audit is, of each request as it is now."""
    outboxes = [json.loads(r["outbox"]["S"]) for r in aws.rows("requests") if "outbox" in r]
    return [len(json.dumps(each["audit"], ensure_ascii=False).encode()) for each in outboxes]


def test_the_largest_request_is_stored_and_approved(api: Api) -> None:
    request_id = api.waiting(**LARGEST)

    approved = api.post(
        f"/budget-requests/{request_id}/approve", ADMIN, {"reviewNotes": WIDE * 2000}
    )

    assert (approved.status, approved.data["status"]) == (200, "APPROVED")
    assert approved.data["justification"] == WIDE * 5000


def test_all_of_the_largest_draft_can_be_replaced(api: Api, aws: Aws) -> None:
    request_id = api.draft(**LARGEST)
    other = "\U0001f601"
    changed = json.loads(json.dumps(LARGEST, ensure_ascii=False).replace(WIDE, other))

    reply = api.call("PUT", f"/budget-requests/{request_id}", role=CLERK, body=changed)

    assert reply.data["itemAllocations"][49]["itemName"] == other * 200
    assert max(sizes(aws)) < MAX_ITEM_BYTES
    assert max(told_to_audit(aws)) < MAX_ENTRY_BYTES


@pytest.mark.parametrize("override", [False, True])
def test_the_largest_request_takes_the_longest_notes_everywhere(
    api: Api, aws: Aws, *, override: bool
) -> None:
    request_id = api.waiting(**LARGEST)
    at, largest = f"/budget-requests/{request_id}", 0

    def post(path: str, body: object, role: str = ADMIN) -> None:
        nonlocal largest
        key = {"Idempotency-Key": f"{path}{largest}"}
        reply = api.call("POST", at + path, role=role, body=body, headers=key)
        assert reply.status == 200, reply.json
        largest = max(largest, *sizes(aws))

    # As many decisions as leave history as long as it gets, once all lines are decided.
    for number in range(50 + MAX_CARRIED_HISTORY):
        post(
            f"/items/{number % 50 + 1}/approve",
            {"notes": WIDE * 500, "allocatedAmount": number + 1},
        )
    why = {"override": True, "overrideReason": WIDE * 2000} if override else {}
    post("/approve", {"reviewNotes": WIDE * 2000} | why, "SuperAdmin")
    post("/cancel", {"reason": WIDE * 2000})

    assert largest < MAX_ITEM_BYTES


@pytest.mark.usefixtures("aws")
def test_requests_too_large_to_be_written_together_are_refused_whole() -> None:
    changes = []
    exact = json.loads(json.dumps(LARGEST), parse_float=Decimal)
    for sequence in range(1, 26):
        plain = waiting(sequence=sequence, **exact)
        lines = tuple(
            line.model_copy(update={"decision_notes": WIDE * 500})
            for line in plain.item_allocations
        )
        decided = plain.model_copy(update={"item_allocations": lines})
        changes.append(transitions.approve(decided, approval(), SUPERADMIN, LATER))

    with pytest.raises(InvalidInputError) as refused:
        bootstrap.requests().commit(*changes)

    assert [error.field for error in refused.value.errors] == ["ids"]


def test_notes_on_a_line_are_shorter_than_a_review(api: Api) -> None:
    at = f"/budget-requests/{api.waiting(items=[ITEM])}/items/1"

    refused = api.post(f"{at}/approve", ADMIN, {"notes": "n" * 501})

    assert refused.errors == {"notes": "String should have at most 500 characters"}
    assert api.post(f"{at}/approve", ADMIN, {"notes": "n" * 500}).status == 200
