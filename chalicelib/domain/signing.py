"""Signatures: Standard Webhooks, on the bus over canonical JSON (RFC 8785)."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Any

import rfc8785

#: How a webhook secret is written for people: this, then base64 of the key's bytes.
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
SECRET_BYTES = 32

#: The field of a bus message by which our own functions know it; nobody else has its key.
SEAL = "seal"


def format_secret(key: bytes) -> str:
    """Return `key` as the text a subscriber is shown."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def secret_bytes(secret: str) -> bytes:
    """Return the key a `whsec_…` secret stands for; raises ValueError."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"a webhook secret starts with {SECRET_PREFIX}")
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is base64 after its prefix") from error


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` + base64 HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks)."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def sign_data(key: bytes, message_id: str, time: datetime, data: dict[str, Any]) -> str:
    """Return the signature of a bus message: over the canonical JSON (RFC 8785) of `data`."""
    return sign(key, message_id, int(time.timestamp()), rfc8785.dumps(data))


def seal(key: bytes, detail: dict[str, Any]) -> str:
    """Return what shows our own functions that `detail` is ours, all of it; raises ValueError.

    Base64 HMAC-SHA256 over its canonical JSON, but for a seal that it has already.
    """
    content = {name: value for name, value in detail.items() if name != SEAL}
    digest = hmac.new(key, rfc8785.dumps(content), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")


def is_sealed(key: bytes, detail: dict[str, Any]) -> bool:
    """Whether `detail` is as it was when it was sealed with `key`."""
    try:
        expected = seal(key, detail)
    except (ValueError, RecursionError):  # not ours: what cannot be signed was never sealed
        return False
    return hmac.compare_digest(expected.encode(), str(detail.get(SEAL)).encode(errors="replace"))


def hex_hmac(key: bytes, body: bytes) -> str:
    """Return the guide's `X-Webhook-Signature`: hex HMAC-SHA256 of the body."""
    return hmac.new(key, body, hashlib.sha256).hexdigest()
