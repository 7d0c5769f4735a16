"""Idempotency keys: the receipt of a call, kept with its effect, so that a repeat replays it."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

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


def fingerprint(method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes) -> str:
    """Return what tells one call from another: the same key must come with the same."""
    asked = urlencode(sorted(query.items()), doseq=True)
    return hashlib.sha256(b"\n".join((f"{method} {path}?{asked}".encode(), body))).hexdigest()
