"""Two reviewers at the same moment, over HTTP on the deployed stack: one wins, nothing is lost."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from infra.local import RunningStack
from tests.e2e.people import People, Person, waiting

pytestmark = pytest.mark.needs("partners")

ROUNDS = 10


def test_two_reviewers_at_once_leave_one_decision(stack: RunningStack, people: People) -> None:
    clerk = people.new("Inventory Clerk")
    reviewers = people.new("Inventory Admin"), people.new("SuperAdmin")
    moves: tuple[tuple[str, object], ...] = (
        ("approve", {}),
        ("reject", {"reviewNotes": "Not this quarter"}),
    )
    with ThreadPoolExecutor(len(reviewers)) as pool, stack.http() as http:
        for _ in range(ROUNDS):
            path = f"/budget-requests/{waiting(clerk, department='inventory', amount=1)}"
            answers = [
                pool.submit(_post, http, reviewer, f"{path}/{verb}", body)
                for reviewer, (verb, body) in zip(reviewers, moves, strict=True)
            ]
            statuses = sorted(answer.result().status_code for answer in answers)
            assert statuses[0] == 200
            assert statuses[1] in {400, 409}
            shown = clerk.get(path)["data"]
            assert [entry["action"] for entry in shown["approvalHistory"]] in (
                ["APPROVED", "SUBMITTED", "CREATED"],
                ["REJECTED", "SUBMITTED", "CREATED"],
            )
            assert shown["isReserved"] is (shown["status"] == "APPROVED")
            assert shown["version"] == 3


def test_a_call_sent_twice_at_once_with_one_key_acts_once(
    stack: RunningStack, people: People
) -> None:
    clerk = people.new("Operations Clerk")
    body = {"department": "operations", "amountRequested": 7, "purpose": "Gloves, a box of them"}
    with ThreadPoolExecutor(2) as pool, stack.http() as http:
        answers = [
            pool.submit(_post, http, clerk, "/budget-requests", body, key="one-key")
            for _ in range(2)
        ]
        told = [answer.result() for answer in answers]

    made = [answer for answer in told if answer.status_code == 201]
    assert made, [answer.text for answer in told]
    assert {answer.status_code for answer in told} <= {201, 409}
    assert len({answer.json()["data"]["id"] for answer in made}) == 1
    assert clerk.get("/budget-requests")["meta"]["total"] == 1


def _post(
    http: httpx.Client, by: Person, path: str, body: object, *, key: str | None = None
) -> httpx.Response:
    headers = {"authorization": f"Bearer {by.token}"} | ({"idempotency-key": key} if key else {})
    return http.post(path, json=body, headers=headers)
