"""The life of a request: created, submitted, approved, rejected or cancelled."""

from datetime import datetime
from typing import Any

from chalicelib.domain import access, reservations
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture, Hold
from chalicelib.domain.changes import Change, Step
from chalicelib.domain.content import Approval, Cancellation, NewRequest, Rejection
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import InvalidStatusError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.requests import BudgetRequest, LineItem, Status, request_id

#: How long reviewers have where nothing else is configured.
USUAL_REVIEW_DAYS = ReviewDays()


def create(
    new: NewRequest,
    by: Actor,
    at: datetime,
    *,
    sequence: int,
    calendar: FiscalCalendar,
    budget: BudgetPicture,
) -> Change:
    """Return the Change that creates a draft as number `sequence` of its calendar year.

    Raises ForbiddenError where `by` may not create for the department.
    """
    access.may_create(by, new.department)
    quarter = calendar.quarter_of(at)
    draft = BudgetRequest(
        id=request_id(at.year, sequence),
        request_code=f"BR-{at.year}-{sequence:03d}",
        **{name: value for name, value in new if name != "items"},
        status=Status.PENDING,
        is_draft=True,
        requested_by=by.id,
        requested_by_name=by.name,
        requested_by_role=by.role,
        requested_by_email=by.email,
        fiscal_year=quarter.year,
        fiscal_period=quarter.period,
        **budget.seen_by(new.amount_requested),
        version=0,
        created_at=at,
        updated_at=at,
        item_allocations=tuple(
            LineItem.asked_for(number, item) for number, item in enumerate(new.items, start=1)
        ),
        items_so_far=len(new.items),
    )
    return Step(draft, by, at, AuditAction.CREATE, "CREATED", is_new=True).to(
        {}, (EventType.CREATED, {"amountRequested": draft.amount_requested})
    )


def submit(
    request: BudgetRequest, by: Actor, at: datetime, review_days: ReviewDays = USUAL_REVIEW_DAYS
) -> Change:
    """Return the Change that sends a draft to review; raises ForbiddenError, InvalidStatusError."""
    access.may_submit(by, department=request.department, requested_by=request.requested_by)
    if not (request.status is Status.PENDING and request.is_draft):
        raise InvalidStatusError(
            f"Only draft budget requests can be submitted; this one is {request.standing}"
        )
    told = {"amountRequested": request.amount_requested, "requestedBy": request.requested_by}
    return Step(request, by, at, AuditAction.SUBMIT, "SUBMITTED").to(
        {
            "is_draft": False,
            "submitted_at": at,
            "sla_deadline": review_days.deadline(request.priority, at),
        },
        (EventType.SUBMITTED, told),
        comments="Budget request submitted for review",
    )


def approve(request: BudgetRequest, approval: Approval, by: Actor, at: datetime) -> Change:
    """Return the Change that approves what waits for review, holding money.

    An override holds it whatever the budget has; history, audit and event say so, and why.
    Raises ForbiddenError, InvalidStatusError.
    """
    if approval.override:
        access.may_override(by)
    _reviewable(request, by, "approved")
    terms = request.terms(approval)
    action, verb = AuditAction.APPROVE, "APPROVED"
    if approval.override:
        action, verb = AuditAction.OVERRIDE, "APPROVED_BY_OVERRIDE"
    step = Step(request, by, at, action, verb)
    told = {
        "amountRequested": request.amount_requested,
        "reservedAmount": terms.held,
        "approvedBy": by.id,
        "fiscalYear": request.fiscal_year,
        "fiscalPeriod": request.fiscal_period,
        "override": approval.override,
        "overrideReason": approval.override_reason,
    }
    return step.to(
        {
            "status": Status.APPROVED,
            **_review(by, at, approval.review_notes),
            "approved_by": by.id,
            "approved_at": at,
            "buffer_percentage": terms.buffer_percentage,
            **reservations.held(terms.held, terms.buffer, at, event_id=step.event_id(1)),
            "override_reason": approval.override_reason,
            "overridden_by": by.id if approval.override else None,
        },
        (EventType.APPROVED, told),
        comments=approval.override_reason or approval.review_notes,
        hold=Hold(key=request.budget_key, amount=terms.held, is_override=approval.override),
    )


def reject(request: BudgetRequest, rejection: Rejection, by: Actor, at: datetime) -> Change:
    """Return the Change that rejects what waits for review, saying why.

    Raises ForbiddenError, InvalidStatusError.
    """
    _reviewable(request, by, "rejected")
    told = {
        "amountRequested": request.amount_requested,
        "rejectedBy": by.id,
        "reason": rejection.review_notes,
    }
    return Step(request, by, at, AuditAction.REJECT, "REJECTED").to(
        {
            "status": Status.REJECTED,
            **_review(by, at, rejection.review_notes),
            "rejected_by": by.id,
            "rejected_at": at,
        },
        (EventType.REJECTED, told),
        comments=rejection.review_notes,
    )


def cancel(request: BudgetRequest, cancellation: Cancellation, by: Actor, at: datetime) -> Change:
    """Return the Change that cancels a draft, what waits or is approved, freeing what is held.

    Raises ForbiddenError, InvalidStatusError; AlreadyConsumedError where the money is gone.
    """
    access.may_edit(by, department=request.department, requested_by=request.requested_by)
    if request.status not in {Status.PENDING, Status.APPROVED}:
        raise InvalidStatusError(
            f"This budget request cannot be cancelled; it is {request.standing}"
        )
    of_hold, news, release = reservations.given_up(request, at, cancellation.reason)
    fields = {
        "status": Status.CANCELLED,
        "cancelled_by": by.id,
        "cancelled_at": at,
        "cancellation_reason": cancellation.reason,
        **of_hold,
    }
    told = {
        "amountRequested": request.amount_requested,
        "cancelledBy": by.id,
        "reason": cancellation.reason,
    }
    return Step(request, by, at, AuditAction.CANCEL, "CANCELLED").to(
        fields,
        (EventType.CANCELLED, told),
        *news,
        comments=cancellation.reason,
        release=release,
    )


def _reviewable(request: BudgetRequest, by: Actor, verb: str) -> None:
    access.may_review(by, department=request.department, requested_by=request.requested_by)
    if request.status is not Status.PENDING or request.is_draft:
        raise InvalidStatusError(
            f"Only budget requests waiting for review can be {verb}; this one is {request.standing}"
        )


def _review(by: Actor, at: datetime, notes: str | None) -> dict[str, Any]:
    return {
        "reviewed_by": by.id,
        "reviewed_by_name": by.name,
        "review_notes": notes,
        "reviewed_at": at,
    }
