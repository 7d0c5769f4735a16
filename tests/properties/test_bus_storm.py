"""1 000 changes while everything fails: each hears of each, once, and no number is missing.

The failing seed is printed, and comes again: `BUS_STORM_SEED=n`; `BUS_STORM_CHANGES=n` has a longer
one. The thousand are kept by the fakes that share the stores' contracts, and fewer by DynamoDB.
"""

import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.domain import signing
from chalicelib.domain.access import Scope
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Approval, Cancellation, Rejection
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import Outbox
from chalicelib.domain.notifications import MailStatus
from chalicelib.usecases import ports, requests, reservations
from chalicelib.usecases.writing import Writing
from tests import fakes, samples
from tests.conftest import Aws
from tests.factories import (
    ADMIN,
    AT,
    CALENDAR,
    CLERK,
    KEY,
    endpoint,
    figures,
    finance_said,
    new_request,
    service,
)
from tests.properties.bus_storm import Cloud
from tests.properties.hearers import AuditLogs, Finance, Mailbox, Receiver
from tests.properties.weather import Weather

SEED = int(os.environ.get("BUS_STORM_SEED", "1"))
CHANGES = int(os.environ.get("BUS_STORM_CHANGES", "1000"))
CHANGES_ON_DYNAMODB = 40

#: How much of what can go wrong does, while it storms.
ROUGHNESS = 0.12

SECRET = signing.format_secret(b"s" * 32)
ADMINS = ("ada@example.com", "bob@example.com")
PARTNER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)


@dataclass
class Kept:
    """What the service keeps, by one engine or the other."""

    requests: ports.RequestStore
    budgets: ports.BudgetStore
    tellings: ports.Tellings
    due: ports.DueRequests
    claims: ports.Claims
    subscriptions: ports.Subscriptions
    deliveries: ports.Deliveries
    notifications: ports.Notifications

    @classmethod
    def by_fakes(cls) -> "Kept":
        """Return stores in memory."""
        budgets, receipts = fakes.FakeBudgetStore(), fakes.FakeReceipts()
        store = fakes.FakeRequestStore(budgets, receipts)
        return cls(
            requests=store,
            budgets=budgets,
            tellings=budgets,
            due=fakes.FakeDueRequests(store),
            claims=fakes.FakeClaims(),
            subscriptions=fakes.FakeSubscriptions(receipts),
            deliveries=fakes.FakeDeliveries(receipts),
            notifications=fakes.FakeNotifications(),
        )

    @classmethod
    def by_dynamodb(cls) -> "Kept":
        """Return the real stores."""
        return cls(
            requests=bootstrap.requests(),
            budgets=bootstrap.budgets(),
            tellings=bootstrap.tellings(),
            due=bootstrap.due_requests(),
            claims=bootstrap.claims(),
            subscriptions=bootstrap.subscriptions(),
            deliveries=bootstrap.deliveries(),
            notifications=bootstrap.notifications(),
        )


