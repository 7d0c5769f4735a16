"""What each move writes into a request."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import Priority
from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.requests import MAX_SEQUENCE, ItemStatus, Status, request_id
from tests.factories import (
    ADMIN,
    AT,
    CALENDAR,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    approved,
    created,
    draft,
    item_body,
    new_request,
    rejected,
    waiting,
)


def test_a_draft_is_what_was_asked_for_and_by_whom() -> None:
    request = created(amountRequested=Decimal("52500.5"), category="capital", sequence=7).after

    assert (request.id, request.request_code) == (20260000007, "BR-2026-007")
    assert (request.status, request.is_draft) == (Status.PENDING, True)
    assert request.amount_requested == Decimal("52500.50")
    assert (request.category, request.priority) == ("capital", "medium")
    assert (request.requested_by, request.requested_by_name, request.requested_by_role) == (
        CLERK.id,
        CLERK.name,
        CLERK.role,
    )
    assert (request.fiscal_year, request.fiscal_period) == (2026, "Q1")
    assert (request.created_at, request.updated_at) == (AT, AT)
    assert request.budget_key == KEY
    assert not request.is_reserved


def test_a_draft_keeps_the_budget_picture() -> None:
    request = draft(amountRequested=400_000)

    assert request.department_budget_remaining == Decimal(380_000)
    assert request.budget_shortfall == Decimal(20_000)
    assert request.budget_utilization_before_request == Decimal("24.00")
    assert request.requires_budget_approval
    assert not request.budget_data_stale


def test_lines_are_numbered_from_1_in_the_order_asked() -> None:
    request = draft(items=[item_body(itemName="Laptop"), item_body(itemName="Dock")])

    assert [(line.id, line.item_name) for line in request.item_allocations] == [
        (1, "Laptop"),
        (2, "Dock"),
    ]
    assert {line.status for line in request.item_allocations} == {ItemStatus.PENDING}


def test_the_sequence_grows_past_three_digits() -> None:
    assert created(sequence=1234).after.request_code == "BR-2026-1234"


def test_ids_of_two_years_never_meet() -> None:
    assert request_id(2026, MAX_SEQUENCE) < request_id(2027, 1)


@pytest.mark.parametrize("sequence", [0, -1, MAX_SEQUENCE + 1])
def test_a_sequence_that_no_year_has_is_refused(sequence: int) -> None:
    with pytest.raises(ValueError, match="a year has at most"):
        request_id(2026, sequence)


@pytest.mark.parametrize("by", [SUPERADMIN, actor("HR Clerk"), actor("Clerk")])
def test_nobody_creates_for_a_department_not_their_own(by: Actor) -> None:
    with pytest.raises(ForbiddenError):
        transitions.create(
            new_request(),
            by,
            AT,
            sequence=1,
            calendar=CALENDAR,
            budget=BudgetPicture(budget=None),
        )


@pytest.mark.parametrize(
    ("priority", "days"), [("urgent", 1), ("high", 3), ("medium", 7), ("low", 14)]
)
def test_the_deadline_runs_from_the_submit_by_priority(priority: Priority, days: int) -> None:
    request = draft(priority=priority)
    assert request.sla_deadline is None

    sent = transitions.submit(request, CLERK, LATER).after

    assert sent.sla_deadline == LATER + timedelta(days=days)
    assert not sent.is_draft


def test_an_approval_holds_the_buffer_too() -> None:
    change = transitions.approve(
        waiting(amountRequested=52_500), approval(bufferPercentage=5), ADMIN, LATER
    )

    after = change.after
    assert (after.reserved_amount, after.buffer_amount) == (Decimal("55125.00"), Decimal("2625.00"))
    assert after.buffer_percentage == Decimal(5)
    assert change.hold
    assert (change.hold.key, change.hold.amount) == (KEY, Decimal("55125.00"))


def test_an_approval_may_reserve_another_sum_than_was_asked() -> None:
    body = approval(reservedAmount=Decimal("1000.1"), bufferPercentage=Decimal("12.5"))
    change = transitions.approve(waiting(amountRequested=52_500), body, ADMIN, LATER)

    assert change.hold
    assert change.hold.amount == Decimal("1125.11")  # 125.0125 is 125.01 to the cent
    assert change.after.amount_requested == Decimal(52_500)


def test_an_approval_without_more_said_holds_what_was_asked() -> None:
    change = transitions.approve(waiting(), approval(), ADMIN, LATER)

    assert change.hold
    assert change.hold.amount == Decimal(50_000)
    assert change.after.buffer_amount == 0
    assert change.after.review_notes is None


def test_an_approval_says_who_when_and_until_when() -> None:
    after = approved(notes="Go ahead").after

    assert (after.approved_by, after.approved_at) == (ADMIN.id, LATER)
    assert (after.reviewed_by, after.reviewed_by_name, after.reviewed_at) == (
        ADMIN.id,
        ADMIN.name,
        LATER,
    )
    assert after.review_notes == "Go ahead"
    assert (after.is_reserved, after.reserved_at) == (True, LATER)
    assert after.reservation_expiry == LATER + timedelta(days=90)


def test_a_hold_draws_on_the_period_of_the_request_whenever_it_is_approved() -> None:
    in_the_next_quarter = datetime(2026, 4, 2, tzinfo=UTC)

    change = transitions.approve(waiting(), approval(), ADMIN, in_the_next_quarter)

    assert change.hold
    assert change.hold.key == KEY


def test_a_rejection_says_who_when_and_why_and_holds_nothing() -> None:
    change = rejected("No money left")

    assert (change.after.rejected_by, change.after.rejected_at) == (ADMIN.id, LATER)
    assert change.after.review_notes == "No money left"
    assert change.hold is None
    assert not change.after.is_reserved
    assert change.after.approved_by is None
