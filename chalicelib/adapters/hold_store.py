"""Holds between Finance and us, in DynamoDB: which it has confirmed, and what of them was left."""

from decimal import Decimal

from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import CancellationReason
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.keys import budget_pk, hold_sk
from chalicelib.adapters.tables import BudgetRow, HoldRow
from chalicelib.adapters.transactions import MAX_ATTEMPTS, Part, transact
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import BudgetUnknownError, BusyError


class DynamoHoldConfirmations:
    """The HoldConfirmations on DynamoDB."""

    def confirm(self, key: BudgetKey, amount: Decimal, *, event_id: str) -> None:
        """Count what is left of a hold as contained in Finance's figures.

        One transaction, on the condition that nothing has been given back since: what has been is
        no longer counted as unconfirmed. Doing it again changes nothing. Raises BusyError.
        """
        freed = 0
        for _ in range(MAX_ATTEMPTS):
            outstanding = money.to_cents(amount) - freed
            try:
                transact(
                    puts=[],
                    updates=[_confirmed(key, event_id, freed), _contained(key, outstanding)],
                )
            except _MovedError as moved:
                if moved.is_confirmed:
                    return
                freed = moved.freed
            else:
                return
        raise BusyError

    def is_confirmed(self, key: BudgetKey, *, event_id: str) -> bool:
        """Whether Finance has confirmed a hold."""
        try:
            row = HoldRow.get(budget_pk(key), hold_sk(event_id), consistent_read=True)
        except HoldRow.DoesNotExist:
            return False
        return bool(row.is_confirmed)


class _MovedError(Exception):
    """The hold is not as it was thought to be."""

    def __init__(self, *, freed: int, is_confirmed: bool) -> None:
        super().__init__()
        self.freed = freed
        self.is_confirmed = is_confirmed


def _confirmed(key: BudgetKey, event_id: str, freed: int) -> Part:
    as_thought = HoldRow.freed_cents == freed if freed else HoldRow.freed_cents.does_not_exist()

    def add(transaction: TransactWrite) -> None:
        transaction.update(
            HoldRow(budget_pk(key), hold_sk(event_id)),
            actions=[HoldRow.is_confirmed.set(True)],
            condition=HoldRow.is_confirmed.does_not_exist() & as_thought,
            return_values=ALL_OLD,
        )

    def refused(reason: CancellationReason) -> _MovedError:
        known = reason.raw_item or {}
        return _MovedError(
            freed=int(known.get("freed_cents", {}).get("N", 0)),
            is_confirmed="is_confirmed" in known,
        )

    return Part(add, refused)


def _contained(key: BudgetKey, cents: int) -> Part:
    def add(transaction: TransactWrite) -> None:
        transaction.update(
            BudgetRow(budget_pk(key)),
            actions=[
                BudgetRow.unconfirmed_cents.set(BudgetRow.unconfirmed_cents - cents),
                BudgetRow.confirmations.set(BudgetRow.confirmations + 1),
            ],
            condition=BudgetRow.pk.exists(),
        )

    return Part(add, lambda _: BudgetUnknownError(str(key)))
