"""Services with API keys on the deployed stack, and the counting of everyone's calls."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from infra import service_keys
from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People, waiting

DEADLINE_SECONDS = 60
CALLS = 40
AT_ONCE = 6  # each new one at once is a cold function here
NEW = {"department": "inventory", "amountRequested": 100, "purpose": "Parts for the next delivery"}


def _actions_on(stack: RunningStack, key_id: str) -> list[str]:
    entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
    return [entry["action"] for entry in entries if entry["recordId"] == key_id]


@pytest.mark.needs("partners")
def test_a_service_works_with_its_key_until_it_is_revoked(
    stack: RunningStack, people: People
) -> None:
    key = service_keys.create(
        stack,
        name="Purchasing",
        scopes=["requests:read", "requests:write"],
        departments=["inventory"],
        expires="30d",
    )
    kept = service_keys.every(stack)[0]
    proof = {"x-api-key": key}
    http = people.http

    made = http.post("/budget-requests", json=NEW, headers=proof)
    assert made.status_code == 201, made.text
    path = f"/budget-requests/{made.json()['data']['id']}"
    shown = http.get(path, headers=proof).json()["data"]
    assert shown["requestedBy"] == f"key:{kept['id']}"
    assert kept["prefix"] == f"{key[:8]}…"
    listed = http.get(
        "/budget-requests", headers=proof, params={"requestedBy": shown["requestedBy"]}
    )
    assert [row["id"] for row in listed.json()["data"]] == [shown["id"]]
    admin = people.new("Inventory Admin")
    admin.post(f"{path}/submit")
    admin.post(f"{path}/reject", {"reviewNotes": "Already ordered"})

    elsewhere = waiting(people.new("HR Clerk"), department="hr")
    refused = http.get(f"/budget-requests/{elsewhere}", headers=proof)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")

    service_keys.revoke(stack, key)
    gone = http.get(path, headers=proof)
    assert (gone.status_code, gone.json()["code"]) == (401, "INVALID_API_KEY")
    wait_for(lambda: len(_actions_on(stack, kept["id"])) >= 2, deadline_seconds=DEADLINE_SECONDS)
    assert sorted(_actions_on(stack, kept["id"])) == ["API_KEY_CREATE", "API_KEY_REVOKE"]


def test_calls_at_once_are_each_counted(people: People) -> None:
    clerk = people.new("Finance Clerk")
    headers = {"authorization": f"Bearer {clerk.token}"}

    def ask(_: int) -> httpx.Response:
        return clerk.http.get("/budget-requests/1", headers=headers)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(ask, range(CALLS)))

    left = sorted(int(answer.headers["ratelimit-remaining"]) for answer in answers)
    limit = int(answers[0].headers["ratelimit-limit"])
    assert left == list(range(limit - CALLS, limit))
