"""What a row says of its change, as the relay reads it from the table's stream."""

from chalicelib.domain.events import AuditEntry, Event
from chalicelib.domain.messages import Outbox
from chalicelib.observability import correlation_id


def outbox(events: tuple[Event, ...] = (), audit: AuditEntry | None = None) -> Outbox:
    """Return what is stored with a change, with the id of the call that made it."""
    return Outbox(events=events, audit=audit, correlation_id=correlation_id())


def told(events: tuple[Event, ...] = (), audit: AuditEntry | None = None) -> str:
    """Return the same as the text that rows keep."""
    return outbox(events, audit).model_dump_json()
