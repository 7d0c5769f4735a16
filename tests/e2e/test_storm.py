"""Fifty reviewers at once against one budget, over HTTP on the deployed stack.

They approve one by one and in bulk, change their minds, meet at the same requests and come again,
while Finance's figures are fetched and workers tell Finance of what was held and given back.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from threading import Barrier, Event
from typing import Any

import httpx
import pytest

from infra.local import RunningStack
from infra.standin_budgets import DepartmentBudget
from infra.waiting import wait_for
from tests.e2e.people import People

pytestmark = pytest.mark.needs("partners")

SEED = 4
DEPARTMENT = "inventory"
BUDGET = f"/budgets/{DEPARTMENT}"
ANALYTICS = f"/analytics/departments/{DEPARTMENT}"
LIST = f"/budget-requests?department={DEPARTMENT}&limit=100"

#: What there is for all of them: about half of what is asked for.
LEFT = Decimal("12500.01")
REQUESTS = 40
AMOUNTS_IN_CENTS = 30_000, 90_000

#: Who does what: fifty in all, each at so many requests.
SINGLE, FICKLE, BULK = 34, 8, 8
FOR_EACH = 3

#: Those who set the scene take turns: each call at the same time starts a process here.
AT_ONCE = 8
TIMEOUT_SECONDS = 60
#: Finance hears of each hold through a stream, a bus and a queue; a release that overtook its hold
#: comes again after some seconds. What tests before this one left on its way has to arrive, too.
DEADLINE_SECONDS = 180

#: Another was faster: worth another try, and another.
AGAIN = {"CONFLICT", "BUSY"}
MAX_TRIES = 50
#: Another has approved or cancelled the request already, or there is not enough left.
REFUSED = AGAIN | {"INVALID_STATUS", "BULK_REFUSED", "INSUFFICIENT_BUDGET"}


@dataclass(frozen=True)
class Answer:
    """What a call was told; amounts are decimals."""

    call: str
    status: int
    told: dict[str, Any]

    @property
    def code(self) -> str | None:
        code: str | None = self.told.get("code")
        return code

    @property
    def data(self) -> Any:  # noqa: ANN401 - JSON
        assert self.status < 300, (self.call, self.told)
        return self.told["data"]


@dataclass(frozen=True)
class Client:
    """Somebody whose every answer is kept."""

    http: httpx.Client
    token: str
    answers: list[Answer] = field(default_factory=list)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.http.request(method, path, json=body, headers=headers)
        told = json.loads(answer.content, parse_float=Decimal)
        self.answers.append(Answer(path, answer.status_code, told))
        return self.answers[-1]

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return self.call("GET", path).data

    def insist(self, path: str, body: object = None) -> Answer:
        """Call until nobody else is in the way."""
        for _ in range(MAX_TRIES):
            answer = self.call("POST", path, body)
            if answer.code not in AGAIN:
                return answer
        raise AssertionError(f"{path} came to nothing in {MAX_TRIES} tries")


@dataclass
class Crowd:
    """New people, and all that they were told."""

    people: People
    clients: list[Client] = field(default_factory=list)

    def client(self, role: str, *, http: httpx.Client | None = None) -> Client:
        client = Client(http or self.people.http, self.people.new(role).token)
        self.clients.append(client)
        return client

    @property
    def answers(self) -> list[Answer]:
        return [answer for client in self.clients for answer in client.answers]


@pytest.fixture
def crowd(stack: RunningStack) -> Iterator[Crowd]:
    with stack.http(timeout_seconds=TIMEOUT_SECONDS) as http:
        yield Crowd(People(stack, http))


@pytest.fixture
def root(crowd: Crowd) -> Client:
    return crowd.client("SuperAdmin")


@pytest.fixture
def watcher(stack: RunningStack, crowd: Crowd) -> Iterator[Client]:
    """Somebody who need not queue with the fifty at the front."""
    cloud = f"{stack.endpoint_url}/restapis/{stack.outputs['RestAPIId']}/api/_user_request_"
    with httpx.Client(base_url=cloud, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
        yield crowd.client("SuperAdmin", http=http)


@pytest.fixture
def budget(stack: RunningStack, root: Client) -> Iterator[dict[str, Any]]:
    """A department's budget with LEFT for all; others find theirs again."""
    assert wait_for(lambda: is_quiet(root), deadline_seconds=DEADLINE_SECONDS), root.answers[-2:]
    before = synced(root)
    allocate(stack, before, before["allocatedAmount"] - before["remainingAmount"] + LEFT)
    yield synced(root)
    wait_for(lambda: is_quiet(root), deadline_seconds=DEADLINE_SECONDS)
    allocate(stack, synced(root), before["allocatedAmount"])
    synced(root)