@dataclass
class Noting:
    """A request store that notes what was committed, as its table's stream does."""

    store: ports.RequestStore
    committed: list[Change] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the store does
        return getattr(self.store, name)

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Commit, and note it."""
        self.store.commit(*changes, receipt=receipt)
        self.committed += changes


class Storm:
    """People at work, functions between them and four consumers, and the weather."""

    def __init__(self, kept: Kept, seed: int, clock: time_machine.Traveller) -> None:
        self.chance = random.Random(seed)
        random.seed(seed)  # the jitter of webhooks
        self.clock, self.kept = clock, kept
        self.weather = Weather(self.chance, ROUGHNESS)
        self.finance, self.audit = Finance(self.weather), AuditLogs(self.weather)
        self.receiver = Receiver(self.weather, SECRET)
        self.mailbox = Mailbox(self.weather, kept.notifications)
        self.cloud = Cloud(self.weather, bootstrap.now, self.mailbox.worker_ended)
        self.store = Noting(kept.requests)
        self.streamed = 0

    def prepare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have the functions find all this, and a budget and a subscriber there."""
        parts: dict[str, object] = {
            "requests": self.kept.requests,
            "claims": self.kept.claims,
            "tellings": self.kept.tellings,
            "subscriptions": self.kept.subscriptions,
            "deliveries": self.kept.deliveries,
            "finance": self.finance,
            "audit_logs": self.audit,
            "webhook_sender": self.receiver,
            "mailer": self.mailbox,
            "notifications": self.mailbox,
        }
        for name, part in parts.items():
            exposed = self.weather.exposed(part)
            monkeypatch.setattr(bootstrap, name, lambda exposed=exposed: exposed)
        finance_said(self.kept.budgets, figures(9_000_000_000))
        told = samples.story()[0].audit  # whatever it says
        self.kept.subscriptions.add(
            endpoint("https://partner.example.com/hook", SECRET), audit=told
        )

    def rage(self, changes: int) -> None:
        """Have people make so many changes, and functions run meanwhile."""
        moves: list[Callable[[], object]] = [
            *[self.somebody_acts] * 4,
            *[lambda: self.cloud.run_relay(self.chance.randrange(2))] * 3,
            *[lambda: self.cloud.run_worker("webhooks")] * 6,
            *[lambda: self.cloud.run_worker(self.chance.choice(OTHERS))] * 3,
            self.cloud.sweep,
        ]
        while len(self.store.committed) < changes:
            self.chance.choice(moves)()
            self.stream()
            self.clock.shift(timedelta(seconds=self.chance.randint(0, 4)))

    def settle(self) -> None:
        """Have all be well again, and go on until nothing is under way."""
        self.weather.roughness = 0
        for _ in range(6 * 30):  # a day of retries and more, in steps of ten minutes
            for shard in (0, 1):
                while self.cloud.relayed[shard] < len(self.cloud.streams[shard]):
                    self.cloud.run_relay(shard)
            for name, queue in self.cloud.queues.items():
                queue.redrive(bootstrap.now())
                while self.cloud.run_worker(name):
                    pass
            self.clock.shift(timedelta(minutes=10))
            self.cloud.sweep()
        for queue in self.cloud.queues.values():
            assert [m for m in queue.waiting if '"do": "sweep"' not in m.body] == []

    def stream(self) -> None:
        """Have the table's stream tell what was committed, by request in its order."""
        for change in self.store.committed[self.streamed :]:
            told = Outbox(events=change.events, audit=change.audit).model_dump_json()
            record = {"eventName": "MODIFY", "dynamodb": {"NewImage": {"outbox": {"S": told}}}}
            self.cloud.streams[change.after.id % 2].append(record)
        self.streamed = len(self.store.committed)

    def somebody_acts(self) -> None:
        """Have a person or partner do something, which may be refused."""
        known = sorted({change.after.id for change in self.store.committed[-60:]})
        move = self.chance.choice(MOVES if known else [Storm.create])
        try:
            move(self, self.chance.choice(known or [0]))
        except BudgetRequestsError:
            self.weather.seen["refused"] += 1

    def create(self, _: int) -> None:
        """A clerk begins a draft."""
        requests.create(
            new_request(amountRequested=Decimal(self.chance.randint(1, 99_999))),
            by=CLERK,
            at=bootstrap.now(),
            writing=self.writing,
            calendar=CALENDAR,
            due=self.kept.due,
            budget_store=self.kept.budgets,
            finance=self.finance,
        )

    def submit(self, request_id: int) -> None:
        """The clerk submits it."""
        requests.submit(
            request_id,
            by=CLERK,
            at=bootstrap.now(),
            review_days=ReviewDays(),
            writing=self.writing,
        )

    def approve(self, request_id: int) -> None:
        """An admin approves it."""
        requests.approve(
            request_id,
            Approval.model_validate({"bufferPercentage": self.chance.choice([0, 5])}),
            by=ADMIN,
            at=bootstrap.now(),
            writing=self.writing,
            due=self.kept.due,
            budget_store=self.kept.budgets,
            finance=self.finance,
        )

    def reject(self, request_id: int) -> None:
        """An admin rejects it."""
        body = Rejection(review_notes="Not this quarter")
        requests.reject(request_id, body, by=ADMIN, at=bootstrap.now(), writing=self.writing)

    def cancel(self, request_id: int) -> None:
        """The clerk cancels it, which may give money back."""
        body = Cancellation(reason=None)
        requests.cancel(request_id, body, by=CLERK, at=bootstrap.now(), writing=self.writing)

    def consume(self, request_id: int) -> None:
        """A partner uses up a part of what is held."""
        reservations.consume(
            request_id, Decimal(1), by=PARTNER, at=bootstrap.now(), writing=self.writing
        )

    @property
    def writing(self) -> Writing:
        """The way a change is written."""
        return Writing(self.store)

    def check(self) -> None:
        """Check that each heard of each, that effects happened once, and what went wrong."""
        changes = self.store.committed
        assert self.audit.kept == {change.audit.id: change.audit for change in changes}

        events = {event.id: event for change in changes for event in change.events}
        taken = {i: told["data"] for i, told in self.receiver.taken.items()}
        assert taken == {event.id: event.payload() for event in events.values()}
        numbers = defaultdict(list)
        for data in taken.values():
            numbers[data["budgetRequestId"]].append(data["sequence"])
        assert all(sorted(n) == list(range(1, len(n) + 1)) for n in numbers.values())

        moved = {}
        for event in events.values():
            told = event.data.get("freedAmount", event.data.get("releasedAmount"))
            if event.type == "budget_request.approved":
                moved[event.id] = ("reserve", event.data["reservedAmount"])
            elif event.type in {"reservation.consumed", "reservation.released"} and told:
                moved[event.id] = ("release", told)
        books = {i: (kind, float(amount)) for i, (kind, amount) in self.finance.books.items()}
        assert books == {i: (kind, float(amount)) for i, (kind, amount) in moved.items()}
        budget = self.kept.budgets.get(KEY)
        assert budget
        assert budget.unconfirmed == 0
        reserved, released = (
            sum(Decimal(str(amount)) for kind, amount in moved.values() if kind == wanted)
            for wanted in ("reserve", "release")
        )
        known = self.kept.budgets.begin_fetch(KEY)
        assert (known.reserved, known.heard) == (reserved, reserved + released)

        self.check_mails(changes)

    def check_mails(self, changes: list[Change]) -> None:
        """Check that each mail was sent, and twice only where nobody could know of the first."""
        expected = set()
        for change in changes:
            code = change.after.request_code
            for event in change.events:
                if event.type in SUBJECTS:
                    to_admins = event.type == "budget_request.submitted"
                    for to in ADMINS if to_admins else [CLERK.email]:
                        expected.add((to, f"{SUBJECTS[event.type]}: {code}"))
        assert set(self.mailbox.copies) == expected
        for mail, copies in self.mailbox.copies.items():
            assert copies <= 1 + self.mailbox.excused[mail]
        for request_id in {change.after.id for change in changes}:
            for kept in self.kept.notifications.latest(request_id, 9):
                assert kept.delivery_status is MailStatus.SENT


