"""Which errors a route may answer, and how they read; the catalogue of all codes."""

import inspect
from http import HTTPStatus
from typing import Any

from chalicelib.domain import errors
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.handlers.http import local_front
from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.call import Nothing
from chalicelib.handlers.http.envelope import INTERNAL_ERROR, STATUS
from chalicelib.handlers.http.openapi import headers

FAILURE: dict[str, Any] = {
    "type": "object",
    "description": "Every failure: a stable `code`, a message for people, and what to quote.",
    "required": ["success", "message", "code", "requestId"],
    "additionalProperties": False,
    "properties": {
        "success": {"const": False},
        "message": {"type": "string"},
        "code": {"type": "string", "description": "One of the catalogue in `x-error-codes`."},
        "errors": {
            "type": "array",
            "description": "All that is wrong, at once.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "additionalProperties": False,
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "A path such as `items.0.unitCost`.",
                    },
                    "message": {"type": "string"},
                },
            },
        },
        "requestId": {"type": "string"},
    },
}

#: In methods that change something, so that a body is read.
_WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}

_PROOF = tuple(errors.AuthenticationError.__subclasses__())
_BODY = (errors.MalformedJsonError, errors.BodyTooLargeError, errors.UnsupportedMediaTypeError)
_KEYED = (errors.IdempotencyKeyReusedError, errors.IdempotencyKeyTakenError)


def responses(route: Route) -> dict[str, Any]:
    """Return the failures of a route, by status."""
    told: dict[HTTPStatus, dict[str, str]] = {}
    for error in possible(route):
        told.setdefault(STATUS[error], {})[error.code] = meaning(error)
    told[HTTPStatus.INTERNAL_SERVER_ERROR] = {INTERNAL_ERROR: _INTERNAL}
    return {
        str(int(status)): _response(route, status, codes) for status, codes in sorted(told.items())
    }


def possible(route: Route) -> tuple[type[BudgetRequestsError], ...]:
    """Return the errors a route may answer: those of every such call, and its own."""
    if route.is_page:
        return (errors.RouteNotFoundError,) if "{" in route.path else ()
    if route.is_open:
        asks = () if route.query is Nothing else (errors.InvalidInputError,)
        return (errors.ConfigurationError, *asks, *route.raises)
    found: list[type[BudgetRequestsError]] = [
        *_PROOF,
        errors.ForbiddenError,
        errors.RateLimitExceededError,
        errors.InvalidInputError,
        errors.ConfigurationError,
        errors.BodyTooLargeError,
    ]
    if "/budget-requests/{id}" in route.path:
        found.append(errors.RequestNotFoundError)
    if "{itemId}" in route.path:
        found.append(errors.ItemNotFoundError)
    if route.method in _WITH_BODY:
        found.extend(_BODY)
    if route.is_creation:
        found.append(errors.CreateLimitExceededError)
    if route.method == "POST":
        found.extend(_KEYED)
    return tuple(dict.fromkeys([*found, *route.raises]))


def catalogue() -> list[dict[str, Any]]:
    """Return every code there is, with its status and meaning; those of the local front marked."""
    known = [
        {"code": error.code, "status": int(status), "meaning": meaning(error)}
        for error, status in STATUS.items()
    ]
    internal = {"code": INTERNAL_ERROR, "status": 500, "meaning": _INTERNAL}
    local = [
        {"code": code, "status": status, "meaning": meant, "localOnly": True}
        for status, code, meant in local_front.REFUSALS
    ]
    return sorted([*known, internal, *local], key=lambda entry: (entry["status"], entry["code"]))


def examples() -> dict[str, Any]:
    """Return how each code of the service reads, by code."""
    told = {entry["code"]: entry["meaning"] for entry in catalogue() if "localOnly" not in entry}
    return {
        code: {"summary": meant, "value": _example(code, meant)} for code, meant in told.items()
    }


def meaning(error: type[BudgetRequestsError]) -> str:
    """Return what an error's code says, in one line."""
    return (inspect.getdoc(error) or "").splitlines()[0]


_INTERNAL = "Our fault; quote the `requestId`."


def _response(route: Route, status: HTTPStatus, told: dict[str, str]) -> dict[str, Any]:
    codes = sorted(told)
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Failure"}],
        "properties": {"code": {"enum": codes}},
    }
    return {
        "description": "; ".join(f"`{code}`: {told[code]}" for code in codes),
        "headers": headers.of_failure(route, status),
        "content": {
            "application/json": {
                "schema": schema,
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def _example(code: str, message: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "success": False,
        "message": message,
        "code": code,
        "requestId": "3c1f0a52-6f3e-4f6a-9d0c-2a8f6e1b7d55",
    }
    if code == errors.InvalidInputError.code:
        example["message"] = "Validation failed"
        example["errors"] = [{"field": "items.0.unitCost", "message": "must be a number"}]
    if code == errors.BulkRefusedError.code:
        wrong = "Only budget requests waiting for review can be approved; this one is a draft"
        example["errors"] = [
            {"field": "ids.1", "message": wrong},
            {"field": "ids.1.code", "message": errors.InvalidStatusError.code},
        ]
    if code == errors.InsufficientBudgetError.code:
        refused = errors.InsufficientBudgetError("", needed="55125.00", available="52500.00")
        example["message"] = str(refused)
        example["errors"] = [{"field": e.field, "message": e.message} for e in refused.errors]
    if code == errors.FilterTooBroadError.code:
        too_broad = errors.FilterTooBroadError()
        example["message"] = str(too_broad)
        example["errors"] = [{"field": e.field, "message": e.message} for e in too_broad.errors]
    if code == errors.UnhealthyError.code:
        example["errors"] = [{"field": "queue audit", "message": "failed after 3000 ms"}]
    return example
