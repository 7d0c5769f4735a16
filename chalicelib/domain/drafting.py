"""Changing a draft: its content and its lines, until it is submitted; then it is frozen."""

from datetime import datetime
from typing import Any

from chalicelib.domain import access
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.changes import Change, Step
from chalicelib.domain.content import MAX_ITEMS, DraftChange, ItemChange, NewItem
from chalicelib.domain.errors import FieldError, InvalidInputError, InvalidStatusError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.requests import BudgetRequest, LineItem, Status

#: What people can change in a draft, by the names of the API; the budget's picture is not of them.
_WIRE_NAMES = {name: str(field.alias) for name, field in DraftChange.model_fields.items()}
_WIRE_NAMES["item_allocations"] = _WIRE_NAMES.pop("items")


def update(
    request: BudgetRequest, new: DraftChange, by: Actor, at: datetime, *, budget: BudgetPicture
) -> Change:
    """Return the Change that gives a draft the fields `new` names; `items` replaces all lines.

    Raises ForbiddenError, InvalidStatusError.
    """
    _editable(request, by, "changed")
    fields: dict[str, Any] = {name: getattr(new, name) for name in new.model_fields_set - {"items"}}
    if "items" in new.model_fields_set:
        fields |= _lines(request, new.items)
    amount = fields.get("amount_requested", request.amount_requested)
    fields |= budget.seen_by(amount)
    return _updated(request, fields, by, at)


def delete(request: BudgetRequest, by: Actor, at: datetime) -> Change:
    """Return the Change that hides a draft for good; raises ForbiddenError, InvalidStatusError."""
    _editable(request, by, "deleted")
    return Step(request, by, at, AuditAction.DELETE, "DELETED").to(
        {"is_deleted": True}, (EventType.DELETED, {"amountRequested": request.amount_requested})
    )


def add_item(request: BudgetRequest, new: NewItem, by: Actor, at: datetime) -> Change:
    """Return the Change that adds a line to a draft.

    Raises ForbiddenError, InvalidStatusError; InvalidInputError when the draft is full.
    """
    _editable(request, by, "changed")
    if len(request.item_allocations) >= MAX_ITEMS:
        raise InvalidInputError((FieldError("items", f"must have at most {MAX_ITEMS} items"),))
    number = request.items_so_far + 1
    lines = (*request.item_allocations, LineItem.asked_for(number, new))
    fields = {"item_allocations": lines, "items_so_far": number}
    return _updated(request, fields, by, at)


def change_item(
    request: BudgetRequest, item_id: int, new: ItemChange, by: Actor, at: datetime
) -> Change:
    """Return the Change that rewrites one line of a draft.

    Raises ForbiddenError, InvalidStatusError, ItemNotFoundError; InvalidInputError where the
    line's total is no longer its product.
    """
    _editable(request, by, "changed")
    known = request.item(item_id)
    asked = {name: getattr(known, name) for name in NewItem.model_fields}
    given = {name: getattr(new, name) for name in new.model_fields_set}
    changed = known.model_copy(update=asked | given)
    if changed.quantity * changed.unit_cost != changed.total_cost:
        raise InvalidInputError((FieldError("totalCost", "must be quantity × unitCost"),))
    lines = tuple(changed if i.id == item_id else i for i in request.item_allocations)
    return _updated(request, {"item_allocations": lines}, by, at)


def remove_item(request: BudgetRequest, item_id: int, by: Actor, at: datetime) -> Change:
    """Return the Change that takes a line off a draft.

    Raises ForbiddenError, InvalidStatusError, ItemNotFoundError.
    """
    _editable(request, by, "changed")
    request.item(item_id)
    lines = tuple(item for item in request.item_allocations if item.id != item_id)
    return _updated(request, {"item_allocations": lines}, by, at)


def _editable(request: BudgetRequest, by: Actor, verb: str) -> None:
    access.may_edit(by, department=request.department, requested_by=request.requested_by)
    if request.status is not Status.PENDING or not request.is_draft:
        raise InvalidStatusError(
            f"Only draft budget requests can be {verb}; this one is {request.standing}"
        )


def _lines(request: BudgetRequest, items: tuple[NewItem, ...]) -> dict[str, Any]:
    first = request.items_so_far + 1
    lines = tuple(LineItem.asked_for(number, item) for number, item in enumerate(items, first))
    return {"item_allocations": lines, "items_so_far": request.items_so_far + len(items)}


def _updated(request: BudgetRequest, fields: dict[str, Any], by: Actor, at: datetime) -> Change:
    names = sorted(
        name
        for field, name in _WIRE_NAMES.items()
        if field in fields and fields[field] != getattr(request, field)
    )
    return Step(request, by, at, AuditAction.UPDATE, "UPDATED").to(
        fields, (EventType.UPDATED, {"changedFields": names})
    )
