"""Holds between Finance and us, in DynamoDB: what it was told of each, and what it confirmed."""

from decimal import Decimal

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.adapters.keys import budget_pk, hold_sk
from chalicelib.adapters.rows.budgets import BudgetRow, HoldRow
from chalicelib.adapters.transactions import Item, Part, transact, update
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import BudgetUnknownError
from chalicelib.domain.tellings import Begun, Telling

#: How far a hold has come with Finance, in this order; it has no row before the first.
_UNTOLD, _RESERVING, _RESERVED, _RELEASING, _RELEASED = range(5)

#: From where each telling sets out, where it is while nobody knows, and where it arrives.
_STAGES = {
    Telling.RESERVE: (_UNTOLD, _RESERVING, _RESERVED),
    Telling.RELEASE: (_RESERVED, _RELEASING, _RELEASED),
}


class DynamoTellings:
    """The Tellings on DynamoDB.

    Each is one transaction of the hold's row, on the condition that it is where it was thought to
    be, and of the budget's: a step that is taken again changes nothing.
    """

    def begin(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> Begun:
        """Note that Finance may hear of it from now on; raises BusyError."""
        before, begun, heard = _STAGES[telling]
        try:
            _move(key, event_id, before, begun, _begun(telling, money.to_cents(amount)))
        except _ElsewhereError as found:
            if found.stage < before:
                return Begun.EARLY
            return Begun.DONE if found.stage >= heard else Begun.AGAIN
        return Begun.FIRST

    def withdraw(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        """Note that Finance has not heard of what was begun; raises BusyError."""
        before, begun, _ = _STAGES[telling]
        try:
            _move(key, event_id, begun, before, _begun(telling, -money.to_cents(amount)))
        except _ElsewhereError:
            return  # another worker knows better

    def confirm(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        """Note that Finance has heard of what was begun; raises BusyError."""
        _, begun, heard = _STAGES[telling]
        cents = money.to_cents(amount)
        added: list[Action] = [BudgetRow.heard_cents.add(cents)]
        if telling is Telling.RESERVE:
            added.append(BudgetRow.reserved_cents.add(cents))
        try:
            _move(key, event_id, begun, heard, added)
        except _ElsewhereError:
            return  # another worker was faster


class _ElsewhereError(Exception):
    """The hold is not where it was thought to be."""

    def __init__(self, stage: int) -> None:
        super().__init__(stage)
        self.stage = stage


def _begun(telling: Telling, cents: int) -> list[Action]:
    added: list[Action] = [BudgetRow.sent_cents.add(cents)]
    if telling is Telling.RELEASE:
        added.append(BudgetRow.claimed_cents.add(cents))
    return added


def _move(key: BudgetKey, event_id: str, before: int, after: int, added: list[Action]) -> None:
    """Move a hold from one stage to another; raises _ElsewhereError, BusyError."""
    transact(_stage(key, event_id, before, after), _amounts(key, added))


def _stage(key: BudgetKey, event_id: str, before: int, after: int) -> Part:
    is_there: Condition = HoldRow.stage == before
    if before == _UNTOLD:
        is_there |= HoldRow.stage.does_not_exist()

    def refused(known: Item) -> _ElsewhereError:
        return _ElsewhereError(int(known.get("stage", {}).get("N", _UNTOLD)))

    row = HoldRow(budget_pk(key), hold_sk(event_id))
    return Part(lambda: update(row, [HoldRow.stage.set(after)], is_there), refused)


def _amounts(key: BudgetKey, added: list[Action]) -> Part:
    row, is_there = BudgetRow(budget_pk(key)), BudgetRow.pk.exists()
    return Part(lambda: update(row, added, is_there), lambda _: BudgetUnknownError(str(key)))
