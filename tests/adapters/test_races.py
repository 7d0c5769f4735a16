"""Two people at the same request at once, a thousand times, each in an order of its own.

They run the use cases on the real store, against DynamoDB's engine in memory. Chance decides who
goes next before every round trip, and a seed plays a race again: `play(Round.drawn(seed))`.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.adapters.keys import request_pk
from chalicelib.adapters.request_rows import request_in, told_by
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.content import (
    Cancellation,
    DraftChange,
    ItemApproval,
    ItemModification,
    ItemRejection,
    ItemUpdate,
)
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import (
    ConflictError,
    InvalidStatusError,
    ItemNotFoundError,
    RequestNotFoundError,
    StaleVersionError,
)
from chalicelib.domain.events import EventType
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.domain.totals import Tally
from chalicelib.usecases import drafts, requests, reviews
from chalicelib.usecases.writing import Writing
from tests.conftest import client
from tests.factories import (
    ADMIN,
    AT,
    CALENDAR,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approval,
    created,
    figures,
    finance_said,
    item_body,
    rejection,
)
from tests.fakes import FakeFinance
from tests.tables import declared
from tests.turns import race, taken_in_turns

SEEDS = range(1, 1001)

#: Races on the same tables: the engine in memory gets slower with what it keeps.
AT_ONCE = 100

#: More than all of them ask for.
PLENTY = Decimal(9_000_000_000)

#: How the two can meet who make two round trips each; longer ones go on from there.
INTERLEAVINGS = {"AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"}

#: What somebody may be told who comes second.
REFUSALS = (
    ConflictError,
    InvalidStatusError,
    ItemNotFoundError,
    RequestNotFoundError,
    StaleVersionError,
)


@dataclass(frozen=True)
class Racer:
    """One of the two: who they are where an owner may act, and where a reviewer may."""

    name: str
    owner: Actor
    reviewer: Actor
    at: datetime

    @property
    def words(self) -> str:
        """What they say, so that no two changes are the same."""
        return f"So decided by {self.name}"


RACERS = (
    Racer("A", ADMIN, ADMIN, LATER),
    Racer("B", CLERK, SUPERADMIN, LATER + timedelta(seconds=1)),
)

AT_TIME = {racer.name: racer.at for racer in RACERS}

Verb = Callable[[int, Racer, Writing], BudgetRequest]


def update(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    change = DraftChange.model_validate({"purpose": who.words})
    return drafts.update(
        request_id,
        change,
        by=who.owner,
        at=who.at,
        writing=writing,
        calendar=CALENDAR,
        due=bootstrap.due_requests(),
        budget_store=bootstrap.budgets(),
    )


def delete(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    return drafts.delete(request_id, by=who.owner, at=who.at, writing=writing)


def change_item(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    change = ItemUpdate.model_validate({"itemName": who.words})
    return reviews.update_item(request_id, 1, change, by=who.owner, at=who.at, writing=writing)


def remove_item(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    return drafts.remove_item(request_id, 1, by=who.owner, at=who.at, writing=writing)


def submit(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    return requests.submit(
        request_id, by=who.owner, at=who.at, review_days=ReviewDays(), writing=writing
    )


def cancel(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    body = Cancellation(reason=who.words)
    return requests.cancel(request_id, body, by=who.owner, at=who.at, writing=writing)


def approve(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    return requests.approve(
        request_id,
        approval(reviewNotes=who.words, bufferPercentage=5),
        by=who.reviewer,
        at=who.at,
        writing=writing,
        due=bootstrap.due_requests(),
        budget_store=bootstrap.budgets(),
        finance=FakeFinance(),
    )


def reject(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
    body = rejection(who.words)
    return requests.reject(request_id, body, by=who.reviewer, at=who.at, writing=writing)


def item_verb(decision: Callable[[str], reviews.ItemDecision]) -> Verb:
    def decide(request_id: int, who: Racer, writing: Writing) -> BudgetRequest:
        return reviews.decide_item(
            request_id, 1, decision(who.words), by=who.reviewer, at=who.at, writing=writing
        )

    return decide


ITEM_VERBS = {
    "approve item": item_verb(lambda words: ItemApproval(notes=words)),
    "modify item": item_verb(
        lambda words: ItemModification(allocated_amount=Decimal(9), notes=words)
    ),
    "reject item": item_verb(lambda words: ItemRejection(review_notes=words)),
}
#: What can be done in which state.
VERBS: dict[str, dict[str, Verb]] = {
    "draft": {
        "update": update,
        "change item": change_item,
        "remove item": remove_item,
        "submit": submit,
        "cancel": cancel,
        "delete": delete,
    },
    "waiting": {"approve": approve, "reject": reject, "cancel": cancel, **ITEM_VERBS},
    "approved": {"cancel": cancel, **ITEM_VERBS},
}

#: What an event says of the status.
STATUS_TOLD = {
    EventType.APPROVED: Status.APPROVED,
    EventType.REJECTED: Status.REJECTED,
    EventType.CANCELLED: Status.CANCELLED,
}


@dataclass(frozen=True)
class Round:
    """One race as its seed draws it."""

    seed: int
    state: str
    verbs: tuple[str, str]
    #: Whether both say, by `If-Match`, which version they decided on.
    named: bool
    chance: random.Random = field(repr=False)

    @classmethod
    def drawn(cls, seed: int) -> "Round":
        chance = random.Random(seed)
        (state,) = chance.choices(list(VERBS), weights=(3, 5, 2))
        known = list(VERBS[state])
        verbs = chance.choice(known), chance.choice(known)
        return cls(seed, state, verbs, named=chance.random() < 0.5, chance=chance)


class Books:
    """What the table shows of one request: its row, and what a stream would tell of it."""

    def __init__(self, start: BudgetRequest) -> None:
        self._pk = request_pk(start.id)
        self.request = start
        self.told: list[Outbox] = []
        self.turns_until_the_first_write = ""

    def look(self, turns: str) -> None:
        row = RequestRow.get(self._pk, "REQUEST", consistent_read=True)
        if row.version != self.request.version:
            self.turns_until_the_first_write = self.turns_until_the_first_write or turns
            self.request = request_in(row)
            self.told.append(Outbox.model_validate_json(told_by(row)))


@pytest.fixture
def engine(aws: object) -> Iterator[None]:  # noqa: ARG001 - the tables
    """The tables, with a budget that is never used up, and clients that take turns."""
    # moto copies all there is at every transaction, what streams hold too: these have none.
    for name in ("requests", "budgets", "work"):
        client("dynamodb").delete_table(TableName=f"test-{name}")
        client("dynamodb").create_table(
            TableName=f"test-{name}", **declared()[f"{name.capitalize()}Table"]
        )
    bootstrap.requests()
    finance_said(bootstrap.budgets(), figures(PLENTY))
    with taken_in_turns(tables.client()):
        yield


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("first", SEEDS[::AT_ONCE])
def test_of_two_who_act_at_once_one_wins_and_all_books_agree(first: int) -> None:
    orders: set[str] = set()
    promised, tally = Decimal(0), Tally()
    for seed in range(first, first + AT_ONCE):
        drawn = Round.drawn(seed)
        turns, after = play(drawn)
        orders.add(turns)
        promised += held(after)
        tally += Tally.of(after)
        if drawn.state != "draft":
            assert available() == PLENTY - promised, drawn

    assert {turns[:4] for turns in orders} >= INTERLEAVINGS
    (totals,) = bootstrap.request_lists().totals([KEY.department])
    assert totals.tally == tally


@pytest.mark.usefixtures("engine")
def test_a_seed_plays_the_same_race_again() -> None:
    for seed in SEEDS[:20]:
        if Round.drawn(seed).state != "approved":  # that a hold was settled stays marked
            assert play(Round.drawn(seed)) == play(Round.drawn(seed))


def play(drawn: Round) -> tuple[str, BudgetRequest]:
    """Return whose turn it was, and what the request has become."""
    before = start(drawn)
    books = Books(before)
    writing = Writing(bootstrap.requests(), expected={before.version} if drawn.named else None)

    def act(who: Racer, verb: str) -> Callable[[], BudgetRequest]:
        return lambda: VERBS[drawn.state][verb](before.id, who, writing)

    acts = {who.name: act(who, verb) for who, verb in zip(RACERS, drawn.verbs, strict=True)}
    came = race(acts, drawn.chance, books.look)
    RequestRow(request_pk(before.id), "REQUEST").delete()  # moto gets slower with what is kept

    seen = f"{drawn} took turns {came.order}: {came.made.keys()} won, {came.refused}"
    assert all(isinstance(error, REFUSALS) for error in came.refused.values()), seen
    both_had_read = set(books.turns_until_the_first_write[:-1]) == set(came.order)
    assert len(came.made) == 1 or (came.made and not drawn.named and not both_had_read), seen
    agree(before, came.made, books, seen)
    return came.order, books.request


def agree(
    before: BudgetRequest, made: Mapping[str, BudgetRequest], books: Books, seen: str
) -> None:
    """Check that history, events, audit and money tell of the winners and of nobody else."""
    winners = sorted(made, key=lambda name: made[name].version)
    after = books.request
    assert made[winners[-1]] == after, seen
    assert after.version == before.version + len(winners), seen

    earlier, later = after.history[: len(before.history)], after.history[len(before.history) :]
    assert earlier == before.history, seen
    assert [entry.changed_at for entry in later] == [AT_TIME[name] for name in winners], seen
    assert all(a.to_status == b.from_status for a, b in pairwise(after.history)), seen
    assert after.history[-1].to_status == after.status, seen

    audited = [outbox.audit.performed_by for outbox in books.told if outbox.audit]
    assert audited == [entry.changed_by for entry in later], seen
    events = [event for outbox in books.told for event in outbox.events]
    sequence = range(before.events_so_far + 1, after.events_so_far + 1)
    assert [event.sequence for event in events] == list(sequence), seen
    assert len({event.id for event in events}) == len(events), seen
    status, holds = before.status, held(before)
    for event in events:
        status = STATUS_TOLD.get(event.type, status)
        holds += Decimal(event.data.get("reservedAmount", 0))
        holds -= Decimal(event.data.get("releasedAmount", 0))
    assert (status, holds) == (after.status, held(after)), seen
    told = {event.type for event in events}
    assert (EventType.DELETED in told) is after.is_deleted, seen
    assert (EventType.SUBMITTED in told) is (before.is_draft and not after.is_draft), seen


def start(drawn: Round) -> BudgetRequest:
    """Keep a request of the round's own, in its state, and return it."""
    lines = [item_body(), item_body(itemName="Bag")]
    change = created(sequence=drawn.seed, items=lines)
    if drawn.state != "draft":  # created and submitted at once: half the work
        change = replace(transitions.submit(change.after, CLERK, AT), before=None)
    bootstrap.requests().commit(change)
    if drawn.state == "approved":
        change = transitions.approve(change.after, approval(), ADMIN, AT)
        bootstrap.requests().commit(change)
    return change.after


def held(request: BudgetRequest) -> Decimal:
    return (request.reserved_amount or Decimal(0)) if request.is_reserved else Decimal(0)


def available() -> Decimal:
    known = bootstrap.budgets().get(KEY)
    assert known is not None
    return known.available
