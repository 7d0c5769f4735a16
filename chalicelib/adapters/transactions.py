"""DynamoDB transactions: parts that each know what their refusal means, tried until they fit."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import sleep

from pynamodb.exceptions import CancellationReason, TransactWriteError, UpdateError
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.tables import RequestRow, connection
from chalicelib.domain.errors import BusyError

#: Transactions on one item collide when many write at once; DynamoDB then asks for a retry.
MAX_ATTEMPTS = 10
RETRY_BASE_SECONDS = 0.02
RETRY_CAP_SECONDS = 0.4

_CONDITION_FAILED = "ConditionalCheckFailed"
_MET_A_TRANSACTION = "TransactionConflictException"
_TRY_AGAIN = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


@dataclass(frozen=True)
class Part:
    """One write of a transaction; `refused` makes an error of its failed condition."""

    add: Callable[[TransactWrite], None]
    refused: Callable[[CancellationReason], Exception]


def undisturbed(write: Callable[[], None]) -> None:
    """Do one write of an item that transactions write as well, again where it meets one.

    Raises BusyError when it met one each time.
    """
    for attempt in range(MAX_ATTEMPTS):
        try:
            return write()
        except UpdateError as error:
            if error.cause_response_code != _MET_A_TRANSACTION:
                raise
        _rest(attempt)
    raise BusyError


def transact(puts: Sequence[Part], updates: Sequence[Part]) -> None:
    """Write all parts or none.

    Raises what the first part whose condition failed makes of it; BusyError when others kept
    writing the same items throughout all attempts.
    """
    # PynamoDB sends puts before updates, whatever the order of the calls, and DynamoDB's reasons
    # come in the order sent.
    parts = (*puts, *updates)
    for attempt in range(MAX_ATTEMPTS):
        try:
            with TransactWrite(connection=connection(RequestRow)) as transaction:
                for part in parts:
                    part.add(transaction)
        except TransactWriteError as error:
            reasons = error.cancellation_reasons
            for part, reason in zip(parts, reasons, strict=False):
                if reason is not None and reason.code == _CONDITION_FAILED:
                    raise part.refused(reason) from None
            if not _TRY_AGAIN & {reason.code for reason in reasons if reason is not None}:
                raise
        else:
            return
        _rest(attempt)
    raise BusyError


def _rest(attempt: int) -> None:
    ceiling = min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2**attempt)
    sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
