"""Rows as they come in a table's stream: attributes in DynamoDB's JSON."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.packing import UnreadableError, unpack
from chalicelib.domain.messages import UntellableError

#: A row as a stream tells of it; empty where there was or is none. Bytes are in base64, as Lambda
#: gives them, or as botocore does.
Image = Mapping[str, Mapping[str, Any]]


def told_in(image: Image) -> str | None:
    """Return what a row tells, as the JSON of an Outbox; None where it tells nothing.

    In a request's row it is packed with the request itself (request_rows.py). Raises
    UntellableError where it is in no form that is known.
    """
    if "outbox" in image:
        text = image["outbox"].get("S")
        if text is None:
            raise UntellableError("what it tells is no text")
        return str(text)
    body = image.get("body", {}).get("B")
    if body is None:
        return None
    summary = image.get("summary", {}).get("B")
    try:
        known = unpack(_bytes(summary))[0] if summary else ""
        return unpack(_bytes(body), known=known)[1] or None
    except UnreadableError as error:
        raise UntellableError(f"what it tells is {error}") from None


def _bytes(value: str | bytes) -> bytes:
    return b64decode(value) if isinstance(value, str) else value
