"""The largest request anyone can write goes the whole way."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain import transitions
from chalicelib.domain.changes import MAX_CARRIED_HISTORY
from chalicelib.domain.errors import InvalidInputError
from tests import stored
from tests.conftest import Aws
from tests.factories import LATER, SUPERADMIN, approval, waiting
from tests.http_api import Api


def wide(length: int, seed: int = 0) -> str:
    """Return text of four bytes a character, the most there are, that nothing packs well."""
    chance = random.Random(f"{length} {seed}")
    return "".join(chr(chance.randrange(0x10000, 0xE0000)) for _ in range(length))


#: The most an item of DynamoDB and an entry of EventBridge may have.
MAX_ITEM_BYTES = 400 * 1024
MAX_ENTRY_BYTES = 256 * 1024
ADMIN, CLERK = "Finance Admin", "Finance Clerk"


def item(number: int) -> dict[str, Any]:
    """Return the largest line there is."""
    return {
        "itemName": wide(200, number),
        "supplierId": wide(100, number),
        "supplierName": wide(200, -number),
        "itemPriority": "nice_to_have",
        "isEssential": False,
        "quantity": 1234567.89,
        "unitCost": 1,
        "totalCost": 1234567.89,
    }


def largest(seed: int = 0) -> dict[str, Any]:
    """Return the body of the largest request there is."""
    return {
        "amountRequested": 100_000,
        "purpose": wide(500, seed),
        "justification": wide(5000, seed),
        "category": "administrative",
        "linkedPurchaseRequestId": wide(100, seed),
        "linkedPurchaseRequestRefNo": wide(100, seed),
        "items": [item(seed * 100 + number) for number in range(1, 51)],
    }


def sizes(aws: Aws) -> list[int]:
    """Return how large each item is, as DynamoDB counts: names and values, in UTF-8."""
    return [
        sum(len(name.encode()) + _bytes(next(iter(value.values()))) for name, value in row.items())
        for table in ("requests", "work")
        for row in aws.rows(table)
    ]


def _bytes(value: str | bytes) -> int:
    return len(value if isinstance(value, bytes) else str(value).encode())


def told_to_audit(aws: Aws) -> list[int]:
    """Return how large what is told to Audit is, of each request as it is now."""
    rows = [row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]
    audits = [audit for row in rows if (audit := stored.outbox(row).audit)]
    return [len(audit.model_dump_json().encode()) for audit in audits]


def test_the_largest_request_is_stored_and_approved(api: Api) -> None:
    request_id = api.waiting(**largest())

    approved = api.post(
        f"/budget-requests/{request_id}/approve", ADMIN, {"reviewNotes": wide(2000)}
    )

    assert (approved.status, approved.data["status"]) == (200, "APPROVED")
    assert approved.data["justification"] == wide(5000)


def test_all_of_the_largest_draft_can_be_replaced(api: Api, aws: Aws) -> None:
    request_id = api.draft(**largest())
    changed = largest(seed=1)

    reply = api.call("PUT", f"/budget-requests/{request_id}", role=CLERK, body=changed)

    assert reply.data["itemAllocations"][49]["itemName"] == wide(200, 150)
    assert max(sizes(aws)) < MAX_ITEM_BYTES
    assert max(told_to_audit(aws)) < MAX_ENTRY_BYTES


@pytest.mark.parametrize("override", [False, True])
def test_the_largest_request_takes_the_longest_notes_everywhere(
    api: Api, aws: Aws, *, override: bool
) -> None:
    request_id = api.waiting(**largest())
    at, largest_item = f"/budget-requests/{request_id}", 0

    def post(path: str, body: object, role: str = ADMIN) -> None:
        nonlocal largest_item
        key = {"Idempotency-Key": f"{path}{largest_item}"}
        reply = api.call("POST", at + path, role=role, body=body, headers=key)
        assert reply.status == 200, reply.json
        largest_item = max(largest_item, *sizes(aws))

    # As many decisions as leave history as long as it gets, once all lines are decided.
    for number in range(50 + MAX_CARRIED_HISTORY):
        post(
            f"/items/{number % 50 + 1}/approve",
            {"notes": wide(500, number), "allocatedAmount": number + 1},
        )
    why = {"override": True, "overrideReason": wide(2000, 1)} if override else {}
    post("/approve", {"reviewNotes": wide(2000, 2)} | why, "SuperAdmin")
    post("/cancel", {"reason": wide(2000, 3)})

    assert largest_item < MAX_ITEM_BYTES


@pytest.mark.usefixtures("aws")
def test_requests_too_large_to_be_written_together_are_refused_whole() -> None:
    changes = []
    for sequence in range(1, 26):
        exact = json.loads(json.dumps(largest(seed=sequence)), parse_float=Decimal)
        plain = waiting(sequence=sequence, **exact)
        lines = tuple(
            line.model_copy(update={"decision_notes": wide(500, line.id)})
            for line in plain.item_allocations
        )
        decided = plain.model_copy(update={"item_allocations": lines})
        changes.append(transitions.approve(decided, approval(), SUPERADMIN, LATER))

    with pytest.raises(InvalidInputError) as refused:
        bootstrap.requests().commit(*changes)

    assert [error.field for error in refused.value.errors] == ["ids"]


def test_notes_on_a_line_are_shorter_than_a_review(api: Api) -> None:
    at = f"/budget-requests/{api.waiting(items=[item(1)])}/items/1"

    refused = api.post(f"{at}/approve", ADMIN, {"notes": "n" * 501})

    assert refused.errors == {"notes": "String should have at most 500 characters"}
    assert api.post(f"{at}/approve", ADMIN, {"notes": "n" * 500}).status == 200
