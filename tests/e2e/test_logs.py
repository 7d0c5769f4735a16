"""The logs of the deployed stack: what one call set off is found by its id; nobody is in them."""

import json
from typing import Any

from infra import logs
from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People

DEADLINE_SECONDS = 60
MARK = "zq7log"
WORKERS = {"api", "relay", "finance", "audit", "notifications"}


def logged(stack: RunningStack) -> list[tuple[str, str]]:
    """Return every line of every function, with the function's name."""
    lines = (line.split(maxsplit=2) for line in logs.lines(stack, None, follow=False))
    return [(parts[1], parts[2]) for parts in lines if len(parts) == 3]


def read(text: str) -> dict[str, Any]:
    return dict(json.loads(text)) if text.startswith("{") else {}


def test_a_call_is_followed_by_its_id_and_no_line_says_a_secret_or_a_name(
    stack: RunningStack, people: People
) -> None:
    call_id = f"e2e-{people.new('Finance Clerk').sub}-approval"
    with stack.http() as http:
        token = stack.token(
            "Finance Clerk", sub=f"u-{MARK}", name=f"Ada {MARK}", email=f"{MARK}@example.com"
        )
        bearer = {"authorization": f"Bearer {token}"}
        body = {
            "department": "finance",
            "amountRequested": 100,
            "purpose": f"{MARK} a private matter",
            "justification": f"{MARK} because",
        }
        made = http.post("/budget-requests", json=body, headers=bearer).json()["data"]
        path = f"/budget-requests/{made['id']}"
        http.post(f"{path}/submit", json={}, headers=bearer).raise_for_status()
        admin = stack.token("Finance Admin", sub="u-boss", name=f"Bob {MARK}")
        answer = http.post(
            f"{path}/approve",
            json={"reviewNotes": f"{MARK} fine"},
            headers={"authorization": f"Bearer {admin}", "x-correlation-id": call_id},
        )
    assert answer.status_code == 200
    assert answer.headers["x-correlation-id"] == call_id

    def found_in() -> set[str]:
        return {
            function
            for function, text in logged(stack)
            if read(text).get("correlation_id") == call_id
        }

    wait_for(lambda: found_in() >= WORKERS, deadline_seconds=DEADLINE_SECONDS)
    assert found_in() >= WORKERS
    lines = logged(stack)
    assert len(lines) > len(WORKERS)
    secrets = [value for value in stack.secrets.model_dump().values() if value]
    for hidden in (MARK, token, admin, *secrets):
        assert [line for line in lines if hidden in line[1]] == []
    metrics = {name for _, text in lines for name in read(text) if name[0].isupper()}
    assert {"Calls", "EventsPublished", "MessagesDone"} <= metrics
