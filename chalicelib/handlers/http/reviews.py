"""Routes of reviewers: many approvals at once, and what one would hold (SPEC.md 3)."""

from chalicelib import bootstrap
from chalicelib.domain.content import Approval, BulkApproval, FundsQuery
from chalicelib.domain.requests import BudgetRequest
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.usecases import reviews


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/budget-requests/bulk-approve",
        takes=BulkApproval,
        message="All budget requests approved successfully",
    )
    def bulk_approve(call: Call[BulkApproval]) -> Answer:
        return _results(
            reviews.approve_many(
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                receipt=call.receipt(_results),
            )
        )

    @api.route(
        "GET",
        "/budget-requests/{id}/funds",
        asks=FundsQuery,
        message="What an approval would hold, and what it would leave",
    )
    def funds(call: Call[Nothing, FundsQuery]) -> Answer:
        approval = Approval(
            reserved_amount=call.query.reserved_amount,
            buffer_percentage=call.query.buffer_percentage,
        )
        found = reviews.funds(
            call.request_id,
            approval,
            by=call.actor,
            store=bootstrap.requests(),
            budget_store=bootstrap.budgets(),
        )
        return Answer(found.model_dump())


def _results(approved: tuple[BudgetRequest, ...]) -> Answer:
    fields = {"id", "request_code", "status", "reserved_amount", "version"}
    return Answer([request.model_dump(include=fields) for request in approved])
