"""Is the service there, and configured."""

from typing import Literal

from chalicelib import bootstrap
from chalicelib.domain.model import Value
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer


class Health(Value):
    """That the service is up, and where it stands."""

    status: Literal["ok"]
    stage: str


def declare(api: Api) -> None:
    """Declare the route."""

    @api.open_route(
        "GET",
        "/health",
        summary="Is the service up and configured",
        message="The service is up",
        gives=Health,
    )
    def health() -> Answer:
        bootstrap.jwt_secret()
        return Answer(Health(status="ok", stage=bootstrap.settings().stage).model_dump())
