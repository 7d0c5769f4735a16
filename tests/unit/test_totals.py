"""What one request counts for, and what a commit adds."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain import allocations, drafting, transitions
from chalicelib.domain.content import Cancellation, ItemApproval
from chalicelib.domain.requests import Status
from chalicelib.domain.totals import Tally, moved
from tests.factories import (
    ADMIN,
    CLERK,
    LATER,
    actor,
    approval,
    approved,
    created,
    draft,
    item_body,
    rejected,
    submitted,
    waiting,
)


def test_a_draft_counts_as_pending_and_as_a_draft() -> None:
    assert Tally.of(draft()) == Tally(pending=1, pending_cents=5_000_000, drafts=1)


def test_what_waits_is_no_draft_any_more() -> None:
    assert Tally.of(waiting()) == Tally(pending=1, pending_cents=5_000_000)


def test_what_waits_longer_than_it_may_is_overdue_until_it_is_decided() -> None:
    overdue = waiting().model_copy(update={"is_overdue": True})
    decided = transitions.approve(overdue, approval(), ADMIN, LATER).after

    assert Tally.of(overdue).overdue == 1
    assert decided.is_overdue
    assert Tally.of(decided).overdue == 0


def test_an_approval_counts_what_it_holds_and_how_long_it_was_waited_for() -> None:
    assert Tally.of(approved().after) == Tally(
        approved=1,
        approved_cents=5_000_000,
        reserved_cents=5_250_000,
        decided=1,
        approved_ever=1,
        waited_seconds=60,
    )


def test_a_rejection_counts_as_a_decision() -> None:
    assert Tally.of(rejected().after) == Tally(
        rejected=1, rejected_cents=5_000_000, decided=1, waited_seconds=60
    )


def test_a_decision_stays_one_when_the_request_is_cancelled_afterwards() -> None:
    cancelled = transitions.cancel(
        approved().after, Cancellation(), CLERK, LATER + timedelta(days=1)
    )

    assert Tally.of(cancelled.after) == Tally(
        cancelled=1, cancelled_cents=5_000_000, decided=1, approved_ever=1, waited_seconds=60
    )


def test_what_was_deleted_counts_for_nothing() -> None:
    deleted = drafting.delete(draft(), CLERK, LATER)

    assert Tally.of(deleted.after) == Tally()
    assert moved([deleted]) == {"finance": Tally(pending=-1, pending_cents=-5_000_000, drafts=-1)}


def test_several_changes_of_a_department_are_one_move() -> None:
    hr = created(by=actor("HR Clerk"), sequence=3, department="hr", amountRequested=1)

    assert moved([submitted(sequence=1), submitted(sequence=2), hr]) == {
        "finance": Tally(drafts=-2),
        "hr": Tally(pending=1, pending_cents=100, drafts=1),
    }


def test_a_change_that_moves_no_figure_is_a_move_all_the_same() -> None:
    request = waiting(items=[item_body()])

    decided = allocations.approve_item(request, 1, ItemApproval(), ADMIN, LATER)

    assert moved([decided]) == {"finance": Tally()}


def test_a_tally_tells_its_figures_as_people_know_them() -> None:
    tally = Tally.of(approved().after) + Tally.of(waiting())

    assert tally.requests == 2
    assert tally.count(Status.APPROVED) == tally.count(Status.PENDING) == 1
    assert tally.requested(Status.APPROVED) == Decimal(50_000)
    assert tally.reserved == Decimal(52_500)
