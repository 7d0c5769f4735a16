"""Routes of a budget request's life (SPEC.md 3)."""

from http import HTTPStatus
from typing import Any

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.content import Approval, Cancellation, NewRequest, Rejection
from chalicelib.domain.errors import AlreadyConsumedError, BusyError, ConflictError
from chalicelib.domain.requests import BudgetRequest
from chalicelib.handlers.http import views
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import requests as usecase

#: Notifications shown with a request (SPEC.md 3).
RECENT_NOTIFICATIONS = 5


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/budget-requests",
        takes=NewRequest,
        status=HTTPStatus.CREATED,
        scope=Scope.REQUESTS_WRITE,
        is_creation=True,
        summary="Create a draft in your own department",
        message="Budget request created successfully",
        gives=views.REQUEST,
        raises=(ConflictError, BusyError),
        etag=True,
    )
    def create(call: Call[NewRequest]) -> Answer:
        created = usecase.create(
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(views.request),
            calendar=bootstrap.calendar(),
            due=bootstrap.due_requests(),
            budget_store=bootstrap.budgets(),
            finance=bootstrap.finance(),
        )
        return views.request(created)

    @api.route(
        "GET",
        "/budget-requests/{id}",
        scope=Scope.REQUESTS_READ,
        summary="Read one, with its items, last 10 history entries and last 5 notifications",
        message="Budget request retrieved successfully",
        gives=views.REQUEST_IN_FULL,
        etag=True,
        may_be_cached=True,
    )
    def get(call: Call) -> Answer:
        seen = usecase.view_in_full(
            call.request_id,
            mails=RECENT_NOTIFICATIONS,
            by=call.actor,
            at=call.at,
            call_id=call.id,
            store=bootstrap.requests(),
            cache=bootstrap.request_cache(),
            audit=bootstrap.audit_queue(),
        )
        return views.request_in_full(seen.request, seen.notifications, is_cached=seen.is_cached)

    @api.route(
        "POST",
        "/budget-requests/{id}/submit",
        summary="Send a draft to review",
        message="Budget request submitted successfully",
        gives=views.REQUEST,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def submit(call: Call) -> Answer:
        submitted = usecase.submit(
            call.request_id,
            by=call.actor,
            at=call.at,
            review_days=bootstrap.review_days(),
            writing=call.writing(views.request),
        )
        return views.request(submitted)

    @api.route(
        "POST",
        "/budget-requests/{id}/approve",
        takes=Approval,
        summary="Approve, and hold the money",
        message="Budget request approved successfully",
        gives=views.REQUEST,
        raises=(*views.STATE_ERRORS, *views.MONEY_ERRORS),
        etag=True,
    )
    def approve(call: Call[Approval]) -> Answer:
        approved = usecase.approve(
            call.request_id,
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(views.request),
            due=bootstrap.due_requests(),
            budget_store=bootstrap.budgets(),
            finance=bootstrap.finance(),
        )
        return views.request(approved)

    @api.route(
        "POST",
        "/budget-requests/{id}/reject",
        takes=Rejection,
        summary="Reject, saying why",
        message="Budget request rejected successfully",
        gives=views.REQUEST,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def reject(call: Call[Rejection]) -> Answer:
        rejected = usecase.reject(
            call.request_id,
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(views.request),
        )
        return views.request(rejected)

    @api.route(
        "POST",
        "/budget-requests/{id}/cancel",
        takes=Cancellation,
        summary="Cancel; an approved one frees what it holds",
        message="Budget request cancelled successfully",
        gives=views.REQUEST,
        raises=(*views.STATE_ERRORS, AlreadyConsumedError),
        etag=True,
    )
    def cancel(call: Call[Cancellation]) -> Answer:
        cancelled = usecase.cancel(
            call.request_id,
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(views.request),
        )
        return views.request(cancelled)


def viewed(call: Call[Any, Any]) -> BudgetRequest:
    """Return the request the path names, where the caller may see it, and tell Audit."""
    return usecase.view(
        call.request_id,
        by=call.actor,
        at=call.at,
        call_id=call.id,
        store=bootstrap.requests(),
        audit=bootstrap.audit_queue(),
    )
