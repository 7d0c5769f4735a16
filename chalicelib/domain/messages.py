"""The forms in which a change travels: outbox entries, and the bus messages made of them."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from chalicelib.domain.events import EVENT_SOURCE, AuditEntry, Event, timestamp
from chalicelib.domain.signing import SEAL, is_sealed, sign_data

_CLOUDEVENTS_VERSION = "1.0"

#: CloudEvents has names in lower case alone.
CORRELATION_ATTRIBUTE = "correlationid"

#: Beside the body of a message that is put on a queue without the bus.
CORRELATION_MESSAGE_ATTRIBUTE = "correlation-id"


class UntellableError(Exception):
    """What a change tells can never be told, however often it is tried; says why in a line."""


class Outbox(BaseModel):
    """What is told of one change, stored with it and read from the table's stream.

    Changes of keys and subscriptions have no events: they are for Audit alone. What follows from
    a change that was audited already has nothing for Audit.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    events: tuple[Event, ...] = ()
    audit: AuditEntry | None = None
    correlation_id: str | None = None

    @property
    def first(self) -> AuditEntry | Event | None:
        """What names it, and says when the change was: the entry, else the first of the events."""
        return self.audit or next(iter(self.events), None)


def cloud_event(
    event: Event, *, key: bytes, key_id: str, correlation_id: str | None = None
) -> dict[str, Any]:
    """Return `event` as a CloudEvents 1.0 object, signed with `key` as in SPEC.md 7.

    The id of the call it comes from is an extension attribute, and not signed.
    """
    data = event.payload()
    traced = {} if correlation_id is None else {CORRELATION_ATTRIBUTE: correlation_id}
    return traced | {
        "specversion": _CLOUDEVENTS_VERSION,
        "id": event.id,
        "source": EVENT_SOURCE,
        "type": event.type.value,
        "subject": event.request_code or event.subject,
        "time": timestamp(event.time),
        "datacontenttype": "application/json",
        "data": data,
        "keyId": key_id,
        "signature": sign_data(key, event.id, event.time, data),
    }


class PublishedEvent(BaseModel):
    """A CloudEvents object as our own workers read it from a queue; extras are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    id: str
    type: str
    time: datetime
    data: dict[str, Any]

    @property
    def request_id(self) -> int:
        """The request this event is about; raises KeyError, ValueError on a foreign shape."""
        return int(self.data["budgetRequestId"])

    @property
    def department(self) -> str:
        """The department this event belongs to; raises KeyError on a foreign shape."""
        return str(self.data["department"])


class ForgedError(Exception):
    """Somebody else put a message on the bus under our name, or changed one of ours."""


class EventMessage(BaseModel):
    """A queue message that an EventBridge rule made of a public event."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    detail: PublishedEvent


def _unsealed(detail: object) -> object:
    if not isinstance(detail, dict):
        return detail
    return {name: value for name, value in detail.items() if name != SEAL}


class AuditMessage(BaseModel):
    """A queue message with an audit entry: from the bus, or in the same form from the API."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    detail: Annotated[AuditEntry, BeforeValidator(_unsealed)]


def event_of(body: str, *, seal_keys: Iterable[str]) -> PublishedEvent:
    """Return the event that a queue brought, as one that only the relay can have sent.

    Raises ForgedError, whatever the shape; pydantic.ValidationError on a foreign shape.
    """
    message = _message_in(body)
    _have_sealed(message, seal_keys)
    return EventMessage.model_validate(message).detail


def audit_entry_of(body: str, *, seal_keys: Iterable[str]) -> AuditEntry:
    """Return the audit entry that a queue brought, from the relay or from the API itself.

    What the API queues does not come over the bus, where others can speak, and has no seal, nor
    the `source` that EventBridge writes on all that does.
    Raises ForgedError, whatever the shape; pydantic.ValidationError on a foreign shape.
    """
    message = _message_in(body)
    if message.get("source") is not None:
        _have_sealed(message, seal_keys)
    return AuditMessage.model_validate(message).detail


def _have_sealed(message: dict[str, Any], keys: Iterable[str]) -> None:
    detail = message.get("detail")
    if isinstance(detail, dict) and not any(is_sealed(key.encode(), detail) for key in keys):
        raise ForgedError


def _message_in(body: str) -> dict[str, Any]:
    """Return the queue message, empty where it is none.

    What is looked at for a seal is what is acted on: no other parser sees the text.
    """
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    except RecursionError:  # nothing of ours nests so deep
        raise ForgedError from None
    return message if isinstance(message, dict) else {}
