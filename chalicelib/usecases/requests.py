"""The verbs of a budget request's life: create, view, submit, approve, reject, cancel."""

from datetime import datetime

from chalicelib.domain import access
from chalicelib.domain import requests as domain
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey, BudgetPicture
from chalicelib.domain.content import Approval, Cancellation, NewRequest, Rejection
from chalicelib.domain.errors import BudgetUnknownError
from chalicelib.domain.events import AuditAction, audit_entry
from chalicelib.domain.fiscal import fiscal_year_and_period
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases import budgets
from chalicelib.usecases.ports import AuditQueue, BudgetStore, Finance, RequestStore
from chalicelib.usecases.writing import ReceiptFor, commit, read, write


def create(
    new: NewRequest,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    budget_store: BudgetStore,
    finance: Finance,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Create a draft with the picture of its department's budget; raises ForbiddenError.

    Three round trips: the budget, the sequence, the write. Finance is asked only when what is
    known of the budget is old, and its silence does not stop anyone from asking for money.
    """
    access.may_create(by, new.department)  # before a number is used up
    year, period = fiscal_year_and_period(at)
    key = BudgetKey(department=new.department, fiscal_year=year, fiscal_period=period)
    known = budgets.current(key, at=at, store=budget_store, finance=finance)
    change = domain.create(
        new,
        by=by,
        at=at,
        sequence=store.next_sequence(at.year),
        budget=BudgetPicture(budget=known),
    )
    return commit(change, store, receipt)


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
    request = store.get(request_id)
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
    return request


def submit(
    request_id: int,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Send a draft to review; raises RequestNotFoundError, ForbiddenError, InvalidStatusError."""
    return write(
        request_id, lambda r: r.submit(by, at), store=store, expected=expected, receipt=receipt
    )


def approve(
    request_id: int,
    approval: Approval,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    budget_store: BudgetStore,
    finance: Finance,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Approve and hold the money in the same transaction.

    Raises RequestNotFoundError, ForbiddenError, InvalidStatusError, ConflictError,
    InsufficientBudgetError; BudgetUnknownError when Finance knows no such budget either.
    """
    change = read(request_id, store=store, expected=expected).approve(approval, by, at)
    try:
        return commit(change, store, receipt)
    except BudgetUnknownError:
        # Created while Finance was down, perhaps: ask once more before refusing.
        key = change.after.budget_key
        if budgets.refresh(key, at=at, store=budget_store, finance=finance):
            return commit(change, store, receipt)
        raise


def reject(
    request_id: int,
    rejection: Rejection,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Reject with a reason.

    Raises RequestNotFoundError, ForbiddenError, InvalidStatusError, ConflictError.
    """
    return write(
        request_id,
        lambda r: r.reject(rejection, by, at),
        store=store,
        expected=expected,
        receipt=receipt,
    )


def cancel(
    request_id: int,
    cancellation: Cancellation,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    expected: int | None = None,
    receipt: ReceiptFor | None = None,
) -> BudgetRequest:
    """Cancel, freeing what is held in the same transaction.

    Raises RequestNotFoundError, ForbiddenError, InvalidStatusError, ConflictError.
    """
    return write(
        request_id,
        lambda r: r.cancel(cancellation, by, at),
        store=store,
        expected=expected,
        receipt=receipt,
    )
