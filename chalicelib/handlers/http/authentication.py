"""Who is calling: a person with HR Auth's JWT, or a service with an API key (SPEC.md 1)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib import bootstrap
from chalicelib.domain.access import (
    BUS_ID_PREFIX,
    DEPARTMENTS,
    SERVICE_ID_PREFIX,
    SYSTEM_ID_PREFIX,
    Actor,
    department_of,
    level_of,
)
from chalicelib.domain.errors import (
    FieldError,
    InvalidInputError,
    InvalidTokenError,
    MissingApiKeyError,
    MissingTokenError,
    TokenExpiredError,
)
from chalicelib.domain.text import MAX_NAME_CHARACTERS, Identity, MailAddress, Name
from chalicelib.observability import logger
from chalicelib.usecases import api_keys

AUTHORIZATION = "Authorization"
API_KEY = "x-api-key"

_SCHEME = "bearer "
_REQUIRED = ["sub", "username", "role", "iat", "exp"]


class _Claims(BaseModel):
    """The claims we read; HR Auth may add others. They are kept and shown, as other texts are."""

    model_config = ConfigDict(extra="ignore", strict=True)

    sub: Identity
    username: Name
    role: Identity
    email: MailAddress | None = None
    department: str | None = Field(default=None, max_length=MAX_NAME_CHARACTERS)


def caller_of(headers: Mapping[str, str], secrets: Iterable[str], at: datetime) -> Actor:
    """Return who the headers of a call prove; `secrets` are what tokens may be signed with.

    Raises what `actor_of` raises; MissingApiKeyError, InvalidApiKeyError, ExpiredApiKeyError;
    InvalidInputError for two proofs at once: nobody should have to guess whose call it was.
    """
    authorization = headers.get(AUTHORIZATION, "").strip()
    key = headers.get(API_KEY)
    if authorization or key is None:
        if key and key.strip():
            wrong = f"must not come together with {AUTHORIZATION}"
            raise InvalidInputError((FieldError(API_KEY, wrong),))
        return actor_of(authorization, secrets)
    if not key.strip():
        raise MissingApiKeyError
    return api_keys.authenticate(key.strip(), at=at, keys=bootstrap.api_keys(), failed=_not_noted)


def _not_noted(error: Exception) -> None:
    logger().warning("the use of an API key was not noted", extra={"reason": repr(error)})


def actor_of(authorization: str | None, secrets: Iterable[str]) -> Actor:
    """Return who an `Authorization` header proves.

    Raises MissingTokenError, TokenExpiredError, InvalidTokenError.
    """
    if not authorization or not authorization.lower().startswith(_SCHEME):
        raise MissingTokenError("Authorization token required")
    try:
        claims = _Claims.model_validate(_decoded(authorization[len(_SCHEME) :].strip(), secrets))
    except jwt.ExpiredSignatureError:
        raise TokenExpiredError("Token expired") from None
    except (jwt.InvalidTokenError, ValidationError):
        raise InvalidTokenError("Invalid token") from None
    # Nobody passes for these.
    if claims.sub.startswith((SERVICE_ID_PREFIX, BUS_ID_PREFIX, SYSTEM_ID_PREFIX)):
        raise InvalidTokenError("Invalid token")
    named = next((d for d in DEPARTMENTS if d == (claims.department or "").lower()), None)
    return Actor(
        id=claims.sub,
        name=claims.username,
        role=claims.role,
        level=level_of(claims.role),
        department=named if claims.department else department_of(claims.role),
        email=claims.email,
    )


def _decoded(token: str, secrets: Iterable[str]) -> dict[str, object]:
    """Return the claims of a token that one of the secrets signed; raises jwt.InvalidTokenError."""
    for secret in secrets:
        try:
            # The issue time must be there, but a clock that runs ahead of ours is no forgery.
            return jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                options={"require": _REQUIRED, "verify_iat": False},
            )
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError
