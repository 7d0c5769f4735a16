"""The envelope of every answer (SPEC.md 2)."""

import json
from http import HTTPStatus
from typing import Any

from chalice import Response

from chalicelib.domain import errors
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.domain.events import plain
from chalicelib.handlers.http.call import Answer
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS

#: Which status tells which error: every declared error is here (tested), nothing else is told.
STATUS: dict[type[BudgetRequestsError], HTTPStatus] = {
    errors.MissingTokenError: HTTPStatus.UNAUTHORIZED,
    errors.TokenExpiredError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidTokenError: HTTPStatus.UNAUTHORIZED,
    errors.MissingApiKeyError: HTTPStatus.UNAUTHORIZED,
    errors.InvalidApiKeyError: HTTPStatus.UNAUTHORIZED,
    errors.ExpiredApiKeyError: HTTPStatus.UNAUTHORIZED,
    errors.ForbiddenError: HTTPStatus.FORBIDDEN,
    errors.RateLimitExceededError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.CreateLimitExceededError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.RequestNotFoundError: HTTPStatus.NOT_FOUND,
    errors.ItemNotFoundError: HTTPStatus.NOT_FOUND,
    errors.ApiKeyNotFoundError: HTTPStatus.NOT_FOUND,
    errors.JobNotFoundError: HTTPStatus.NOT_FOUND,
    errors.WebhookNotFoundError: HTTPStatus.NOT_FOUND,
    errors.DeliveryNotFoundError: HTTPStatus.NOT_FOUND,
    errors.WebhookDisabledError: HTTPStatus.CONFLICT,
    errors.DepartmentNotFoundError: HTTPStatus.NOT_FOUND,
    errors.RouteNotFoundError: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidInputError: HTTPStatus.BAD_REQUEST,
    errors.MalformedJsonError: HTTPStatus.BAD_REQUEST,
    errors.FilterTooBroadError: HTTPStatus.BAD_REQUEST,
    errors.InvalidStatusError: HTTPStatus.BAD_REQUEST,
    errors.AlreadyConsumedError: HTTPStatus.BAD_REQUEST,
    errors.AlreadyReleasedError: HTTPStatus.BAD_REQUEST,
    errors.AlreadyExpiredError: HTTPStatus.BAD_REQUEST,
    errors.StaleVersionError: HTTPStatus.PRECONDITION_FAILED,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.BusyError: HTTPStatus.CONFLICT,
    errors.IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyTakenError: HTTPStatus.CONFLICT,
    errors.BulkRefusedError: HTTPStatus.CONFLICT,
    errors.InsufficientBudgetError: HTTPStatus.CONFLICT,
    errors.BudgetUnknownError: HTTPStatus.CONFLICT,
    errors.FinanceUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeliveryFailedError: HTTPStatus.BAD_GATEWAY,
    errors.ClaimHeldError: HTTPStatus.CONFLICT,
    errors.UnhealthyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
}

INTERNAL_ERROR = "INTERNAL_ERROR"

#: What an answer from a cache says of itself, beside its data (the guide's).
CACHED = "_cached"


def success(answer: Answer, message: str, *, status: HTTPStatus) -> Response:
    """Return a success; amounts become JSON numbers, times UTC ISO 8601 with Z."""
    return _response(told(answer, message), status, dict(answer.headers or {}))


def told(answer: Answer, message: str) -> dict[str, Any]:
    """Return the body of a success."""
    body: dict[str, Any] = {"success": True, "message": message, "data": answer.data}
    if answer.meta is not None:
        body["meta"] = answer.meta
    if answer.is_cached:
        body[CACHED] = True
    return body


def failure(error: BudgetRequestsError, call_id: str) -> Response:
    """Return a declared error in the envelope, with its code."""
    body: dict[str, Any] = {
        "success": False,
        "message": str(error),
        "code": error.code,
        "requestId": call_id,
    }
    if error.errors:
        body["errors"] = [{"field": e.field, "message": e.message} for e in error.errors]
    if isinstance(error, errors.ConfigurationError):
        body["message"] = "The service is not configured; its log says what is missing"
    headers = (
        {"WWW-Authenticate": "Bearer"} if isinstance(error, errors.AuthenticationError) else {}
    )
    if isinstance(error, errors.RateLimitExceededError):
        headers = {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, errors.MethodNotAllowedError):
        headers = {"Allow": ", ".join(error.allowed)}
    return _response(body, STATUS[type(error)], headers)


def internal_error(call_id: str) -> Response:
    """Return a 500 that leaks nothing."""
    body = {
        "success": False,
        "message": "Something went wrong on our side",
        "code": INTERNAL_ERROR,
        "requestId": call_id,
    }
    return _response(body, HTTPStatus.INTERNAL_SERVER_ERROR, {})


def moved(address: str) -> Response:
    """Send to another address, relative to the one that was asked for."""
    return raw("", HTTPStatus.PERMANENT_REDIRECT, {"Location": address})


def _response(body: dict[str, Any], status: HTTPStatus, headers: dict[str, str]) -> Response:
    text = json.dumps(body, default=plain, ensure_ascii=False, separators=(",", ":"))
    return raw(text, int(status), headers)


def raw(text: str, status: int, headers: dict[str, str]) -> Response:
    """Return an answer whose body is JSON already."""
    return Response(
        body=text,
        status_code=status,
        headers={"Content-Type": "application/json", **SECURITY_HEADERS, **headers},
    )
