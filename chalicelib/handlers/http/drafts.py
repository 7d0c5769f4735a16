"""Routes of drafts: changing them and throwing them away (SPEC.md 3)."""

from chalicelib import bootstrap
from chalicelib.domain.content import DraftChange
from chalicelib.handlers.http import views
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import drafts


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "PUT",
        "/budget-requests/{id}",
        takes=DraftChange,
        summary="Change the fields that are named; items replace all lines",
        message="Budget request updated successfully",
        gives=views.REQUEST,
        raises=views.STATE_ERRORS,
        etag=True,
    )
    def update(call: Call[DraftChange]) -> Answer:
        updated = drafts.update(
            call.request_id,
            call.body,
            by=call.actor,
            at=call.at,
            writing=call.writing(),
            calendar=bootstrap.calendar(),
            due=bootstrap.due_requests(),
            budget_store=bootstrap.budgets(),
        )
        return views.request(updated)

    @api.route(
        "DELETE",
        "/budget-requests/{id}",
        summary="Throw a draft away",
        message="Budget request deleted successfully",
        gives=views.DELETED_REQUEST,
        raises=views.STATE_ERRORS,
    )
    def delete(call: Call) -> Answer:
        deleted = drafts.delete(call.request_id, by=call.actor, at=call.at, writing=call.writing())
        return Answer(views.DELETED_REQUEST.of(deleted))
