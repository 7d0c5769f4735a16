"""The verbs of a draft: change its fields, its lines, or throw it away.

Each raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError and
ConflictError, and what its own line says.
"""

from datetime import datetime

from chalicelib.domain import drafting
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import DraftChange, NewItem
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import BudgetStore, RequestStore
from chalicelib.usecases.writing import ReceiptFor, commit, read, write


def update(
    request_id: int,
    new: DraftChange,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    budget_store: BudgetStore,
    expected: int | None = None,
) -> BudgetRequest:
    """Change a draft's fields, with a new picture of the budget it draws on."""
    request = read(request_id, store=store, expected=expected)
    picture = BudgetPicture(budget=budget_store.get(request.budget_key))
    return commit(drafting.update(request, new, by=by, at=at, budget=picture), store)


def delete(
    request_id: int, *, by: Actor, at: datetime, store: RequestStore, expected: int | None = None
) -> BudgetRequest:
    """Throw a draft away."""
    return write(
        request_id, lambda r: drafting.delete(r, by=by, at=at), store=store, expected=expected
    )


def add_item(
    request_id: int,
    new: NewItem,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Add a line; raises InvalidInputError when the draft is full."""
    return write(
        request_id,
        lambda r: drafting.add_item(r, new, by=by, at=at),
        store=store,
        expected=expected,
        receipt=receipt,
    )


def remove_item(
    request_id: int,
    item_id: int,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    expected: int | None = None,
) -> BudgetRequest:
    """Take a line off; raises ItemNotFoundError."""
    return write(
        request_id,
        lambda r: drafting.remove_item(r, item_id, by=by, at=at),
        store=store,
        expected=expected,
    )
