"""When the service has to look at a request again: its review, and what it holds (SPEC.md 3, 9)."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from chalicelib.domain import access, reservations
from chalicelib.domain.access import Actor
from chalicelib.domain.changes import Change, Step
from chalicelib.domain.content import Priority
from chalicelib.domain.errors import InvalidStatusError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.listing import Summary
from chalicelib.domain.model import Value
from chalicelib.domain.requests import BudgetRequest, Status

#: The longest a reviewer may be given.
MAX_REVIEW_DAYS = 365


class ReviewDays(Value):
    """How many days a reviewer has from the submit on, by the request's priority."""

    urgent: int = Field(1, ge=1, le=MAX_REVIEW_DAYS)
    high: int = Field(3, ge=1, le=MAX_REVIEW_DAYS)
    medium: int = Field(7, ge=1, le=MAX_REVIEW_DAYS)
    low: int = Field(14, ge=1, le=MAX_REVIEW_DAYS)

    def deadline(self, priority: Priority, submitted_at: datetime) -> datetime:
        """Return the moment until which a request is to be decided."""
        days: dict[Priority, int] = {
            "urgent": self.urgent,
            "high": self.high,
            "medium": self.medium,
            "low": self.low,
        }
        return submitted_at + timedelta(days=days[priority])


class DueKind(StrEnum):
    """What a request is due for."""

    REVIEW = "REVIEW"
    HOLD = "HOLD"


class Due(Value):
    """What a request is due for, and when."""

    kind: DueKind
    at: datetime


class DueRequest(Value):
    """A request that is due, and its place among all that is."""

    position: str
    summary: Summary


def due(request: BudgetRequest) -> Due | None:
    """Return what is to be looked at next of a request; None where time changes nothing.

    A review is due at its deadline, until that has been missed and told. A hold is due when its
    expiry is to be announced, and then at its expiry.
    """
    if request.is_deleted:
        return None
    if _waits(request) and request.sla_deadline and not request.is_overdue:
        return Due(kind=DueKind.REVIEW, at=request.sla_deadline)
    if request.is_reserved and request.reservation_expiry:
        at = reservations.warning_time(request) or request.reservation_expiry
        return Due(kind=DueKind.HOLD, at=at)
    return None


def mark_overdue(request: BudgetRequest, by: Actor, at: datetime) -> Change:
    """Return the Change that tells, once, that nobody has decided in time.

    Raises ForbiddenError; InvalidStatusError where it was decided, is not late, or was told of.
    """
    access.may_act_on_time(by)
    deadline = request.sla_deadline
    if not _waits(request) or request.is_overdue or deadline is None or at < deadline:
        raise InvalidStatusError("This budget request does not wait longer than it may")
    told = {
        "amountRequested": request.amount_requested,
        "priority": request.priority,
        "slaDeadline": deadline,
        "requestedBy": request.requested_by,
    }
    return Step(request, by, at, AuditAction.MARK_OVERDUE, "OVERDUE").to(
        {"is_overdue": True}, (EventType.OVERDUE, told)
    )


def _waits(request: BudgetRequest) -> bool:
    return request.status is Status.PENDING and not request.is_draft
