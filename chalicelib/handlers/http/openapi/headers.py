"""The headers of answers, and which answer carries which."""

from http import HTTPStatus
from typing import Any

from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.idempotency import REPLAYED
from chalicelib.observability import CORRELATION_HEADER

_COUNT = {"type": "integer", "minimum": 0}

HEADERS: dict[str, Any] = {
    "ETag": {
        "description": "The request's `version`, to be sent back as `If-Match`.",
        "schema": {"type": "string", "pattern": '^"\\d+"$'},
        "example": '"3"',
    },
    REPLAYED: {
        "description": "`true` where this answer was given before, to the same `Idempotency-Key`.",
        "schema": {"const": "true"},
    },
    CORRELATION_HEADER: {
        "description": "What this call is known by in our logs and those of partners: what you"
        " sent as such, else an id of ours.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {"description": "Calls a window allows.", "schema": _COUNT},
    "RateLimit-Remaining": {"description": "Calls left in this window.", "schema": _COUNT},
    "RateLimit-Reset": {"description": "Seconds until the next window.", "schema": _COUNT},
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": _COUNT},
    "WWW-Authenticate": {
        "description": "How to prove who you are.",
        "required": True,
        "schema": {"type": "string"},
    },
}

_LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def of_success(route: Route) -> dict[str, Any]:
    """Return the headers of a route's success."""
    names = [CORRELATION_HEADER] if route.is_open else [CORRELATION_HEADER, *_LIMITS]
    if route.etag:
        names.append("ETag")
    if route.method == "POST" and not route.is_open:
        names.append(REPLAYED)
    return _refs(*names)


def of_failure(route: Route, status: HTTPStatus) -> dict[str, Any]:
    """Return the headers of one of its failures."""
    names = [CORRELATION_HEADER] if route.is_open else [CORRELATION_HEADER, *_LIMITS]
    if status is HTTPStatus.UNAUTHORIZED:  # nobody to count calls of
        names = [CORRELATION_HEADER, "WWW-Authenticate"]
    elif status is HTTPStatus.TOO_MANY_REQUESTS:
        names.append("Retry-After")
    return _refs(*names)


def _refs(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
