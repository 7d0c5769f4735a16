"""Two people decide on the same version, in every order: one wins, and the books agree with it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from chalicelib.domain import allocations, drafting
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import Cancellation, DraftChange, ItemApproval, ItemRejection
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.requests import BudgetRequest, Change
from tests.adapters.conftest import Stores
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approval,
    created,
    figures,
    item_body,
    rejection,
)
from tests.fakes import FakeRequestStore

#: How often the race is run; a round on DynamoDB's engine costs a hundred times one on the fake.
ROUNDS_ON_THE_FAKE = 1000
ROUNDS_ON_DYNAMODB = 60

Move = Callable[[BudgetRequest, Actor], Change]

NOTHING_KNOWN = BudgetPicture(budget=None)

ON_A_DRAFT: dict[str, Move] = {
    "update": lambda r, _: drafting.update(
        r,
        DraftChange.model_validate({"purpose": "Something else than before"}),
        by=CLERK,
        at=LATER,
        budget=NOTHING_KNOWN,
    ),
    "delete": lambda r, _: drafting.delete(r, by=CLERK, at=LATER),
    "remove item": lambda r, _: drafting.remove_item(r, 1, by=CLERK, at=LATER),
    "submit": lambda r, _: r.submit(CLERK, LATER),
    "cancel": lambda r, _: r.cancel(Cancellation(), CLERK, LATER),
}
ON_WAITING: dict[str, Move] = {
    "approve": lambda r, by: r.approve(approval(), by, LATER),
    "reject": lambda r, by: r.reject(rejection(), by, LATER),
    "cancel": lambda r, _: r.cancel(Cancellation(), CLERK, LATER),
    "approve item": lambda r, by: allocations.approve_item(r, 1, ItemApproval(), by=by, at=LATER),
    "reject item": lambda r, by: allocations.reject_item(
        r, 1, ItemRejection(review_notes="Too many"), by=by, at=LATER
    ),
}


@dataclass
class Race:
    """One round: two moves decided on the same version, and the order they are committed in."""

    is_draft: bool
    moves: tuple[Move, Move]

    @classmethod
    def drawn(cls, seed: int) -> "Race":
        chance = random.Random(seed)
        is_draft = chance.random() < 0.4
        known = list((ON_A_DRAFT if is_draft else ON_WAITING).values())
        return cls(is_draft, (chance.choice(known), chance.choice(known)))


@pytest.fixture
def rounds(stores: Stores) -> Iterator[int]:
    """The seeds of all rounds; each is its request's sequence number, too."""
    on_the_fake = isinstance(stores.requests, FakeRequestStore)
    return iter(range(1, (ROUNDS_ON_THE_FAKE if on_the_fake else ROUNDS_ON_DYNAMODB) + 1))


def test_of_two_who_decide_on_the_same_version_one_wins(
    stores: Stores, rounds: Iterator[int]
) -> None:
    stores.budgets.record(KEY, figures(remaining=9_000_000_000), confirmations=0, at=AT)
    for seed in rounds:
        race = Race.drawn(seed)
        request = start(stores, seed, is_draft=race.is_draft)
        first, second = (
            move(request, by) for move, by in zip(race.moves, (ADMIN, SUPERADMIN), strict=True)
        )
        if first.after == second.after:
            continue  # the same move by the same person: a retry, not a race
        before = money(stores)

        stores.requests.commit(first)
        with pytest.raises(ConflictError):
            stores.requests.commit(second)

        if first.after.is_deleted:
            assert request.id not in stores.requests.get_many([request.id])
            continue
        won = stores.requests.get(request.id)
        assert won == first.after, f"seed {seed}"
        assert won.version == len(won.history) == request.version + 1
        assert won.history[-1].to_status == won.status
        assert [event.sequence for event in first.events][-1] == won.events_so_far
        held = won.reserved_amount if won.is_reserved else Decimal(0)
        assert before - money(stores) == held, f"seed {seed}"


def start(stores: Stores, sequence: int, *, is_draft: bool) -> BudgetRequest:
    change = created(sequence=sequence, items=[item_body(), item_body(itemName="Bag")])
    stores.requests.commit(change)
    if is_draft:
        return change.after
    submitted = change.after.submit(CLERK, AT)
    stores.requests.commit(submitted)
    return submitted.after


def money(stores: Stores) -> Decimal:
    known = stores.budgets.get(KEY)
    assert known is not None
    return known.available
