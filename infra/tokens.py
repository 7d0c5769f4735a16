"""User tokens as the HR Auth service would issue them, for a stack whose secret we hold."""

import re
from datetime import UTC, datetime, timedelta

import jwt

from infra.errors import OperatorError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DEFAULT_EXPIRY = timedelta(hours=1)


def issue(
    secret: str,
    *,
    role: str,
    sub: str,
    name: str,
    department: str | None = None,
    email: str | None = None,
    expires_in: timedelta = DEFAULT_EXPIRY,
) -> str:
    """Return a JWT (HS256) with the claims of the HR Auth service."""
    now = datetime.now(UTC)
    claims = {
        "sub": sub,
        "username": name,
        "role": role,
        "iat": now,
        "exp": now + expires_in,
        "department": department,
        "email": email,
    }
    given = {claim: value for claim, value in claims.items() if value is not None}
    return jwt.encode(given, secret, algorithm="HS256")


def parse_duration(text: str) -> timedelta:
    """Read `45s`, `30m`, `1h` or `7d`."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None:
        raise OperatorError(f"{text!r} is no duration: write 45s, 30m, 1h or 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
