"""The verbs of a budget request's life: create, view, submit, approve, reject, cancel."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain import access, reservations, transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Approval, Cancellation, NewRequest, Rejection
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import BusyError
from chalicelib.domain.events import AuditAction, audit_entry
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases import budgets
from chalicelib.usecases import reservations as reservation_verbs
from chalicelib.usecases.caching import Cache
from chalicelib.usecases.ports import AuditQueue, BudgetStore, DueRequests, Finance, RequestStore
from chalicelib.usecases.remedies import for_want_of_money, remedied
from chalicelib.usecases.writing import Writing


def create(
    new: NewRequest,
    *,
    by: Actor,
    at: datetime,
    writing: Writing,
    calendar: FiscalCalendar,
    due: DueRequests,
    budget_store: BudgetStore,
    finance: Finance,
) -> BudgetRequest:
    """Create a draft with the picture of its department's budget; raises ForbiddenError.

    Three round trips: the budget, the sequence, the write; on the last days of a quarter, also the
    look for holds that have expired. Finance is asked only when what is known of the budget is old,
    and its silence does not stop anyone from asking for money.
    """
    access.may_create(by, new.department)  # before a number is used up
    key = BudgetKey.of(new.department, calendar.quarter_of(at))
    known = budgets.current(
        key,
        by=by,
        at=at,
        store=budget_store,
        finance=finance,
        due=due,
        requests=writing.store,
    )
    sequence = writing.store.next_sequence(at.year)
    picture = reservation_verbs.picture(known, at, calendar=calendar, due=due, store=writing.store)
    return writing.commit(
        transitions.create(new, by, at, sequence=sequence, calendar=calendar, budget=picture)
    )


def view(
    request_id: int,
    *,
    by: Actor,
    at: datetime,
    call_id: str,
    store: RequestStore,
    audit: AuditQueue,
) -> BudgetRequest:
    """Return a request `by` may see, and tell Audit; `call_id` makes a repeat recognisable.

    Raises RequestNotFoundError, ForbiddenError.
    """
    return _seen(store.get(request_id), by, at, call_id, audit)


@dataclass(frozen=True)
class InFull:
    """A request with its newest mails; `is_cached` where these were parsed by an earlier call."""

    request: BudgetRequest
    notifications: tuple[Notification, ...]
    is_cached: bool = False


def view_in_full(
    request_id: int,
    *,
    mails: int,
    by: Actor,
    at: datetime,
    call_id: str,
    store: RequestStore,
    cache: Cache[InFull],
    audit: AuditQueue,
) -> InFull:
    """Return a request and its newest mails, as `view` does, in one round trip.

    It is read each time, so that nothing is hidden; what is cached is the reading of its text.
    """
    stored = store.get_with_mails(request_id, mails=mails)
    known = cache.find(request_id, stored.text)
    found = known or InFull(*stored.open())
    if not known:
        cache.keep(request_id, stored.text, found)
    seen = _seen(found.request, by, at, call_id, audit)
    return InFull(seen, found.notifications, is_cached=known is not None)


def _seen(
    request: BudgetRequest, by: Actor, at: datetime, call_id: str, audit: AuditQueue
) -> BudgetRequest:
    access.may_see(by, department=request.department, requested_by=request.requested_by)
    audit.send(
        audit_entry(
            entry_id=f"aud_{call_id}",
            at=at,
            action=AuditAction.VIEW,
            by=by,
            record_id=str(request.id),
            record_code=request.request_code,
        )
    )
    return reservations.as_of(request, at)


def submit(
    request_id: int, *, by: Actor, at: datetime, review_days: ReviewDays, writing: Writing
) -> BudgetRequest:
    """Send a draft to review.

    Raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError,
    ConflictError.
    """
    return writing.write(request_id, lambda r: transitions.submit(r, by, at, review_days))


def approve(
    request_id: int,
    approval: Approval,
    *,
    by: Actor,
    at: datetime,
    writing: Writing,
    due: DueRequests,
    budget_store: BudgetStore,
    finance: Finance,
) -> BudgetRequest:
    """Approve and hold the money in the same transaction.

    Before it is refused for lack of money, holds that have expired give back theirs; before it is
    refused for want of a budget, Finance is asked once more.

    Raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError,
    ConflictError, InsufficientBudgetError; BudgetUnknownError when Finance knows no such budget
    either.
    """
    change = writing.decided(request_id, lambda r: transitions.approve(r, approval, by, at))
    if approval.override:
        return _override(change, at, writing, due, budget_store)
    remedies = for_want_of_money(
        {change.after.budget_key},
        by=by,
        at=at,
        due=due,
        store=writing.store,
        budget_store=budget_store,
        finance=finance,
    )
    return remedied(lambda: writing.commit(change), remedies)


def _override(
    change: Change, at: datetime, writing: Writing, due: DueRequests, budget_store: BudgetStore
) -> BudgetRequest:
    """Hold the money whatever there is, and have it told where that is more than there is.

    What is known of it is put right first, so that what comes about now is news, and no hold that
    has expired makes it. Where others are too busy with the budget, the next sync tells.
    """
    key = change.after.budget_key
    with suppress(BusyError):
        reservation_verbs.sweep(key, at, due=due, store=writing.store)
        budget_store.note_commitment(key, at)
    approved = writing.commit(change)
    with suppress(BusyError):
        budget_store.note_commitment(key, at)
    return approved


def reject(
    request_id: int, rejection: Rejection, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Reject with a reason; raises as `submit` does."""
    return writing.write(request_id, lambda r: transitions.reject(r, rejection, by, at))


def cancel(
    request_id: int, cancellation: Cancellation, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Cancel, freeing what is held in the same transaction.

    Raises as `submit` does, and AlreadyConsumedError.
    """
    return writing.write(request_id, lambda r: transitions.cancel(r, cancellation, by, at))
