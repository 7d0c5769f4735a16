"""The contract of what is due: each request once, where its state says, for as long as it says."""

from datetime import datetime, timedelta

import pytest

from chalicelib.domain import deadlines, drafting, reservations, transitions
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest
from tests.adapters.conftest import Stores
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    actor,
    approval,
    created,
    figures,
    finance_said,
    rejection,
)

CLOCK, SWEEPER = JobName.SLA_CHECK.actor, JobName.RESERVATION_EXPIRY.actor
DEADLINE = AT + timedelta(days=7)
END = LATER + timedelta(days=90)
WARNING = END - timedelta(days=7)
FOREVER = AT + timedelta(days=36500)


def waiting(
    stores: Stores,
    sequence: int = 1,
    *,
    by: Actor = CLERK,
    at: datetime = AT,
    department: Department = "finance",
) -> BudgetRequest:
    change = created(sequence=sequence, by=by, department=department)
    stores.requests.commit(change)
    submitted = transitions.submit(change.after, by, at)
    stores.requests.commit(submitted)
    return submitted.after


def holding(stores: Stores) -> BudgetRequest:
    finance_said(stores.budgets, figures())
    change = transitions.approve(waiting(stores), approval(), ADMIN, LATER)
    stores.requests.commit(change)
    return change.after


def due(
    stores: Stores,
    kind: DueKind,
    until: datetime = FOREVER,
    *,
    department: Department = "finance",
    after: str | None = None,
    limit: int = 25,
) -> list[int]:
    rows = stores.due.page(department, kind, until=until, after=after, limit=limit)
    return [row.summary.id for row in rows]


def test_what_waits_for_review_is_due_at_its_deadline(stores: Stores) -> None:
    request = waiting(stores)

    assert due(stores, DueKind.REVIEW, DEADLINE - timedelta(microseconds=1)) == []
    assert due(stores, DueKind.REVIEW, DEADLINE) == [request.id]
    assert due(stores, DueKind.HOLD) == []
    assert due(stores, DueKind.REVIEW, department="hr") == []


def test_what_was_told_to_be_overdue_is_due_no_more(stores: Stores) -> None:
    request = waiting(stores)

    stores.requests.commit(deadlines.mark_overdue(request, CLOCK, DEADLINE))

    assert due(stores, DueKind.REVIEW) == []


def test_a_hold_is_due_at_its_warning_then_at_its_end_then_no_more(stores: Stores) -> None:
    request = holding(stores)
    assert due(stores, DueKind.REVIEW) == []
    assert due(stores, DueKind.HOLD, WARNING - timedelta(microseconds=1)) == []
    assert due(stores, DueKind.HOLD, WARNING) == [request.id]

    warned = reservations.warn(request, SWEEPER, WARNING)
    stores.requests.commit(warned)
    assert due(stores, DueKind.HOLD, END - timedelta(microseconds=1)) == []
    assert due(stores, DueKind.HOLD, END) == [request.id]

    stores.requests.commit(reservations.expire(warned.after, SWEEPER, END))
    assert due(stores, DueKind.HOLD) == []


def test_drafts_and_what_was_decided_are_not_due(stores: Stores) -> None:
    stores.requests.commit(transitions.reject(waiting(stores), rejection(), ADMIN, LATER))
    draft = created(sequence=2)
    stores.requests.commit(draft)
    stores.requests.commit(drafting.delete(draft.after, CLERK, LATER))

    assert due(stores, DueKind.REVIEW) == due(stores, DueKind.HOLD) == []


def test_what_is_due_comes_in_pages_the_longest_due_first(stores: Stores) -> None:
    ids = [
        waiting(stores, number, at=AT + timedelta(minutes=minutes)).id
        for number, minutes in enumerate([3, 1, 1, 2], start=1)
    ]
    waiting(stores, 9, by=actor("HR Clerk"), department="hr")
    in_order = [ids[1], ids[2], ids[3], ids[0]]
    pages: list[int] = []
    after = None

    while rows := stores.due.page("finance", DueKind.REVIEW, until=FOREVER, after=after, limit=3):
        pages += [row.summary.id for row in rows]
        after = rows[-1].position

    assert pages == in_order


def test_nothing_is_due_behind_the_moment_that_is_asked_for(stores: Stores) -> None:
    waiting(stores)
    (row,) = stores.due.page("finance", DueKind.REVIEW, until=FOREVER, limit=25)

    assert due(stores, DueKind.REVIEW, DEADLINE, after=row.position) == []
    assert due(stores, DueKind.REVIEW, AT, after=row.position) == []


@pytest.mark.parametrize("kind", DueKind)
def test_a_row_shows_what_a_list_shows(stores: Stores, kind: DueKind) -> None:
    request = holding(stores) if kind is DueKind.HOLD else waiting(stores)

    (row,) = stores.due.page("finance", kind, until=FOREVER, limit=25)

    assert row.summary.version == request.version
    assert row.summary.reservation_expiry == request.reservation_expiry
    assert row.summary.reserved_amount == request.reserved_amount
