"""A hold ends while Finance confirms it and a sync is under way, in every order that chance draws.

On the real stores against DynamoDB's engine in memory, a round trip at a time; `play(seed, end, …)`
plays a race again.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import Scope
from chalicelib.domain.budgets import BudgetKey, FinanceFigures
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest
from chalicelib.domain.tellings import Begun, Telling
from chalicelib.usecases import budgets
from tests.conftest import client
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    approval,
    created,
    figures,
    finance_said,
    service,
)
from tests.fakes import FakeFinance
from tests.tables import declared
from tests.turns import race, taken_in_turns

SEEDS = range(1, 26)
REMAINING, HELD, USED = Decimal(100_000), Decimal(50_000), Decimal(20_000)
LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
SWEEPER = JobName.RESERVATION_EXPIRY.actor
END = LATER + timedelta(days=90)

#: Each way a hold ends, and what it keeps.
ENDS: dict[str, tuple[Callable[[BudgetRequest], Change], Decimal]] = {
    "released": (lambda r: reservations.release(r, LEDGER, LATER, None), Decimal(0)),
    "expired": (lambda r: reservations.expire(r, SWEEPER, END), Decimal(0)),
    "cancelled": (lambda r: transitions.cancel(r, Cancellation(), CLERK, LATER), Decimal(0)),
    "consumed": (lambda r: reservations.consume(r, USED, LEDGER, LATER), USED),
}


class Finance(FakeFinance):
    """Finance Main: what is reserved there is missing from what remains; asking takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self.reserved_there = Decimal(0)

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        bootstrap.budgets().get(key)  # a round trip, in which others may do something
        return figures(REMAINING - self.reserved_there)


@dataclass
class Desk:
    """What is held, what of it is still needed, and Finance."""

    hold: BudgetRequest
    finance: Finance
    needed: Decimal = HELD

    def available(self) -> Decimal:
        known = bootstrap.budgets().get(KEY)
        assert known
        return known.available

    def reserve(self) -> str:
        tellings, event_id = bootstrap.tellings(), self.hold.hold_event_id or ""
        tellings.begin(KEY, Telling.RESERVE, HELD, event_id=event_id)
        self.finance.reserved_there = HELD
        tellings.confirm(KEY, Telling.RESERVE, HELD, event_id=event_id)
        return "confirmed"

    def end(self, change: Change, keeps: Decimal) -> str:
        bootstrap.requests().get(self.hold.id)
        bootstrap.requests().commit(change)
        self.needed = keeps
        return self.release(keeps)

    def release(self, keeps: Decimal) -> str:
        tellings, event_id = bootstrap.tellings(), self.hold.hold_event_id or ""
        begun = tellings.begin(KEY, Telling.RELEASE, HELD - keeps, event_id=event_id)
        if begun is Begun.EARLY:
            return "ended"
        self.finance.reserved_there = keeps
        tellings.confirm(KEY, Telling.RELEASE, HELD - keeps, event_id=event_id)
        return "released"

    def sync(self) -> str:
        budgets.sync(
            KEY,
            by=ADMIN,
            at=LATER,
            store=bootstrap.budgets(),
            finance=self.finance,
            due=bootstrap.due_requests(),
            requests=bootstrap.requests(),
        )
        return "synced"


@pytest.fixture
def engine(aws: object) -> Iterator[None]:  # noqa: ARG001 - the tables
    """The tables, and clients that take turns."""
    # moto copies all there is at every transaction, what streams hold too: these have none.
    for name in ("requests", "budgets", "work"):
        client("dynamodb").delete_table(TableName=f"test-{name}")
        client("dynamodb").create_table(
            TableName=f"test-{name}", **declared()[f"{name.capitalize()}Table"]
        )
    bootstrap.requests()
    bootstrap.budgets()
    with taken_in_turns(tables.client()):
        yield


def play(seed: int, end: str, *, sequence: int) -> str:
    """Return whose turn it was; `sequence` is of a request that was never played with."""
    decide, keeps = ENDS[end]
    finance_said(bootstrap.budgets(), figures(REMAINING))
    desk = Desk(_holding(sequence), Finance())
    change = decide(desk.hold)

    def never_too_much(order: str) -> None:
        assert desk.available() <= REMAINING - desk.needed, f"seed {seed}: {order}"

    came = race(
        {
            "C": desk.reserve,
            "E": lambda: desk.end(change, keeps),
            "S": desk.sync,
        },
        random.Random(seed),
        never_too_much,
    )
    assert came.refused == {}, f"seed {seed}: {came.order}"

    known = bootstrap.budgets().get(KEY)
    assert known
    is_released = desk.finance.reserved_there == keeps
    assert known.unconfirmed == (0 if is_released else keeps - HELD), f"seed {seed}: {came.order}"
    desk.sync()
    assert desk.available() == REMAINING - keeps, f"seed {seed}: {came.order}"
    desk.release(keeps)
    desk.sync()
    assert desk.available() == REMAINING - keeps, f"seed {seed}: {came.order}"
    return came.order


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("end", ENDS)
def test_whatever_comes_first_the_money_is_counted_once(end: str) -> None:
    orders = [play(seed, end, sequence=seed) for seed in SEEDS]

    # Confirmed before the end, and after it.
    assert {order.rindex("C") < order.rindex("E") for order in orders} == {True, False}


@pytest.mark.usefixtures("engine")
def test_a_seed_plays_the_same_race_again() -> None:
    assert play(7, "released", sequence=1) == play(7, "released", sequence=2)


def _holding(sequence: int) -> BudgetRequest:
    store, draft = bootstrap.requests(), created(sequence=sequence)
    store.commit(draft)
    waiting = transitions.submit(draft.after, CLERK, AT)
    store.commit(waiting)
    approved = transitions.approve(waiting.after, approval(), ADMIN, LATER)
    store.commit(approved)
    return approved.after
