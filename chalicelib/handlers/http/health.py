"""Is the service there, configured, and how do the parts it stands on do."""

from typing import Literal

from pydantic import ConfigDict

from chalicelib import bootstrap
from chalicelib.domain.errors import UnhealthyError
from chalicelib.domain.metrics import Health
from chalicelib.domain.model import Value
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer
from chalicelib.observability import logger


class HealthQuery(Value):
    """How closely to look; what monitors add to an address is passed over."""

    model_config = ConfigDict(extra="ignore")

    deep: Literal["1", "true", "0", "false"] = "0"

    @property
    def is_deep(self) -> bool:
        """Whether every part is to be asked."""
        return self.deep in {"1", "true"}


def declare(api: Api) -> None:
    """Declare the route."""

    @api.open_route(
        "GET",
        "/health",
        asks=HealthQuery,
        summary="Is the service up and configured; with `deep=1`, does every part of it answer",
        message="The service is up",
        gives=Health,
        raises=(UnhealthyError,),
        may_be_cached=True,
    )
    def health(query: HealthQuery) -> Answer:
        bootstrap.jwt_secret()
        up = Health(status="ok", stage=bootstrap.settings().stage)
        if not query.is_deep:
            return Answer(up.model_dump())
        found = bootstrap.probe().look()
        if found.reasons and not found.is_cached:
            logger().error("parts do not answer", extra={"reasons": dict(found.reasons)})
        found.must_be_well()
        told = up.model_copy(update={"parts": found.parts})
        return Answer(told.model_dump(), is_cached=found.is_cached)
