"""What a commit writes of money: what budgets have left, and what has happened to holds."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute
from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import CancellationReason
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.keys import budget_pk, hold_sk
from chalicelib.adapters.tables import BudgetRow, HoldRow
from chalicelib.adapters.transactions import Part
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey, Release
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    InsufficientBudgetError,
)


class HoldConfirmedError(Exception):
    """Finance has confirmed a hold that was thought to be unconfirmed."""

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id


@dataclass
class _Move:
    """What a commit moves in one budget, in cents.

    `limited` is what of `taken` must be there; an override takes what is not.
    """

    taken: int = 0
    limited: int = 0
    freed: int = 0
    freed_unconfirmed: int = 0


def money_parts(changes: Sequence[Change], confirmed: Collection[str]) -> Iterator[Part]:
    """Yield the writes that take holds from their budgets, and give back what they no longer need.

    `confirmed` are the holds that Finance is known to have confirmed. What of them is given back
    stays in Finance's figures until it has heard of that: a sync in between makes `available` too
    small until the next one, never too large. What it has not confirmed is no longer counted as
    unconfirmed; the hold's own row keeps how much that was for the confirmation to come.
    Refusals are HoldConfirmedError, InsufficientBudgetError, BudgetUnknownError.
    """
    # A transaction takes an item once: all that moves in one budget is one write.
    moves: dict[BudgetKey, _Move] = defaultdict(_Move)
    for change in changes:
        if change.hold:
            move, cents = moves[change.hold.key], money.to_cents(change.hold.amount)
            move.taken += cents
            move.limited += 0 if change.hold.is_override else cents
        if change.release:
            move, cents = moves[change.release.key], money.to_cents(change.release.amount)
            move.freed += cents
            if change.release.hold_event_id not in confirmed:
                move.freed_unconfirmed += cents
                yield _freed_part(change.release, cents)
    for key, move in moves.items():
        yield _budget_part(key, move)


def _freed_part(release: Release, cents: int) -> Part:
    row = HoldRow(budget_pk(release.key), hold_sk(release.hold_event_id))

    def add(transaction: TransactWrite) -> None:
        transaction.update(
            row,
            actions=[HoldRow.freed_cents.set((HoldRow.freed_cents | 0) + cents)],
            condition=HoldRow.is_confirmed.does_not_exist(),
        )

    return Part(add, lambda _: HoldConfirmedError(release.hold_event_id))


def _budget_part(key: BudgetKey, move: _Move) -> Part:
    actions = [
        _added(BudgetRow.available_cents, move.freed - move.taken),
        _added(BudgetRow.unconfirmed_cents, move.taken - move.freed_unconfirmed),
    ]
    condition: Condition | None = None
    if move.limited:
        condition = BudgetRow.figures.exists() & (BudgetRow.available_cents >= move.limited)
    elif move.taken:
        # An override of a budget nobody knows makes its row; it stays unknown to its readers.
        actions.append(BudgetRow.confirmations.set(BudgetRow.confirmations | 0))
    else:
        condition = BudgetRow.pk.exists()

    def add(transaction: TransactWrite) -> None:
        transaction.update(
            BudgetRow(budget_pk(key)), actions=actions, condition=condition, return_values=ALL_OLD
        )

    def refused(reason: CancellationReason) -> BudgetRequestsError:
        known = reason.raw_item or {}
        if "figures" not in known:
            return BudgetUnknownError(str(key))
        available = money.from_cents(int(known["available_cents"]["N"]))
        needed = money.from_cents(move.limited)
        return InsufficientBudgetError(needed=str(needed), available=str(available))

    return Part(add, refused)


def _added(attribute: NumberAttribute, cents: int) -> Action:
    return attribute.set((attribute | 0) + cents)
