"""Which moves a request can make from where, and who may make them."""

from collections.abc import Callable

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import ForbiddenError, InvalidStatusError
from chalicelib.domain.requests import BudgetRequest, Status
from tests.factories import (
    ADMIN,
    CLERK,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    approved,
    draft,
    rejected,
    rejection,
    waiting,
)

Move = Callable[[BudgetRequest, Actor], Change]

STATES: dict[str, BudgetRequest] = {
    "a draft": draft(),
    "waiting for review": waiting(),
    "approved": approved().after,
    "rejected": rejected().after,
    "cancelled": waiting().model_copy(update={"status": Status.CANCELLED}),
}
MOVES: dict[str, Move] = {
    "submit": lambda request, by: transitions.submit(request, by, LATER),
    "approve": lambda request, by: transitions.approve(request, approval(), by, LATER),
    "reject": lambda request, by: transitions.reject(request, rejection(), by, LATER),
}
POSSIBLE = {
    ("a draft", "submit"): "waiting for review",
    ("waiting for review", "approve"): "approved",
    ("waiting for review", "reject"): "rejected",
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", STATES)
def test_a_request_moves_only_where_its_state_allows(state: str, move: str) -> None:
    request = STATES[state]
    assert request.standing == state

    if (state, move) in POSSIBLE:
        assert MOVES[move](request, ADMIN).after.standing == POSSIBLE[state, move]
    else:
        with pytest.raises(InvalidStatusError, match=f"this one is {state}"):
            MOVES[move](request, ADMIN)


@pytest.mark.parametrize("move", ["approve", "reject"])
@pytest.mark.parametrize(
    "by",
    [
        CLERK,
        actor("Finance Admin", id=CLERK.id),
        actor("SuperAdmin", id=CLERK.id),
        actor("HR Admin"),
    ],
    ids=["user", "owning admin", "owning superadmin", "other department"],
)
def test_who_may_not_review_does_not(move: str, by: Actor) -> None:
    request = waiting()

    with pytest.raises(ForbiddenError):
        MOVES[move](request, by)


def test_a_superadmin_reviews_in_any_department() -> None:
    taken = transitions.approve(waiting(), approval(), SUPERADMIN, LATER)
    refused = transitions.reject(waiting(), rejection(), SUPERADMIN, LATER)

    assert taken.after.status is Status.APPROVED
    assert refused.after.status is Status.REJECTED


def test_a_superadmin_does_not_submit() -> None:
    with pytest.raises(ForbiddenError):
        transitions.submit(draft(), SUPERADMIN, LATER)


def test_an_admin_submits_for_the_department() -> None:
    assert transitions.submit(draft(), ADMIN, LATER).after.history[-1].changed_by == ADMIN.id


def test_access_is_judged_before_the_state_is_told() -> None:
    with pytest.raises(ForbiddenError):
        transitions.approve(approved().after, approval(), CLERK, LATER)
