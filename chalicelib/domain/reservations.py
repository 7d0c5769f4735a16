"""Holds: money a request keeps from others until it is consumed, released, or expires (SPEC.md 4).

Each hold ends at most once. What of it was not consumed is free again from that moment on; past
its expiry it counts no more, whether or not anyone has written that down yet (`as_of`).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from chalicelib.domain import access
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.budgets import BudgetKey, Release
from chalicelib.domain.changes import Change, News, Step
from chalicelib.domain.errors import (
    AlreadyConsumedError,
    AlreadyExpiredError,
    AlreadyReleasedError,
    FieldError,
    InvalidInputError,
    InvalidStatusError,
)
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.listing import Summary
from chalicelib.domain.money import ZERO
from chalicelib.domain.requests import BudgetRequest, ReservationStatus

#: A hold lasts this long from its approval (SPEC.md 3).
RESERVATION_DAYS = 90

#: So long before its expiry the requester is told of it.
WARNING_DAYS = 7

_Holder = TypeVar("_Holder", BudgetRequest, Summary)


def held(amount: Decimal, buffer: Decimal, at: datetime, *, event_id: str) -> dict[str, Any]:
    """Return the fields of a request that holds `amount`, its `buffer` included, from `at` on."""
    return {
        "reserved_amount": amount,
        "buffer_amount": buffer,
        "is_reserved": True,
        "reserved_at": at,
        "reservation_expiry": at + timedelta(days=RESERVATION_DAYS),
        "reservation_status": ReservationStatus.HELD,
        "hold_event_id": event_id,
    }


def is_past_expiry(holder: BudgetRequest | Summary, at: datetime) -> bool:
    """Whether something is held that counts no more at `at`."""
    expiry = holder.reservation_expiry
    return holder.is_reserved and expiry is not None and at >= expiry


def may_have_expired(key: BudgetKey, at: datetime, calendar: FiscalCalendar) -> bool:
    """Whether anything that a budget's requests ever held may have expired by `at`.

    A request is of the quarter it was created in, so that none holds money before that begins.
    """
    return at >= calendar.begins(key.quarter) + timedelta(days=RESERVATION_DAYS)


def warning_time(holder: BudgetRequest) -> datetime | None:
    """Return when the requester is to be told of the expiry; None for never, or not again."""
    if not (holder.is_reserved and holder.reservation_expiry) or holder.expiry_warned_at:
        return None
    return holder.reservation_expiry - timedelta(days=WARNING_DAYS)


def as_of(holder: _Holder, at: datetime) -> _Holder:
    """Return what is to be shown at `at`: a hold past its expiry has expired, swept or not."""
    return holder.model_copy(update=_EXPIRED) if is_past_expiry(holder, at) else holder


def consume(request: BudgetRequest, amount: Decimal | None, by: Actor, at: datetime) -> Change:
    """Return the Change that uses up a hold: `amount` of it, or all; the rest is free again.

    Raises ForbiddenError; InvalidInputError for more than is held, or nothing;
    InvalidStatusError where nothing was ever held; AlreadyConsumedError, AlreadyReleasedError,
    AlreadyExpiredError.
    """
    access.may_end_hold(by, Scope.RESERVATIONS_CONSUME, request.department)
    hold = _of(request, at)
    consumed = hold.amount if amount is None else amount
    if not ZERO < consumed <= hold.amount:
        wrong = f"must be more than 0 and at most {hold.amount}, which is held"
        raise InvalidInputError((FieldError("amount", wrong),))
    freed = hold.amount - consumed
    told = {
        "consumedAmount": consumed,
        "freedAmount": freed,
        "consumedBy": by.id,
        **_budget_of(hold),
    }
    return Step(request, by, at, AuditAction.CONSUME, "RESERVATION_CONSUMED").to(
        {
            "is_reserved": False,
            "reservation_status": ReservationStatus.CONSUMED,
            "consumed_amount": consumed,
        },
        (EventType.RESERVATION_CONSUMED, told),
        release=hold.model_copy(update={"amount": freed}) if freed else None,
    )


def release(request: BudgetRequest, by: Actor, at: datetime, reason: str | None) -> Change:
    """Return the Change that gives all of a hold back.

    Raises ForbiddenError; InvalidStatusError where nothing was ever held; AlreadyConsumedError,
    AlreadyReleasedError, AlreadyExpiredError.
    """
    access.may_end_hold(by, Scope.RESERVATIONS_RELEASE, request.department)
    hold = _of(request, at)
    return Step(request, by, at, AuditAction.RELEASE, "RESERVATION_RELEASED").to(
        _RELEASED, _release_news(hold, reason), comments=reason, release=hold
    )


def expire(request: BudgetRequest, by: Actor, at: datetime) -> Change:
    """Return the Change that writes down that a hold has expired, and gives all of it back.

    Raises ForbiddenError; InvalidStatusError where nothing was ever held, or its time has not
    come; AlreadyConsumedError, AlreadyReleasedError, AlreadyExpiredError.
    """
    access.may_act_on_time(by)
    hold = _unended(request)
    if not is_past_expiry(request, at):
        raise InvalidStatusError("What this budget request holds has not expired yet")
    return Step(request, by, at, AuditAction.EXPIRE, "RESERVATION_EXPIRED").to(
        _EXPIRED, _expiry_news(request, hold), release=hold
    )


def warn(request: BudgetRequest, by: Actor, at: datetime) -> Change:
    """Return the Change that tells, once, that a hold is about to expire.

    Raises ForbiddenError; InvalidStatusError where nothing was ever held, its time has not come,
    or it has been told; AlreadyConsumedError, AlreadyReleasedError, AlreadyExpiredError.
    """
    access.may_act_on_time(by)
    hold = _of(request, at)
    time = warning_time(request)
    if time is None or at < time:
        raise InvalidStatusError("Of the expiry of this hold there is nothing to tell now")
    told = {
        "reservedAmount": hold.amount,
        "reservationExpiry": request.reservation_expiry,
        **_budget_of(hold),
    }
    return Step(request, by, at, AuditAction.WARN_OF_EXPIRY, "EXPIRY_ANNOUNCED").to(
        {"expiry_warned_at": at}, (EventType.RESERVATION_EXPIRING, told)
    )


def given_up(
    request: BudgetRequest, at: datetime, reason: str | None
) -> tuple[dict[str, Any], tuple[News, ...], Release | None]:
    """Return what giving up an approved request makes of its hold: fields, news, and money.

    What has been given back already stays as it is. Raises AlreadyConsumedError.
    """
    if request.reservation_status is ReservationStatus.CONSUMED:
        raise AlreadyConsumedError
    if not request.is_reserved:
        return {}, (), None
    hold = _unended(request)
    if is_past_expiry(request, at):
        return _EXPIRED, (_expiry_news(request, hold),), hold
    return _RELEASED, (_release_news(hold, reason),), hold


_RELEASED: dict[str, Any] = {
    "is_reserved": False,
    "reservation_status": ReservationStatus.RELEASED,
}
_EXPIRED: dict[str, Any] = {
    "is_reserved": False,
    "is_expired": True,
    "reservation_status": ReservationStatus.EXPIRED,
}

_ENDED = {
    ReservationStatus.CONSUMED: AlreadyConsumedError,
    ReservationStatus.RELEASED: AlreadyReleasedError,
    ReservationStatus.EXPIRED: AlreadyExpiredError,
}


def _of(request: BudgetRequest, at: datetime) -> Release:
    """Return what is held at `at`."""
    hold = _unended(request)
    if is_past_expiry(request, at):
        raise AlreadyExpiredError
    return hold


def _unended(request: BudgetRequest) -> Release:
    """Return what is held, if only on paper, as what its end would give back."""
    if request.reservation_status in _ENDED:
        raise _ENDED[request.reservation_status]
    if not (request.is_reserved and request.reserved_amount and request.hold_event_id):
        raise InvalidStatusError(f"This budget request holds nothing; it is {request.standing}")
    return Release(
        key=request.budget_key, amount=request.reserved_amount, hold_event_id=request.hold_event_id
    )


def _release_news(hold: Release, reason: str | None) -> News:
    told = {"releasedAmount": hold.amount, "reason": reason, **_budget_of(hold)}
    return EventType.RESERVATION_RELEASED, told


def _expiry_news(request: BudgetRequest, hold: Release) -> News:
    told = {
        "expiredAmount": hold.amount,
        "reservationExpiry": request.reservation_expiry,
        **_budget_of(hold),
    }
    return EventType.RESERVATION_EXPIRED, told


def _budget_of(hold: Release) -> dict[str, Any]:
    return {
        "holdEventId": hold.hold_event_id,
        "fiscalYear": hold.key.fiscal_year,
        "fiscalPeriod": hold.key.fiscal_period,
    }
