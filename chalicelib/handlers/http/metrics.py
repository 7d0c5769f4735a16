"""The service in figures, for SuperAdmins (SPEC.md 4)."""

from chalicelib import bootstrap
from chalicelib.domain.metrics import Metrics
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import metrics as usecase


def declare(api: Api) -> None:
    """Declare the route."""

    @api.route(
        "GET",
        "/metrics",
        summary="The service in figures: requests, what they hold, caches, queues",
        message="Metrics retrieved successfully",
        gives=Metrics,
    )
    def view(call: Call) -> Answer:
        told = usecase.metrics(
            by=call.actor,
            at=call.at,
            lists=bootstrap.request_lists(),
            store=bootstrap.requests(),
            due=bootstrap.due_requests(),
            queues=bootstrap.queues(),
            meter=bootstrap.hit_meter(),
            hit_counts=bootstrap.hit_counts(),
        )
        return Answer(told.model_dump())
