"""Departments in figures, for their admins (SPEC.md 4)."""

from chalicelib import bootstrap
from chalicelib.domain.aggregates import Trend
from chalicelib.domain.analytics import Dashboard, DepartmentAnalytics, TrendQuery
from chalicelib.domain.errors import DepartmentNotFoundError
from chalicelib.domain.overviews import QuarterQuery
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.usecases import analytics as usecase
from chalicelib.usecases.analytics import Sources


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        "/analytics/dashboard",
        asks=QuarterQuery,
        summary="Requests, decisions, holds and budgets of your departments in figures",
        message="Dashboard retrieved successfully",
        gives=Dashboard,
    )
    def dashboard(call: Call[Nothing, QuarterQuery]) -> Answer:
        told = usecase.dashboard(call.query, by=call.actor, at=call.at, sources=_sources())
        return Answer(told.model_dump())

    @api.route(
        "GET",
        "/analytics/trends",
        asks=TrendQuery,
        summary="The requests created on each day, as they were counted the night after",
        message="Trends retrieved successfully",
        gives=Trend,
    )
    def trends(call: Call[Nothing, TrendQuery]) -> Answer:
        aggregates = bootstrap.aggregates()
        told = usecase.trends(call.query, by=call.actor, at=call.at, aggregated=aggregates)
        return Answer(told.model_dump())

    @api.route(
        "GET",
        "/analytics/departments/{department}",
        asks=QuarterQuery,
        summary="One department in figures, and its last 30 days",
        message="Department retrieved successfully",
        gives=DepartmentAnalytics,
        raises=(DepartmentNotFoundError,),
    )
    def view_department(call: Call[Nothing, QuarterQuery]) -> Answer:
        told = usecase.department(
            call.path["department"], call.query, by=call.actor, at=call.at, sources=_sources()
        )
        return Answer(told.model_dump())


def _sources() -> Sources:
    return Sources(
        lists=bootstrap.request_lists(),
        aggregates=bootstrap.aggregates(),
        books=bootstrap.books(),
    )
