"""Routes of department budgets (SPEC.md 4)."""

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import DepartmentNotFoundError
from chalicelib.domain.overviews import DetailedOverview, Overview, QuarterQuery
from chalicelib.handlers.http.answers import ManyOf
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.usecases import overviews as usecase


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        "/budgets",
        asks=QuarterQuery,
        scope=Scope.BUDGETS_READ,
        summary="The budgets you may see, of this quarter or another",
        message="Budgets retrieved successfully",
        gives=ManyOf(Overview),
        may_be_cached=True,
    )
    def list_budgets(call: Call[Nothing, QuarterQuery]) -> Answer:
        seen = usecase.see_all(call.query, by=call.actor, at=call.at, books=bootstrap.books())
        return Answer([each.model_dump() for each in seen.overviews], is_cached=seen.is_cached)

    @api.route(
        "GET",
        "/budgets/{department}",
        asks=QuarterQuery,
        scope=Scope.BUDGETS_READ,
        summary="A department's budget: figures now and before, holds, and what they come to",
        message="Budget retrieved successfully",
        gives=DetailedOverview,
        raises=(DepartmentNotFoundError,),
        may_be_cached=True,
    )
    def view_budget(call: Call[Nothing, QuarterQuery]) -> Answer:
        overview, is_cached = usecase.view(
            call.path["department"],
            call.query,
            by=call.actor,
            at=call.at,
            books=bootstrap.books(),
        )
        return Answer(overview.model_dump(), is_cached=is_cached)
