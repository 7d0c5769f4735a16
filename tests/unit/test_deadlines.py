"""When a request is to be looked at again, and that missing its deadline is told once."""

from datetime import timedelta

import pytest

from chalicelib.domain import deadlines, drafting, reservations, transitions
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.content import Cancellation
from chalicelib.domain.deadlines import Due, DueKind, ReviewDays, due
from chalicelib.domain.errors import ForbiddenError, InvalidStatusError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    SUPERADMIN,
    approved,
    draft,
    rejected,
    service,
    waiting,
)

CLOCK = JobName.SLA_CHECK.actor
SWEEPER = JobName.RESERVATION_EXPIRY.actor
DEADLINE = AT + timedelta(days=7)
END = LATER + timedelta(days=90)


@pytest.mark.parametrize(
    ("priority", "days"), [("urgent", 1), ("high", 3), ("medium", 7), ("low", 14)]
)
def test_the_priority_says_how_long_a_reviewer_has(priority: str, days: int) -> None:
    assert waiting(priority=priority).sla_deadline == AT + timedelta(days=days)


def test_how_long_a_reviewer_has_can_be_configured() -> None:
    change = transitions.submit(draft(priority="urgent"), CLERK, AT, ReviewDays(urgent=2))

    assert change.after.sla_deadline == AT + timedelta(days=2)


def test_a_request_that_waits_is_due_at_its_deadline() -> None:
    assert due(waiting()) == Due(kind=DueKind.REVIEW, at=DEADLINE)


def test_a_hold_is_due_a_week_before_its_expiry_and_then_at_it() -> None:
    request = approved().after
    assert due(request) == Due(kind=DueKind.HOLD, at=END - timedelta(days=7))

    warned = reservations.warn(request, SWEEPER, END - timedelta(days=7)).after

    assert due(warned) == Due(kind=DueKind.HOLD, at=END)


@pytest.mark.parametrize(
    "request_",
    [
        draft(),
        rejected().after,
        drafting.delete(draft(), CLERK, AT).after,
        transitions.cancel(approved().after, Cancellation(), CLERK, LATER).after,
        reservations.expire(approved().after, SWEEPER, END).after,
        deadlines.mark_overdue(waiting(), CLOCK, DEADLINE).after,
    ],
    ids=["draft", "rejected", "deleted", "cancelled", "expired", "told to be overdue"],
)
def test_nothing_else_is_due(request_: BudgetRequest) -> None:
    assert due(request_) is None


def test_a_missed_deadline_is_told_once() -> None:
    with pytest.raises(InvalidStatusError):
        deadlines.mark_overdue(waiting(), CLOCK, DEADLINE - timedelta(microseconds=1))

    change = deadlines.mark_overdue(waiting(), CLOCK, DEADLINE)

    (event,) = change.events
    assert change.after.is_overdue
    assert event.type is EventType.OVERDUE
    assert event.data == {
        "amountRequested": 50000,
        "priority": "medium",
        "slaDeadline": "2026-03-17T12:00:00.000Z",
        "requestedBy": CLERK.id,
    }
    assert change.audit.action is AuditAction.MARK_OVERDUE
    assert change.audit.changed_fields == ["isOverdue", "updatedAt", "version"]
    with pytest.raises(InvalidStatusError):
        deadlines.mark_overdue(change.after, CLOCK, DEADLINE)


@pytest.mark.parametrize("request_", [draft(), approved().after, rejected().after])
def test_what_does_not_wait_is_not_overdue(request_: BudgetRequest) -> None:
    with pytest.raises(InvalidStatusError):
        deadlines.mark_overdue(request_, CLOCK, END)


@pytest.mark.parametrize("by", [CLERK, ADMIN, SUPERADMIN, service(*Scope)])
def test_only_the_service_itself_marks_overdue(by: Actor) -> None:
    with pytest.raises(ForbiddenError):
        deadlines.mark_overdue(waiting(), by, DEADLINE)
