"""The events, as OpenAPI tells of calls that go the other way."""

from typing import Any

from pydantic.alias_generators import to_camel

from chalicelib.domain.event_catalogue import CATALOGUE, EventData
from chalicelib.domain.events import EventType
from chalicelib.handlers.http.openapi import examples
from chalicelib.handlers.http.openapi.schemas import Schemas, alone

_TEXT = {"type": "string"}
_HEADERS = {
    "X-Webhook-Event": "The event.",
    "X-Webhook-Timestamp": "When it happened.",
    "X-Webhook-Signature": "Hex HMAC-SHA256 of the body, with the newest secret.",
    "webhook-id": "The event's id, the same however often it comes.",
    "webhook-timestamp": "Unix seconds of this attempt.",
    "webhook-signature": "As Standard Webhooks has it; one for each secret that signs.",
}


def webhooks(schemas: Schemas) -> dict[str, Any]:
    """Return every event of the catalogue with what it carries."""
    told = examples.of_events()
    return {
        event.value: {"post": _call(event, data, schemas, told[event])}
        for event, data in CATALOGUE.items()
    }


def _call(
    event: EventType, data: type[EventData], schemas: Schemas, example: dict[str, Any]
) -> dict[str, Any]:
    body, meaning = _body(event, schemas.of_answer(data)), _meaning(data)
    return {
        "operationId": to_camel("on_" + event.value.replace(".", "_")),
        "summary": meaning,
        "tags": ["Events"],
        "security": [],
        "parameters": [
            {"name": n, "in": "header", "required": True, "description": d, "schema": _TEXT}
            for n, d in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": {
            "2XX": {"description": "Taken."},
            "default": {"description": "Not taken: the event comes again."},
        },
    }


def catalogue() -> list[tuple[EventType, str, dict[str, Any]]]:
    """Return every event with its meaning and the schema of its body, which stands alone."""
    return [(event, _meaning(data), _body(event, alone(data))) for event, data in CATALOGUE.items()]


def _meaning(data: type[EventData]) -> str:
    return (data.__doc__ or "").strip()


def _body(event: EventType, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["event", "timestamp", "data"],
        "additionalProperties": False,
        "properties": {
            "event": {"const": event.value},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
    }
