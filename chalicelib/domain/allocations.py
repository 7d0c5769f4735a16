"""Deciding single lines: after the submit an admin approves, rejects or modifies an allocation."""

from datetime import datetime
from decimal import Decimal

from chalicelib.domain import access
from chalicelib.domain.access import Actor
from chalicelib.domain.changes import Change, Step
from chalicelib.domain.content import ItemApproval, ItemModification, ItemRejection
from chalicelib.domain.errors import InvalidStatusError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.requests import BudgetRequest, ItemStatus, Status


def approve_item(
    request: BudgetRequest, item_id: int, body: ItemApproval, by: Actor, at: datetime
) -> Change:
    """Return the Change that allocates money to a line; what was asked for unless told otherwise.

    Raises ForbiddenError, InvalidStatusError, ItemNotFoundError.
    """
    _decidable(request, by)
    amount = body.allocated_amount or request.item(item_id).total_cost
    step = Step(request, by, at, AuditAction.APPROVE_ITEM, "ITEM_APPROVED")
    return _decided(
        step,
        item_id,
        status=ItemStatus.APPROVED,
        amount=amount,
        event=EventType.ITEM_APPROVED,
        notes=body.notes,
    )


def reject_item(
    request: BudgetRequest, item_id: int, body: ItemRejection, by: Actor, at: datetime
) -> Change:
    """Return the Change that allocates nothing to a line, saying why.

    Raises ForbiddenError, InvalidStatusError, ItemNotFoundError.
    """
    _decidable(request, by)
    step = Step(request, by, at, AuditAction.REJECT_ITEM, "ITEM_REJECTED")
    return _decided(
        step,
        item_id,
        status=ItemStatus.REJECTED,
        amount=None,
        event=EventType.ITEM_REJECTED,
        notes=body.review_notes,
    )


def modify_item(
    request: BudgetRequest, item_id: int, body: ItemModification, by: Actor, at: datetime
) -> Change:
    """Return the Change that allocates another amount to a line than was asked for.

    Raises ForbiddenError, InvalidStatusError, ItemNotFoundError.
    """
    _decidable(request, by)
    step = Step(request, by, at, AuditAction.MODIFY_ITEM, "ITEM_MODIFIED")
    return _decided(
        step,
        item_id,
        status=ItemStatus.MODIFIED,
        amount=body.allocated_amount,
        event=EventType.ITEM_MODIFIED,
        notes=body.notes,
    )


def _decidable(request: BudgetRequest, by: Actor) -> None:
    access.may_review(by, department=request.department, requested_by=request.requested_by)
    waiting = request.status is Status.PENDING and not request.is_draft
    if not (waiting or request.status is Status.APPROVED):
        raise InvalidStatusError(
            "Items are decided while their budget request waits for review or is approved; "
            f"this one is {request.standing}"
        )


def _decided(
    step: Step,
    item_id: int,
    *,
    status: ItemStatus,
    amount: Decimal | None,
    event: EventType,
    notes: str | None,
) -> Change:
    known = step.request.item(item_id)
    decided = known.model_copy(
        update={"status": status, "allocated_amount": amount, "decision_notes": notes}
    )
    lines = tuple(decided if item.id == item_id else item for item in step.request.item_allocations)
    data = {
        "itemId": item_id,
        "itemName": known.item_name,
        "totalCost": known.total_cost,
        "allocatedAmount": amount,
        "decidedBy": step.by.id,
        "notes": notes,
    }
    return step.to({"item_allocations": lines}, (event, data), comments=notes, item=decided)
