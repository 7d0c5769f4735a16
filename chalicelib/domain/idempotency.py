"""Idempotency keys: the receipt of a call, kept with its effect, so that a repeat replays it."""

import hashlib
from datetime import datetime, timedelta

from chalicelib.domain.model import Value

#: How long a key is remembered (SPEC.md 3).
REMEMBER = timedelta(hours=24)

MAX_KEY_LENGTH = 255


class Receipt(Value):
    """The answer that a call with a key got; `caller` owns the key, `fingerprint` is its call."""

    caller: str
    key: str
    fingerprint: str
    status: int
    headers: dict[str, str]
    body: str
    expires_at: datetime


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return what tells one call from another: the same key must come with the same."""
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()
