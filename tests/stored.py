"""Rows of requests as tables and streams give them out, read."""

from base64 import b64decode
from typing import Any

from chalicelib.adapters.packing import unpack
from chalicelib.domain.listing import Summary
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest


def state(row: dict[str, Any]) -> str:
    """Return the JSON of the request that a row holds."""
    return _texts(row)[0]


def request(row: dict[str, Any]) -> BudgetRequest:
    """Return the request that a row holds."""
    return BudgetRequest.model_validate_json(state(row))


def outbox(row: dict[str, Any]) -> Outbox:
    """Return what a row tells of its last change."""
    return Outbox.model_validate_json(_texts(row)[1])


def told(row: dict[str, Any]) -> Outbox:
    """Return the outbox that a row of what was told keeps."""
    return Outbox.model_validate_json(unpack(_bytes(row["outbox"]))[0])


def unpacked(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a request in the form before packing."""
    texts = dict(zip(("body", "outbox"), _texts(row), strict=True))
    if "summary" in row:
        texts["summary"] = Summary.of(request(row)).model_dump_json(exclude_none=True)
    return row | {name: {"S": text} for name, text in texts.items()}


def _texts(row: dict[str, Any]) -> list[str]:
    known = unpack(_bytes(row["summary"]))[0] if "summary" in row else ""
    return unpack(_bytes(row["body"]), known=known)


def _bytes(value: dict[str, Any]) -> bytes:
    packed = value["B"]  # a table gives bytes, a stream base64
    return packed if isinstance(packed, bytes) else b64decode(packed)
