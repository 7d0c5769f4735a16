"""The one way a request is changed: read it, let the domain decide, commit."""

from collections.abc import Callable

from chalicelib.domain.errors import StaleVersionError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.requests import BudgetRequest, Change
from chalicelib.usecases.ports import RequestStore

#: Makes the receipt of the answer that tells of a request as it is after the change.
ReceiptFor = Callable[[BudgetRequest], Receipt]


def write(
    request_id: int,
    decide: Callable[[BudgetRequest], Change],
    *,
    store: RequestStore,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Change a request as `decide` says and return what it became, in two round trips.

    `expected` is the version the caller decided on. Raises RequestNotFoundError,
    StaleVersionError, ConflictError, and what `decide` and `RequestStore.commit` raise.
    """
    return commit(decide(read(request_id, store=store, expected=expected)), store, receipt)


def read(request_id: int, *, store: RequestStore, expected: int | None = None) -> BudgetRequest:
    """Return a request; raises RequestNotFoundError, StaleVersionError."""
    request = store.get(request_id)
    if expected is not None and request.version != expected:
        raise StaleVersionError(request.version)
    return request


def commit(change: Change, store: RequestStore, receipt: ReceiptFor | None = None) -> BudgetRequest:
    """Commit a change, with the receipt of its answer, and return what the request became."""
    store.commit(change, receipt=receipt(change.after) if receipt else None)
    return change.after
