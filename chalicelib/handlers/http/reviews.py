"""Routes of reviewers: many approvals at once, and what one would hold (SPEC.md 3)."""

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.budgets import Funds
from chalicelib.domain.content import Approval, BulkApproval, FundsQuery
from chalicelib.domain.errors import BulkRefusedError, BusyError, ConflictError, InvalidStatusError
from chalicelib.domain.requests import BudgetRequest
from chalicelib.handlers.http import views
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.handlers.http.requests import viewed
from chalicelib.usecases import reviews

#: What a bulk approval says of each request.
BULK_RESULT = Shown(
    "BulkResult",
    BudgetRequest,
    only=frozenset({"id", "request_code", "status", "reserved_amount", "version"}),
)


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/budget-requests/bulk-approve",
        takes=BulkApproval,
        summary="Approve up to 25, all or none",
        message="All budget requests approved successfully",
        gives=ManyOf(BULK_RESULT),
        raises=(BulkRefusedError, ConflictError, BusyError, *views.MONEY_ERRORS),
    )
    def bulk_approve(call: Call[BulkApproval]) -> Answer:
        return _results(
            reviews.approve_many(
                call.body,
                by=call.actor,
                at=call.at,
                store=bootstrap.requests(),
                due=bootstrap.due_requests(),
                budget_store=bootstrap.budgets(),
                finance=bootstrap.finance(),
                receipt=call.receipt(_results),
            )
        )

    @api.route(
        "GET",
        "/budget-requests/{id}/funds",
        asks=FundsQuery,
        scope=Scope.REQUESTS_READ,
        summary="Dry run of approve: what would be held, and what would be left",
        message="What an approval would hold, and what it would leave",
        gives=Funds,
        raises=(InvalidStatusError,),
    )
    def funds(call: Call[Nothing, FundsQuery]) -> Answer:
        approval = Approval(
            reserved_amount=call.query.reserved_amount,
            buffer_percentage=call.query.buffer_percentage,
        )
        found = reviews.funds(
            viewed(call),
            approval,
            by=call.actor,
            at=call.at,
            store=bootstrap.requests(),
            due=bootstrap.due_requests(),
            budget_store=bootstrap.budgets(),
            finance=bootstrap.finance(),
        )
        return Answer(found.model_dump())


def _results(approved: tuple[BudgetRequest, ...]) -> Answer:
    return Answer([BULK_RESULT.of(request) for request in approved])
