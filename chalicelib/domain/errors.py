"""Every refusal the service knows, each with a stable code; how HTTP tells them is not known here.

BudgetRequestsError
├── AuthenticationError     MISSING_TOKEN · TOKEN_EXPIRED · INVALID_TOKEN ·
│                           MISSING_API_KEY · INVALID_API_KEY · EXPIRED_API_KEY
├── ForbiddenError          FORBIDDEN
├── RateLimitExceededError  RATE_LIMIT_EXCEEDED
│   └── CreateLimitExceededError  CREATE_LIMIT_EXCEEDED
├── RequestNotFoundError    NOT_FOUND
├── ItemNotFoundError       ITEM_NOT_FOUND
├── ApiKeyNotFoundError     API_KEY_NOT_FOUND
├── JobNotFoundError        JOB_NOT_FOUND
├── WebhookNotFoundError    WEBHOOK_NOT_FOUND
├── DeliveryNotFoundError   DELIVERY_NOT_FOUND
├── WebhookDisabledError    WEBHOOK_DISABLED
├── DepartmentNotFoundError DEPARTMENT_NOT_FOUND
├── RouteNotFoundError      ROUTE_NOT_FOUND
├── MethodNotAllowedError   METHOD_NOT_ALLOWED
├── InvalidInputError       VALIDATION_ERROR
│   ├── MalformedJsonError  MALFORMED_JSON
│   └── FilterTooBroadError FILTER_TOO_BROAD
├── BodyTooLargeError       BODY_TOO_LARGE
├── UnsupportedMediaTypeError  UNSUPPORTED_MEDIA_TYPE
├── InvalidStatusError      INVALID_STATUS
├── AlreadyConsumedError    ALREADY_CONSUMED (a hold ends at most once, and says which way)
├── AlreadyReleasedError    ALREADY_RELEASED
├── AlreadyExpiredError     ALREADY_EXPIRED
├── StaleVersionError       STALE_VERSION (If-Match names a version that is no more)
├── ConflictError           CONFLICT (another writer was first)
├── BusyError               BUSY (too many writers at once)
├── IdempotencyKeyReusedError  IDEMPOTENCY_KEY_REUSED
├── IdempotencyKeyTakenError   IDEMPOTENCY_IN_PROGRESS
├── BulkRefusedError        BULK_REFUSED (with a reason for each request)
├── InsufficientBudgetError INSUFFICIENT_BUDGET
├── BudgetUnknownError      BUDGET_UNKNOWN
├── FinanceUnavailableError FINANCE_UNAVAILABLE
├── DeliveryFailedError     DELIVERY_FAILED (a worker's partner said no; its message comes back)
│   └── FinanceRefusedError (Finance has not done what it was told, for certain)
├── ClaimHeldError          CLAIM_HELD (another worker is at it; the message comes back)
├── UnhealthyError          UNHEALTHY (a part of the service does not answer)
└── ConfigurationError      MISCONFIGURED (the function refuses to run)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field; `field` is a dotted path such as `items.0.unitCost`."""

    field: str
    message: str


class BudgetRequestsError(Exception):
    """Root of all declared errors; `code` is part of the published catalogue.

    `errors` is what there is to tell apart from the message, each under a name of its own.
    """

    code: ClassVar[str]
    errors: tuple[FieldError, ...] = ()


class AuthenticationError(BudgetRequestsError):
    """Nobody we know: no proof, or one that does not hold."""


class MissingTokenError(AuthenticationError):
    """No bearer token came with the call."""

    code = "MISSING_TOKEN"


class TokenExpiredError(AuthenticationError):
    """The token was ours once."""

    code = "TOKEN_EXPIRED"


class InvalidTokenError(AuthenticationError):
    """Forged, foreign, or lacking a claim."""

    code = "INVALID_TOKEN"


class MissingApiKeyError(AuthenticationError):
    """The `x-api-key` header is empty."""

    code = "MISSING_API_KEY"

    def __init__(self) -> None:
        super().__init__("API key required")