OTHERS = ("audit", "notifications", "finance")
MOVES: list[Callable[[Storm, int], None]] = [
    Storm.create,
    *[Storm.submit] * 2,
    *[Storm.approve] * 3,
    Storm.reject,
    Storm.cancel,
    Storm.consume,
]
SUBJECTS = {
    "budget_request.submitted": "New Budget Request",
    "budget_request.approved": "Budget Request Approved",
    "budget_request.rejected": "Budget Request Rejected",
}
MUST_GO_WRONG = [
    "died before a call",
    "died after a call",
    "the bus did not take an entry",
    "the bus told it twice",
    "a message came again",
    "Finance was silent",
    "Finance did not say that it did",
    "Audit was silent",
    "Audit did not say that it did",
    "the receiver was down",
    "the receiver did not say that it did",
    "SES was silent",
    "SES did not say that it did",
]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def storming(
    aws: Aws,  # noqa: ARG001 - what the clients would reach otherwise
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The functions' own queue is each the one that they work off."""
    monkeypatch.setenv("QUEUE_URL", "https://sqs.example.com/its-own")
    bootstrap.settings.cache_clear()


def happens(
    kept: Kept,
    changes: int,
    seed: int,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> Storm:
    storm = Storm(kept, seed, clock)
    storm.prepare(monkeypatch)
    with storm.cloud.connected():
        storm.rage(changes)
        storm.settle()
    storm.check()
    return storm


@pytest.mark.parametrize("seed", [SEED])
def test_a_thousand_changes_reach_everyone_once_whatever_fails(
    seed: int, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    storm = happens(Kept.by_fakes(), CHANGES, seed, clock, monkeypatch)

    assert not [what for what in MUST_GO_WRONG if not storm.weather.seen[what]]


@pytest.mark.parametrize("seed", [SEED])
def test_so_do_those_that_dynamodb_keeps(
    seed: int, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    happens(Kept.by_dynamodb(), CHANGES_ON_DYNAMODB, seed, clock, monkeypatch)
