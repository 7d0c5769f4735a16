"""What becomes of a hold: each ends at most once, and what was not consumed is free again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import DEPARTMENTS, Actor, Scope
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.errors import (
    AlreadyConsumedError,
    AlreadyExpiredError,
    AlreadyReleasedError,
    BudgetRequestsError,
    ForbiddenError,
    InvalidInputError,
    InvalidStatusError,
)
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.jobs import JobName
from chalicelib.domain.listing import Summary
from chalicelib.domain.money import ZERO
from chalicelib.domain.requests import BudgetRequest, ReservationStatus, Status
from tests.factories import (
    ADMIN,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approved,
    draft,
    rejected,
    service,
    waiting,
)

HELD = Decimal("52500.00")
SWEEPER = JobName.RESERVATION_EXPIRY.actor
LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
END = LATER + timedelta(days=90)
A_WEEK_BEFORE = END - timedelta(days=7)

Move = Callable[[BudgetRequest, datetime], Change]

ENDS: dict[str, Move] = {
    "consume": lambda r, at: reservations.consume(r, None, LEDGER, at),
    "release": lambda r, at: reservations.release(r, LEDGER, at, "No longer needed"),
    "expire": lambda r, at: reservations.expire(r, SWEEPER, at),
}
ENDED: dict[str, BudgetRequest] = {
    "consumed": reservations.consume(approved().after, None, LEDGER, LATER).after,
    "released": reservations.release(approved().after, LEDGER, LATER, None).after,
    "expired": reservations.expire(approved().after, SWEEPER, END).after,
}
ALREADY: dict[str, type[BudgetRequestsError]] = {
    "consumed": AlreadyConsumedError,
    "released": AlreadyReleasedError,
    "expired": AlreadyExpiredError,
}


def cancel(request: BudgetRequest, at: datetime = LATER) -> Change:
    return transitions.cancel(request, Cancellation(reason="No longer needed"), CLERK, at)


def freed(change: Change) -> Decimal:
    return change.release.amount if change.release else Decimal(0)


def test_an_approved_request_holds_its_money_for_ninety_days() -> None:
    request = approved().after

    assert (request.reservation_status, request.is_reserved) == (ReservationStatus.HELD, True)
    assert (request.reserved_amount, request.reservation_expiry) == (HELD, END)
    assert (request.consumed_amount, request.is_expired) == (None, False)


def test_a_hold_is_consumed_whole_unless_told_otherwise() -> None:
    change = reservations.consume(approved().after, None, LEDGER, LATER)

    after = change.after
    assert (after.reservation_status, after.is_reserved) == (ReservationStatus.CONSUMED, False)
    assert (after.consumed_amount, after.reserved_amount) == (HELD, HELD)
    assert after.status is Status.APPROVED
    assert change.release is None


def test_what_is_not_consumed_is_free_again() -> None:
    request = approved().after

    change = reservations.consume(request, Decimal("52499.99"), LEDGER, LATER)

    assert change.after.consumed_amount == Decimal("52499.99")
    assert change.release
    assert (change.release.key, change.release.amount) == (KEY, Decimal("0.01"))
    assert change.release.hold_event_id == request.hold_event_id


@pytest.mark.parametrize("amount", ["0", "-1", "52500.01"])
def test_more_than_is_held_or_nothing_cannot_be_consumed(amount: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        reservations.consume(approved().after, Decimal(amount), LEDGER, LATER)

    (wrong,) = caught.value.errors
    assert wrong.field == "amount"
    assert "52500.00" in wrong.message


def test_a_release_gives_all_of_it_back() -> None:
    change = reservations.release(approved().after, LEDGER, LATER, "No longer needed")

    assert freed(change) == HELD
    assert change.after.reservation_status is ReservationStatus.RELEASED
    assert (change.after.is_reserved, change.after.is_expired) == (False, False)


def test_an_expired_hold_gives_all_of_it_back() -> None:
    change = reservations.expire(approved().after, SWEEPER, END)

    assert freed(change) == HELD
    assert change.after.reservation_status is ReservationStatus.EXPIRED
    assert (change.after.is_reserved, change.after.is_expired) == (False, True)


def test_a_hold_does_not_expire_before_its_time() -> None:
    with pytest.raises(InvalidStatusError):
        reservations.expire(approved().after, SWEEPER, END - timedelta(microseconds=1))


@pytest.mark.parametrize("move", ENDS)
@pytest.mark.parametrize("end", ENDED)
def test_a_hold_ends_once_and_says_which_way(end: str, move: str) -> None:
    with pytest.raises(ALREADY[end]):
        ENDS[move](ENDED[end], END)


@pytest.mark.parametrize("move", ["consume", "release"])
def test_a_hold_past_its_expiry_is_gone_before_anyone_swept_it(move: str) -> None:
    with pytest.raises(AlreadyExpiredError):
        ENDS[move](approved().after, END)
    assert ENDS[move](approved().after, END - timedelta(microseconds=1))


@pytest.mark.parametrize("move", ENDS)
@pytest.mark.parametrize(
    "request_", [draft(), waiting(), rejected().after, cancel(waiting()).after]
)
def test_what_holds_nothing_has_nothing_to_end(request_: BudgetRequest, move: str) -> None:
    with pytest.raises(InvalidStatusError, match=f"it is {request_.standing}"):
        ENDS[move](request_, END)


@pytest.mark.parametrize(
    ("change", "event", "action", "told"),
    [
        (
            reservations.consume(approved().after, Decimal(500), LEDGER, LATER),
            EventType.RESERVATION_CONSUMED,
            AuditAction.CONSUME,
            {"consumedAmount": 500, "freedAmount": 52000, "consumedBy": LEDGER.id},
        ),
        (
            reservations.release(approved().after, LEDGER, LATER, "No longer needed"),
            EventType.RESERVATION_RELEASED,
            AuditAction.RELEASE,
            {"releasedAmount": 52500, "reason": "No longer needed"},
        ),
        (
            reservations.expire(approved().after, SWEEPER, END),
            EventType.RESERVATION_EXPIRED,
            AuditAction.EXPIRE,
            {"expiredAmount": 52500, "reservationExpiry": "2026-06-08T12:01:00.000Z"},
        ),
        (
            reservations.warn(approved().after, SWEEPER, A_WEEK_BEFORE),
            EventType.RESERVATION_EXPIRING,
            AuditAction.WARN_OF_EXPIRY,
            {"reservedAmount": 52500, "reservationExpiry": "2026-06-08T12:01:00.000Z"},
        ),
    ],
    ids=["consumed", "released", "expired", "expiring"],
)
def test_each_end_is_told_by_its_own_name(
    change: Change, event: EventType, action: AuditAction, told: dict[str, object]
) -> None:
    (only,) = change.events
    assert change.before
    hold = {
        "holdEventId": change.before.hold_event_id,
        "fiscalYear": 2026,
        "fiscalPeriod": "Q1",
    }
    assert only.type is event
    assert only.data == told | hold
    assert change.audit.action is action
    assert change.after.history[-1].changed_by == change.audit.performed_by


def test_only_a_service_that_is_good_for_it_ends_a_hold() -> None:
    request = approved().after
    consumer, releaser = (
        service(Scope.RESERVATIONS_CONSUME),
        service(Scope.RESERVATIONS_RELEASE),
    )
    elsewhere = LEDGER.model_copy(update={"departments": ("hr",)})
    for by in (CLERK, ADMIN, SUPERADMIN, SWEEPER, releaser, elsewhere):
        with pytest.raises(ForbiddenError):
            reservations.consume(request, None, by, LATER)
    for by in (CLERK, ADMIN, SUPERADMIN, SWEEPER, consumer, elsewhere):
        with pytest.raises(ForbiddenError):
            reservations.release(request, by, LATER, None)
    assert reservations.consume(request, None, consumer, LATER)
    assert reservations.release(request, releaser, LATER, None)


@pytest.mark.parametrize("by", [CLERK, ADMIN, SUPERADMIN, service(*Scope)])
def test_only_the_service_itself_lets_holds_expire(by: Actor) -> None:
    assert service(*Scope).departments == DEPARTMENTS
    with pytest.raises(ForbiddenError):
        reservations.expire(approved().after, by, END)
    with pytest.raises(ForbiddenError):
        reservations.warn(approved().after, by, A_WEEK_BEFORE)


def test_access_is_judged_before_the_state_is_told() -> None:
    with pytest.raises(ForbiddenError):
        reservations.consume(ENDED["released"], None, CLERK, LATER)


def test_of_an_expiry_it_is_told_a_week_before_and_once() -> None:
    request = approved().after
    with pytest.raises(InvalidStatusError):
        reservations.warn(request, SWEEPER, A_WEEK_BEFORE - timedelta(microseconds=1))

    change = reservations.warn(request, SWEEPER, A_WEEK_BEFORE)

    assert change.release is None
    assert (change.after.is_reserved, change.after.expiry_warned_at) == (True, A_WEEK_BEFORE)
    with pytest.raises(InvalidStatusError):
        reservations.warn(change.after, SWEEPER, END - timedelta(days=1))
    with pytest.raises(AlreadyExpiredError):
        reservations.warn(request, SWEEPER, END)


def test_a_hold_past_its_expiry_is_shown_as_expired_though_not_swept() -> None:
    request = approved().after
    row = Summary.of(request)
    just_before = END - timedelta(microseconds=1)
    assert reservations.as_of(request, just_before) == request
    assert reservations.as_of(row, just_before) == row

    for seen in (reservations.as_of(request, END), reservations.as_of(row, END)):
        assert (seen.is_reserved, seen.is_expired) == (False, True)
        assert seen.reservation_status is ReservationStatus.EXPIRED
        assert seen.version == request.version


@pytest.mark.parametrize("request_", [waiting(), *ENDED.values()])
def test_nothing_else_is_shown_otherwise_as_time_goes_by(request_: BudgetRequest) -> None:
    assert reservations.as_of(request_, END) == request_


@pytest.mark.parametrize("first_month", [1, 4, 12])
def test_nothing_of_a_budget_can_have_expired_before_the_earliest_hold_of_it(
    first_month: int,
) -> None:
    calendar = FiscalCalendar(first_month=first_month)
    quarter = calendar.quarter_of(LATER)
    key = BudgetKey.of("finance", quarter)
    earliest = reservations.held(HELD, ZERO, calendar.begins(quarter), event_id="evt_1_3")
    ends: datetime = earliest["reservation_expiry"]

    assert not reservations.may_have_expired(key, ends - timedelta(microseconds=1), calendar)
    assert reservations.may_have_expired(key, ends, calendar)


def test_cancelling_releases_what_is_held() -> None:
    change = cancel(approved().after)

    assert freed(change) == HELD
    assert change.after.reservation_status is ReservationStatus.RELEASED
    assert [event.type for event in change.events] == [
        EventType.CANCELLED,
        EventType.RESERVATION_RELEASED,
    ]
    assert change.events[1].data["reason"] == "No longer needed"


def test_cancelling_past_the_expiry_tells_that_it_expired() -> None:
    change = cancel(approved().after, END)

    assert freed(change) == HELD
    assert change.after.reservation_status is ReservationStatus.EXPIRED
    assert (change.after.is_reserved, change.after.is_expired) == (False, True)
    assert [event.type for event in change.events] == [
        EventType.CANCELLED,
        EventType.RESERVATION_EXPIRED,
    ]


@pytest.mark.parametrize("end", ["released", "expired"])
def test_cancelling_what_holds_nothing_any_more_frees_nothing(end: str) -> None:
    change = cancel(ENDED[end], END)

    assert change.release is None
    assert [event.type for event in change.events] == [EventType.CANCELLED]
    assert change.after.status is Status.CANCELLED
    assert change.after.reservation_status is ENDED[end].reservation_status


def test_what_was_consumed_cannot_be_cancelled() -> None:
    with pytest.raises(AlreadyConsumedError):
        cancel(ENDED["consumed"])
    with pytest.raises(ForbiddenError):
        transitions.cancel(ENDED["consumed"], Cancellation(), SUPERADMIN, LATER)
