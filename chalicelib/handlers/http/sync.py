"""Routes that have Finance's figures fetched, or say how old they are (SPEC.md 4)."""

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import (
    BudgetUnknownError,
    BusyError,
    DepartmentNotFoundError,
    FinanceUnavailableError,
)
from chalicelib.domain.overviews import Freshness, QuarterQuery, SyncOrder, SyncResult
from chalicelib.handlers.http.answers import ManyOf
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.usecases import overviews as usecase


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        "/sync/status",
        asks=QuarterQuery,
        scope=Scope.SYNC_RUN,
        summary="How old Finance's figures are; Finance is not asked",
        message="Sync status retrieved successfully",
        gives=ManyOf(Freshness),
    )
    def status(call: Call[Nothing, QuarterQuery]) -> Answer:
        found = usecase.freshness(call.query, by=call.actor, at=call.at, books=bootstrap.books())
        return Answer([each.model_dump() for each in found])

    @api.route(
        "POST",
        "/sync/budgets",
        takes=SyncOrder,
        acts_first=True,
        scope=Scope.SYNC_RUN,
        summary="Fetch the budgets you may sync from Finance, and say how each went",
        message="Finance was asked for each budget",
        gives=ManyOf(SyncResult),
    )
    def sync_all(call: Call[SyncOrder]) -> Answer:
        return _all(
            usecase.sync_all(
                call.body,
                by=call.actor,
                at=call.at,
                books=bootstrap.books(),
                audit=bootstrap.audit_queue(),
                receipts=bootstrap.receipts(),
                receipt=call.receipt(_all),
            )
        )

    @api.route(
        "POST",
        "/sync/budgets/{department}",
        takes=SyncOrder,
        acts_first=True,
        scope=Scope.SYNC_RUN,
        summary="Fetch a department's budget from Finance",
        message="Budget synced successfully",
        gives=SyncResult,
        raises=(DepartmentNotFoundError, FinanceUnavailableError, BudgetUnknownError, BusyError),
    )
    def sync_one(call: Call[SyncOrder]) -> Answer:
        return _one(
            usecase.sync_one(
                call.path["department"],
                call.body,
                by=call.actor,
                at=call.at,
                books=bootstrap.books(),
                audit=bootstrap.audit_queue(),
                receipts=bootstrap.receipts(),
                receipt=call.receipt(_one),
            )
        )


def _one(result: SyncResult) -> Answer:
    return Answer(result.model_dump())


def _all(results: tuple[SyncResult, ...]) -> Answer:
    return Answer([result.model_dump() for result in results])
