"""Is the service there, and configured."""

from chalicelib import bootstrap
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer


def declare(api: Api) -> None:
    """Declare the route."""

    @api.open_route("GET", "/health", message="The service is up")
    def health() -> Answer:
        bootstrap.jwt_secret()
        return Answer({"status": "ok", "stage": bootstrap.settings().stage})
