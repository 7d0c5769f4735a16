"""Routes of a budget request's life (SPEC.md 3)."""

from http import HTTPStatus

from chalicelib import bootstrap
from chalicelib.domain.content import Approval, Cancellation, NewRequest, Rejection
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
        message="Budget request created successfully",
    )
    def create(call: Call[NewRequest]) -> Answer:
        return views.request(
            usecase.create(
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                budget_store=bootstrap.budgets(),
                finance=bootstrap.finance(),
                receipt=call.receipt(views.request),
            )
        )

    @api.route("GET", "/budget-requests/{id}", message="Budget request retrieved successfully")
    def get(call: Call) -> Answer:
        request = usecase.view(
            call.request_id,
            by=call.actor,
            at=call.at,
            call_id=call.id,
            store=bootstrap.requests(),
            audit=bootstrap.audit_queue(),
        )
        notifications = bootstrap.notifications().latest(request.id, RECENT_NOTIFICATIONS)
        return views.request_in_full(request, notifications)

    @api.route(
        "POST",
        "/budget-requests/{id}/submit",
        message="Budget request submitted successfully",
    )
    def submit(call: Call) -> Answer:
        return views.request(
            usecase.submit(
                call.request_id,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                expected=call.expected,
                receipt=call.receipt(views.request),
            )
        )

    @api.route(
        "POST",
        "/budget-requests/{id}/approve",
        takes=Approval,
        message="Budget request approved successfully",
    )
    def approve(call: Call[Approval]) -> Answer:
        return views.request(
            usecase.approve(
                call.request_id,
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                budget_store=bootstrap.budgets(),
                finance=bootstrap.finance(),
                expected=call.expected,
                receipt=call.receipt(views.request),
            )
        )

    @api.route(
        "POST",
        "/budget-requests/{id}/reject",
        takes=Rejection,
        message="Budget request rejected successfully",
    )
    def reject(call: Call[Rejection]) -> Answer:
        return views.request(
            usecase.reject(
                call.request_id,
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                expected=call.expected,
                receipt=call.receipt(views.request),
            )
        )

    @api.route(
        "POST",
        "/budget-requests/{id}/cancel",
        takes=Cancellation,
        message="Budget request cancelled successfully",
    )
    def cancel(call: Call[Cancellation]) -> Answer:
        return views.request(
            usecase.cancel(
                call.request_id,
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                expected=call.expected,
                receipt=call.receipt(views.request),
            )
        )
