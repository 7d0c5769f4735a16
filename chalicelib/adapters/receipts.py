"""Receipts of calls with an idempotency key, written with the effect they stand for."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.adapters.rows.work import ReceiptRow
from chalicelib.adapters.tables import Row
from chalicelib.adapters.transactions import Part, put, transact, update
from chalicelib.domain.errors import ConflictError, IdempotencyKeyTakenError
from chalicelib.domain.idempotency import Receipt

_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoReceipts:
    """The Receipts on DynamoDB; TTL is late, so every read looks at the time itself."""

    def find(self, caller: str, key: str, now: datetime) -> Receipt | None:
        """Return what a call with this key was answered, None where there was none."""
        row = ReceiptRow.read(_pk(caller, key), "RECEIPT")
        if row is None:
            return None
        receipt = Receipt.model_validate_json(row.body)
        return receipt if receipt.expires_at > now else None

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt by itself; raises IdempotencyKeyTakenError."""
        transact(receipt_part(receipt, datetime.now(UTC)))


def receipt_part(receipt: Receipt, now: datetime) -> Part:
    """Return the part of a transaction that keeps a receipt, unless the key has one."""
    row = ReceiptRow(
        _pk(receipt.caller, receipt.key),
        body=receipt.model_dump_json(),
        expires_at=int(receipt.expires_at.timestamp()),
    )
    free = ReceiptRow.pk.does_not_exist() | (
        ReceiptRow.expires_at < int(now.astimezone(UTC).timestamp())
    )

    return Part(lambda: put(row, free), lambda _: IdempotencyKeyTakenError())


def put_with_receipt(row: Row, condition: Condition, receipt: Receipt | None) -> None:
    """Put a new row; with a receipt, both or none of them.

    Raises IdempotencyKeyTakenError; ConflictError or PutError where the condition fails.
    """
    if receipt is None:
        row.save(condition=condition)
        return
    kept = receipt_part(receipt, datetime.now(UTC))
    transact(kept, Part(lambda: put(row, condition), lambda _: ConflictError()))


def update_with_receipt(
    row: Row, actions: Sequence[Action], condition: Condition, receipt: Receipt | None
) -> None:
    """Update a row; with a receipt, both or none of them.

    Raises IdempotencyKeyTakenError; ConflictError where the condition fails.
    """
    if receipt is None:
        try:
            row.update(actions=list(actions), condition=condition)
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            raise ConflictError from None
        return
    kept = receipt_part(receipt, datetime.now(UTC))
    transact(kept, Part(lambda: update(row, actions, condition), lambda _: ConflictError()))


def _pk(caller: str, key: str) -> str:
    """Both may hold any character: the length says where the caller ends and the key begins."""
    return f"RECEIPT#{len(caller)}#{caller}#{key}"