def synced(client: Client) -> dict[str, Any]:
    """Have Finance asked, and return the budget after it."""
    budget: dict[str, Any] = client.insist(f"/sync{BUDGET}").data["budget"]
    return budget


def allocate(stack: RunningStack, budget: dict[str, Any], amount: Decimal) -> None:
    kept = ("fiscalYear", "fiscalPeriod", "usedAmount", "reservedAmount")
    figures = {"department": DEPARTMENT, "allocatedAmount": amount}
    figures |= {name: budget[name] for name in kept}
    stack.finance.set_budget(DepartmentBudget.model_validate(figures))


def is_quiet(root: Client) -> bool:
    """Whether Finance has confirmed all that is held, and nothing is on its way to it."""
    (queue,) = (q for q in root.get("/metrics")["queues"] if q["name"] == "finance")
    messages = queue["waiting"] + queue["inFlight"] + queue["delayed"]
    return bool(messages == 0 and root.get(BUDGET)["unconfirmed"] == 0)


def waiting(crowd: Crowd, amounts: Sequence[Decimal]) -> list[int]:
    """Return requests for these amounts, each of another clerk, that wait for review."""

    def ask(amount: Decimal) -> int:
        clerk = crowd.client("Inventory Clerk")
        purpose = "Shelves for the warehouse"
        body = {"department": DEPARTMENT, "amountRequested": float(amount), "purpose": purpose}
        request_id: int = clerk.call("POST", "/budget-requests", body).data["id"]
        clerk.insist(f"/budget-requests/{request_id}/submit")
        return request_id

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, amounts))


# --- what the fifty do ------------------------------------------------------------------------


def approve(client: Client, ids: Sequence[int]) -> None:
    """Approve one after the other, as far as the money goes."""
    for each in ids:
        client.insist(f"/budget-requests/{each}/approve")


def change_mind(client: Client, ids: Sequence[int]) -> None:
    """Approve, cancel what was approved, and look for something else."""
    for each in ids:
        path = f"/budget-requests/{each}"
        if client.insist(f"{path}/approve").status == 200:
            client.insist(f"{path}/cancel", {"reason": "No need any more"})


def approve_at_once(client: Client, ids: Sequence[int]) -> None:
    """Approve all or none, then what others have left of them, then what there is money for."""
    left = list(ids)
    while left:
        answer = client.insist("/budget-requests/bulk-approve", {"ids": left})
        if answer.code == "BULK_REFUSED":
            taken = {int(error["field"].split(".")[1]) for error in answer.told["errors"]}
            left = [each for place, each in enumerate(left) if place not in taken]
        elif answer.code == "INSUFFICIENT_BUDGET":
            left.pop()
        else:
            return


def fifty(crowd: Crowd, ids: Sequence[int], chance: random.Random) -> list[Callable[[], None]]:
    """Return what each of them does; there are several at every request."""
    acts = (approve,) * SINGLE + (change_mind,) * FICKLE + (approve_at_once,) * BULK
    return [
        partial(act, crowd.client("Inventory Admin"), chance.sample(ids, FOR_EACH)) for act in acts
    ]


@dataclass
class Watch:
    """What was seen of the money while they fought for it."""

    available: list[Decimal] = field(default_factory=list)
    reserved: list[Decimal] = field(default_factory=list)

    def look(self, watcher: Client) -> None:
        self.available.append(watcher.get(BUDGET)["available"])
        self.reserved.append(watcher.get(ANALYTICS)["reserved"])


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[None]:
    """Act again and again until the block ends; raises what that raised."""
    is_over = Event()

    def go_on() -> None:
        while not is_over.is_set():
            act()

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(go_on)
        try:
            yield
        finally:
            is_over.set()
        done.result()


