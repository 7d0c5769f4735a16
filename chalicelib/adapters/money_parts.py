"""What a commit writes of money: what budgets have left, and what is claimed of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chalicelib.adapters.keys import budget_pk
from chalicelib.adapters.rows.budgets import BudgetRow
from chalicelib.adapters.transactions import Item, Part, Said, add
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    InsufficientBudgetError,
)


@dataclass
class _Move:
    """What a commit moves in one budget, in cents.

    `limited` is what of `taken` must be there; an override takes what is not.
    """

    taken: int = 0
    limited: int = 0
    freed: int = 0


def money_parts(changes: Sequence[Change]) -> Iterator[Part]:
    """Yield the writes that take holds from their budgets, and give back what they no longer need.

    What is given back is free at once, and claimed no longer, whatever Finance knows of it.
    Refusals are InsufficientBudgetError, BudgetUnknownError.
    """
    # A transaction takes an item once: all that moves in one budget is one write.
    moves: dict[BudgetKey, _Move] = defaultdict(_Move)
    for change in changes:
        if change.hold:
            move, cents = moves[change.hold.key], money.to_cents(change.hold.amount)
            move.taken += cents
            move.limited += 0 if change.hold.is_override else cents
        if change.release:
            moves[change.release.key].freed += money.to_cents(change.release.amount)
    for key, move in moves.items():
        yield _budget_part(key, move)


def _budget_part(key: BudgetKey, move: _Move) -> Part:
    claimed = move.taken - move.freed
    amounts = {"available_cents": -claimed, "claimed_cents": claimed}
    condition: Said | None = None
    if move.limited:
        enough = "attribute_exists(figures) AND available_cents >= :limited"
        condition = Said(enough, {":limited": move.limited})
    elif not move.taken:  # an override makes the row of a budget that nobody knows
        condition = Said("attribute_exists(pk)")

    def refused(known: Item) -> BudgetRequestsError:
        if "figures" not in known:
            return BudgetUnknownError(str(key))
        available = money.from_cents(int(known["available_cents"]["N"]))
        needed = money.from_cents(move.limited)
        return InsufficientBudgetError(str(key), needed=str(needed), available=str(available))

    return Part(lambda: add(BudgetRow, budget_pk(key), amounts, condition), refused)
