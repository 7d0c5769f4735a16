"""Forty-five changes on the deployed stack while Finance, Audit and a receiver come and go.

The thousand, with functions that die as well, are in tests/properties/test_bus_storm.py: here it is
the real bus, queues and functions, over HTTP.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.local import RunningStack
from infra.standins import Behaviour, Received
from infra.waiting import wait_for
from tests.e2e.people import People, Person, waiting

SEED = 5
DEPARTMENT = "operations"
REQUESTS = 15
AT_ONCE = 4
DEADLINE_SECONDS = 90

TROUBLE = [
    Behaviour(status=500, times=2),
    Behaviour(status=503, retry_after="1", times=1),
    Behaviour(redirect_to="/elsewhere", times=1),
    Behaviour(delay_seconds=0.5, times=1),
    Behaviour(),
]
TROUBLE_SECONDS = 0.3
GONE = 0.2


@contextmanager
def trouble(stack: RunningStack, chance: random.Random) -> Iterator[None]:
    """Have one partner or another fail, be slow or be gone until the block ends."""
    standins = (stack.finance, stack.audit, stack.receiver)
    is_over = Event()

    def go_on() -> None:
        while not is_over.wait(TROUBLE_SECONDS):
            standin = chance.choice(standins)
            standin.start()
            standin.behave(chance.choice(TROUBLE))
            if chance.random() < GONE:
                standin.stop()

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(go_on)
        try:
            yield
        finally:
            is_over.set()
        done.result()
    for standin in standins:
        standin.start()
        standin.behave(Behaviour())


@pytest.fixture
def root(people: People) -> Person:
    return people.new("SuperAdmin")


@pytest.fixture
def hook(stack: RunningStack, root: Person) -> Iterator[dict[str, Any]]:
    """A subscription to all that happens in the department."""
    wanted = {"url": f"{stack.receiver.url}/storm", "events": ["*"], "departments": [DEPARTMENT]}
    made: dict[str, Any] = root.post("/webhooks", wanted, expect=201)["data"]
    yield made
    root.call("DELETE", f"/webhooks/{made['id']}", expect=200)


def decide(people: People, number: int) -> tuple[int, str]:
    """Have a request created, submitted and decided on; return its id and what was decided."""
    request_id = waiting(people.new("Operations Clerk"), department=DEPARTMENT, amount=100)
    path = f"/budget-requests/{request_id}"
    admin = people.new("Operations Admin")
    if number % 4 == 0:
        admin.post(f"{path}/reject", {"reviewNotes": "Not this quarter"})
        return request_id, "REJECT"
    admin.post(f"{path}/approve")
    return request_id, "APPROVE"


def send_again(root: Person, hook: dict[str, Any]) -> None:
    """Send what failed again by hand, rather than wait for minutes."""
    listed = root.get(f"/webhooks/{hook['id']}/deliveries?limit=100")["data"]
    for delivery in listed:
        if delivery["status"] == "PENDING":
            path = f"/webhooks/{hook['id']}/deliveries/{delivery['id']}/redeliver"
            answer = root.http.post(path, headers={"authorization": f"Bearer {root.token}"})
            assert answer.status_code in {202, 409}, answer.text  # 409: it is being tried


def taken(calls: list[Received], path: str) -> list[Received]:
    return [call for call in calls if call.path == path and call.accepted]


def received(stack: RunningStack, secret: str) -> dict[str, dict[str, Any]]:
    """Return what the receiver took, by webhook-id; all of it verifies."""
    calls = taken(stack.receiver.received(), "/storm")
    bodies = [Webhook(secret).verify(call.body, call.headers) for call in calls]
    return {c.headers["webhook-id"]: body for c, body in zip(calls, bodies, strict=True)}


def audited(stack: RunningStack) -> dict[int, list[str]]:
    """Return what Audit was told of each request, but for views; a repeat is the same entry."""
    entries: dict[str, dict[str, Any]] = {}
    for call in taken(stack.audit.received(), "/api/audit-logs"):
        body = json.loads(call.body)
        assert entries.setdefault(call.headers["idempotency-key"], body) == body
    found = defaultdict(list)
    for body in entries.values():
        if body["action"] != "VIEW" and body["recordId"].isdecimal():
            found[int(body["recordId"])].append(body["action"])
    return {each: sorted(actions) for each, actions in found.items()}


def reserved(stack: RunningStack) -> Counter[int]:
    """Return how often Finance wrote a hold into its books, by request."""
    calls = taken(stack.finance.received(), "/api/budgets/reserve")
    return Counter(json.loads(c.body)["budgetRequestId"] for c in calls if not c.replayed)


def mails(stack: RunningStack) -> Counter[str]:
    """Return how many mails there were of each request, by its code."""
    return Counter(mail.subject.split(": ")[-1] for mail in stack.mails())


def comes(what: Callable[[], object], expected: object) -> None:
    """Wait until it is what it should be, and check that it is."""
    wait_for(lambda: what() == expected, deadline_seconds=DEADLINE_SECONDS)
    assert what() == expected


def test_all_hear_of_all_changes_once_whatever_failed_meanwhile(
    stack: RunningStack, people: People, root: Person, hook: dict[str, Any]
) -> None:
    with trouble(stack, random.Random(SEED)), ThreadPoolExecutor(AT_ONCE) as threads:
        decided = dict(threads.map(lambda number: decide(people, number), range(REQUESTS)))

    def has_all() -> bool:
        if len(received(stack, hook["secret"])) < 3 * REQUESTS:
            send_again(root, hook)
        return len(received(stack, hook["secret"])) == 3 * REQUESTS

    assert wait_for(has_all, deadline_seconds=DEADLINE_SECONDS)
    numbers = defaultdict(set)
    for body in received(stack, hook["secret"]).values():
        numbers[body["data"]["budgetRequestId"]].add(body["data"]["sequence"])
    assert numbers == {request_id: {1, 2, 3} for request_id in decided}

    def of_decided(found: Mapping[int, object]) -> dict[int, object]:
        return {each: found[each] for each in decided if each in found}

    entries = {each: sorted(["CREATE", "SUBMIT", what]) for each, what in decided.items()}
    comes(lambda: of_decided(audited(stack)), entries)
    holds = {each: 1 for each, what in decided.items() if what == "APPROVE"}
    comes(lambda: of_decided(reserved(stack)), holds)
    shown = [root.get(f"/budget-requests/{each}")["data"] for each in decided]
    codes = {each["requestCode"] for each in shown}
    comes(
        lambda: {code: n for code, n in mails(stack).items() if code in codes},
        dict.fromkeys(codes, 2),
    )
