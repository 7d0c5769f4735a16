"""Who is calling: HR Auth's JWT (SPEC.md 1)."""

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.domain.access import DEPARTMENTS, Actor, department_of, level_of
from chalicelib.domain.errors import InvalidTokenError, MissingTokenError, TokenExpiredError

_SCHEME = "bearer "
_REQUIRED = ["sub", "username", "role", "iat", "exp"]


class _Claims(BaseModel):
    """The claims we read; HR Auth may add others."""

    model_config = ConfigDict(extra="ignore", strict=True, str_max_length=200)

    sub: str = Field(min_length=1)
    username: str = Field(min_length=1)
    role: str = Field(min_length=1)
    email: str | None = None
    department: str | None = None


def actor_of(authorization: str | None, secret: str) -> Actor:
    """Return who an `Authorization` header proves.

    Raises MissingTokenError, TokenExpiredError, InvalidTokenError.
    """
    if not authorization or not authorization.lower().startswith(_SCHEME):
        raise MissingTokenError("Authorization token required")
    try:
        # The issue time must be there, but a clock that runs ahead of ours is no forgery.
        decoded = jwt.decode(
            authorization[len(_SCHEME) :].strip(),
            secret,
            algorithms=["HS256"],
            options={"require": _REQUIRED, "verify_iat": False},
        )
        claims = _Claims.model_validate(decoded)
    except jwt.ExpiredSignatureError:
        raise TokenExpiredError("Token expired") from None
    except (jwt.InvalidTokenError, ValidationError):
        raise InvalidTokenError("Invalid token") from None
    named = next((d for d in DEPARTMENTS if d == (claims.department or "").lower()), None)
    return Actor(
        id=claims.sub,
        name=claims.username,
        role=claims.role,
        level=level_of(claims.role),
        department=named if claims.department else department_of(claims.role),
        email=claims.email,
    )