class InvalidApiKeyError(AuthenticationError):
    """The key is mistyped, unknown or revoked."""

    code = "INVALID_API_KEY"

    def __init__(self) -> None:
        super().__init__("Invalid or inactive API key")


class ExpiredApiKeyError(AuthenticationError):
    """The key was good once."""

    code = "EXPIRED_API_KEY"

    def __init__(self) -> None:
        super().__init__("API key expired")


class ForbiddenError(BudgetRequestsError):
    """Known, but not allowed this."""

    code = "FORBIDDEN"


class RateLimitExceededError(BudgetRequestsError):
    """The caller has used up the calls of this window; `Retry-After` says when the next begins."""

    code = "RATE_LIMIT_EXCEEDED"
    what: ClassVar[str] = "calls"

    def __init__(self, *, limit: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many {self.what}: {limit} are allowed in a window, "
            f"and the next one begins in {retry_after_seconds} s"
        )
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


class CreateLimitExceededError(RateLimitExceededError):
    """The caller has used up the creations of this window; other calls go on."""

    code = "CREATE_LIMIT_EXCEEDED"
    what = "creations"


class RequestNotFoundError(BudgetRequestsError):
    """No budget request has this id."""

    code = "NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Budget request not found")


class ItemNotFoundError(BudgetRequestsError):
    """The budget request has no such line."""

    code = "ITEM_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("The budget request has no such item")


class ApiKeyNotFoundError(BudgetRequestsError):
    """No API key has this id."""

    code = "API_KEY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("API key not found")


class JobNotFoundError(BudgetRequestsError):
    """There is no such job."""

    code = "JOB_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such job")


class WebhookNotFoundError(BudgetRequestsError):
    """No webhook subscription has this id."""

    code = "WEBHOOK_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("Webhook not found")


class DeliveryNotFoundError(BudgetRequestsError):
    """The webhook has no delivery of this id, or not any more."""

    code = "DELIVERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("The webhook has no such delivery")


class WebhookDisabledError(BudgetRequestsError):
    """The webhook is not active; activate it first."""

    code = "WEBHOOK_DISABLED"

    def __init__(self) -> None:
        super().__init__("The webhook is not active; activate it first")


class DepartmentNotFoundError(BudgetRequestsError):
    """There is no department of this name."""

    code = "DEPARTMENT_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("There is no such department")


class RouteNotFoundError(BudgetRequestsError):
    """Nothing is served at this path."""

    code = "ROUTE_NOT_FOUND"


class MethodNotAllowedError(BudgetRequestsError):
    """The path is served, with other methods: `allowed`."""

    code = "METHOD_NOT_ALLOWED"

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not allowed here; try {', '.join(allowed)}")
        self.allowed = allowed


class BodyTooLargeError(BudgetRequestsError):
    """More bytes than any request of ours needs."""

    code = "BODY_TOO_LARGE"


class UnsupportedMediaTypeError(BudgetRequestsError):
    """A body that is not JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class InvalidInputError(BudgetRequestsError):
    """Input that cannot be taken, with everything that is wrong about it."""

    code = "VALIDATION_ERROR"

    def __init__(self, errors: tuple[FieldError, ...], message: str = "Validation failed") -> None:
        super().__init__(message)
        self.errors = errors


class FilterTooBroadError(InvalidInputError):
    """More rows lie before this page than one call may read; go on by `cursor`."""

    code = "FILTER_TOO_BROAD"

    def __init__(self) -> None:
        wrong = (
            "lies behind more requests than one call may read: begin at a page nearer by and follow"
            " meta.nextCursor with cursor, or narrow the filter"
        )
        super().__init__((FieldError("page", wrong),), "The filter is too broad")


class MalformedJsonError(InvalidInputError):
    """The body is not the JSON it says it is."""

    code = "MALFORMED_JSON"

    def __init__(self, message: str) -> None:
        super().__init__((), message)


class InvalidStatusError(BudgetRequestsError):
    """The request is not in a state that allows this."""

    code = "INVALID_STATUS"


class AlreadyConsumedError(BudgetRequestsError):
    """What the request held has been consumed."""

    code = "ALREADY_CONSUMED"

    def __init__(self) -> None:
        super().__init__("What this budget request held has been consumed already")


class AlreadyReleasedError(BudgetRequestsError):
    """What the request held has been released."""

    code = "ALREADY_RELEASED"

    def __init__(self) -> None:
        super().__init__("What this budget request held has been released already")


class AlreadyExpiredError(BudgetRequestsError):
    """What the request held has expired."""

    code = "ALREADY_EXPIRED"

    def __init__(self) -> None:
        super().__init__("What this budget request held has expired already")


class StaleVersionError(BudgetRequestsError):
    """The caller decided on a version that is no more."""

    code = "STALE_VERSION"

    def __init__(self, version: int) -> None:
        super().__init__(f"It has changed; it is at version {version} now")


class BusyError(BudgetRequestsError):
    """Too many write the same budget at this moment; nothing was changed."""

    code = "BUSY"

    def __init__(self) -> None:
        super().__init__("Too many are changing this at the same moment; try again shortly")


class IdempotencyKeyReusedError(BudgetRequestsError):
    """The key came before, with another call."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another call")


class IdempotencyKeyTakenError(BudgetRequestsError):
    """A call with the same key is under way."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("A call with this Idempotency-Key is still running")


class BulkRefusedError(BudgetRequestsError):
    """At least one request of a bulk could not be approved; none was."""

    code = "BULK_REFUSED"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("None was approved: see errors for what stands in the way")
        self.errors = errors


class ConflictError(BudgetRequestsError):
    """Another writer was first; nothing was changed."""

    code = "CONFLICT"

    def __init__(self) -> None:
        super().__init__(
            "Someone else changed this budget request at the same moment; read it again"
        )


class InsufficientBudgetError(BudgetRequestsError):
    """Holding this much would promise more than Finance has left. Amounts as decimal strings."""

    code = "INSUFFICIENT_BUDGET"

    def __init__(self, budget: str, *, needed: str, available: str) -> None:
        super().__init__(f"Insufficient budget: {needed} needed, {available} available")
        self.budget = budget
        self.needed = needed
        self.available = available
        self.errors = (FieldError("needed", needed), FieldError("available", available))


class BudgetUnknownError(BudgetRequestsError):
    """Finance has told us nothing about this department and period."""

    code = "BUDGET_UNKNOWN"

    def __init__(self, what: str) -> None:
        super().__init__(f"No budget is known for {what}")
        self.budget = what


class FinanceUnavailableError(BudgetRequestsError):
    """Finance Main did not answer, or not in a way we understand."""

    code = "FINANCE_UNAVAILABLE"


class DeliveryFailedError(BudgetRequestsError):
    """A partner did not take what we brought; try again later."""

    code = "DELIVERY_FAILED"

    def __init__(self, message: str, *, retry_in_seconds: int | None = None) -> None:
        super().__init__(message)
        #: When it is to be tried again, where that is not left to the queue.
        self.retry_in_seconds = retry_in_seconds


class FinanceRefusedError(DeliveryFailedError):
    """Finance Main said that it has not done what it was told."""


class ClaimHeldError(BudgetRequestsError):
    """Another worker holds the claim on this event."""

    code = "CLAIM_HELD"


class UnhealthyError(BudgetRequestsError):
    """A part of the service does not answer; see `errors` for which."""

    code = "UNHEALTHY"

    def __init__(self, failed: Mapping[str, int]) -> None:
        """Take the parts that failed, each with the milliseconds it took."""
        super().__init__("Not every part of the service answers")
        self.errors = tuple(
            FieldError(part, f"failed after {duration} ms") for part, duration in failed.items()
        )


class ConfigurationError(BudgetRequestsError):
    """A setting is missing or unusable; nothing runs on a default."""

    code = "MISCONFIGURED"
