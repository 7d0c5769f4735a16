"""`If-Match` with another version: those who may act learn of it first, nobody else at all."""

import pytest

from tests.http_api import Api, Reply

STALE = {"If-Match": '"99"'}
ITEM = {"itemName": "Bag", "quantity": 1, "unitCost": 1, "totalCost": 1}
Write = tuple[str, str, object]
WRITES: list[Write] = [
    ("PUT", "", {"priority": "low"}),
    ("DELETE", "", None),
    ("POST", "/submit", None),
    ("POST", "/approve", {}),
    ("POST", "/reject", {"reviewNotes": "Not now"}),
    ("POST", "/cancel", {}),
    ("POST", "/items", ITEM),
    ("PUT", "/items/1", {"itemName": "Sack"}),
    ("PUT", "/items/1", {"allocatedAmount": 1}),
    ("DELETE", "/items/1", None),
    ("POST", "/items/1/approve", {}),
    ("POST", "/items/1/reject", {"reviewNotes": "Not now"}),
]
EACH_WRITE = pytest.mark.parametrize("write", WRITES, ids=str)


def called(api: Api, role: str, request_id: int, write: Write) -> Reply:
    method, path, body = write
    at = f"/budget-requests/{request_id}{path}"
    return api.call(method, at, role=role, body=body, headers=STALE)


@EACH_WRITE
@pytest.mark.parametrize("role", ["HR Clerk", "HR Admin", "Finance Analyst"])
def test_who_may_not_act_does_not_learn_the_version(api: Api, role: str, write: Write) -> None:
    reply = called(api, role, api.draft(items=[ITEM]), write)

    assert (reply.status, reply.code) == (403, "FORBIDDEN")


@EACH_WRITE
def test_who_may_act_learns_of_a_stale_version_before_the_state(api: Api, write: Write) -> None:
    request_id = api.waiting(items=[ITEM])
    decided = f"/budget-requests/{request_id}/reject"
    assert api.post(decided, "Finance Admin", {"reviewNotes": "Not now"}).status == 200

    reply = called(api, "Finance Admin", request_id, write)

    assert (reply.status, reply.code) == (412, "STALE_VERSION")


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ('"7", "1"', 200),
        ('"1","2"', 200),
        ("*", 200),
        ('"7", "8"', 412),
        ('W/"1"', 412),
        ("1", 412),
    ],
)
def test_any_of_several_versions_may_be_the_one(api: Api, named: str, status: int) -> None:
    path = f"/budget-requests/{api.draft()}"

    reply = api.call(
        "PUT", path, role="Finance Clerk", body={"priority": "low"}, headers={"If-Match": named}
    )

    assert reply.status == status