def at_the_same_moment(acts: Sequence[Callable[[], None]]) -> None:
    start = Barrier(len(acts))

    def one(act: Callable[[], None]) -> None:
        start.wait()
        act()

    with ThreadPoolExecutor(len(acts)) as threads:
        for done in [threads.submit(one, act) for act in acts]:
            done.result()


def approvals(answers: Sequence[Answer]) -> Counter[int]:
    """Return how often somebody was told that a request is approved now, by its id."""
    yes = [a.data for a in answers if a.call.endswith("approve") and a.status == 200]
    return Counter(
        row["id"] for data in yes for row in (data if isinstance(data, list) else [data])
    )


def told_finance(
    stack: RunningStack, ids: Sequence[int]
) -> dict[str, Counter[tuple[int, Decimal]]]:
    """Return what Finance took of these requests: by verb, how often which amount for which."""
    taken: dict[str, Counter[tuple[int, Decimal]]] = {"reserve": Counter(), "release": Counter()}
    for call in stack.finance.received():
        if call.method == "POST" and call.accepted and not call.replayed:
            body = json.loads(call.body, parse_float=Decimal)
            if body["budgetRequestId"] in ids:
                what = body["budgetRequestId"], Decimal(body["amount"])
                taken[call.path.rsplit("/", 1)[-1]][what] += 1
    return taken


def test_fifty_at_once_never_promise_more_than_there_is_and_leave_nothing_unusable(
    stack: RunningStack, crowd: Crowd, root: Client, watcher: Client, budget: dict[str, Any]
) -> None:
    assert budget["available"] == LEFT
    chance, watch = random.Random(SEED), Watch()
    amounts = [Decimal(chance.randrange(*AMOUNTS_IN_CENTS)) / 100 for _ in range(REQUESTS)]
    reserved_before = root.get(ANALYTICS)["reserved"]

    def sync() -> None:
        root.call("POST", "/ops/jobs/finance-sync", {"department": DEPARTMENT})
        synced(root)

    with meanwhile(lambda: watch.look(watcher)):
        ids = waiting(crowd, amounts)
        with meanwhile(sync):
            at_the_same_moment(fifty(crowd, ids, chance))

    # Never above it, whoever looked. A sync between a release and Finance's hearing of it promises
    # less than there is, even less than nothing, but never more.
    refusals = Counter(answer.code for answer in crowd.answers if answer.status >= 400)
    assert refusals.keys() <= REFUSED
    assert refusals["INSUFFICIENT_BUDGET"] > 0
    assert max(watch.reserved) - reserved_before <= LEFT
    assert max(watch.available) <= LEFT

    # Each was approved once, and Finance hears of each hold, and of each given back, once.
    rows = {row["id"]: row for row in root.get(LIST) if row["id"] in ids}
    approved = dict(zip(ids, amounts, strict=True))
    approved = {each: approved[each] for each in ids if rows[each]["reservedAmount"] is not None}
    assert approvals(crowd.answers) == Counter(approved.keys())
    cancelled = {each: approved[each] for each in approved if rows[each]["status"] == "CANCELLED"}
    expected = {"reserve": Counter(approved.items()), "release": Counter(cancelled.items())}
    wait_for(lambda: told_finance(stack, ids) == expected, deadline_seconds=DEADLINE_SECONDS)
    assert told_finance(stack, ids) == expected
    assert wait_for(lambda: is_quiet(root), deadline_seconds=DEADLINE_SECONDS)

    # What is not held can be used, to the last cent.
    calm, held = synced(root), sum(approved.values()) - sum(cancelled.values())
    assert held + calm["available"] == LEFT
    assert calm["available"] == calm["remainingAmount"]
    last, none = waiting(crowd, [Decimal("1.00"), Decimal("0.01")])
    rest = {"reservedAmount": float(calm["available"])}
    assert root.insist(f"/budget-requests/{last}/approve", rest).status == 200
    assert root.get(BUDGET)["available"] == 0
    assert root.insist(f"/budget-requests/{none}/approve").code == "INSUFFICIENT_BUDGET"
