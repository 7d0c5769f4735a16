"""The verbs of a draft: change its fields, its lines, or throw it away.

Each raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError and
ConflictError, and what its own line says.
"""

from datetime import datetime

from chalicelib.domain import drafting
from chalicelib.domain.access import Actor
from chalicelib.domain.changes import Change
from chalicelib.domain.content import DraftChange, NewItem
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases import reservations
from chalicelib.usecases.ports import BudgetStore, DueRequests
from chalicelib.usecases.writing import Writing


def update(
    request_id: int,
    new: DraftChange,
    *,
    by: Actor,
    at: datetime,
    writing: Writing,
    calendar: FiscalCalendar,
    due: DueRequests,
    budget_store: BudgetStore,
) -> BudgetRequest:
    """Change a draft's fields, with a new picture of the budget it draws on."""

    def decide(request: BudgetRequest) -> Change:
        picture = reservations.picture(
            budget_store.get(request.budget_key),
            at,
            calendar=calendar,
            due=due,
            store=writing.store,
        )
        return drafting.update(request, new, by, at, budget=picture)

    return writing.write(request_id, decide)


def delete(request_id: int, *, by: Actor, at: datetime, writing: Writing) -> BudgetRequest:
    """Throw a draft away."""
    return writing.write(request_id, lambda r: drafting.delete(r, by, at))


def add_item(
    request_id: int, new: NewItem, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Add a line; raises InvalidInputError when the draft is full."""
    return writing.write(request_id, lambda r: drafting.add_item(r, new, by, at))


def remove_item(
    request_id: int, item_id: int, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Take a line off; raises ItemNotFoundError."""
    return writing.write(request_id, lambda r: drafting.remove_item(r, item_id, by, at))
