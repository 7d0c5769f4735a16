"""Webhook subscriptions: who is told of which events, at which address."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.domain.access import Department
from chalicelib.domain.events import EventType
from chalicelib.domain.model import Value
from chalicelib.domain.text import Notes

#: Subscribes to every event, those of later versions included.
ALL_EVENTS = "*"

MAX_URL_LENGTH = 2000


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("must be a valid http(s) URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine:
        raise ValueError("must be a valid http(s) URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry credentials")
    return url


WebhookUrl = Annotated[
    str,
    StringConstraints(strict=True, max_length=MAX_URL_LENGTH, pattern=r"^[\x21-\x7e]+$"),
    AfterValidator(_web_address),
    Field(json_schema_extra={"format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[!-~]+$"}),
]


def _in_the_catalogue(name: str) -> str:
    if name != ALL_EVENTS and name not in set(EventType):
        raise ValueError(f"must be {ALL_EVENTS} or one of: {', '.join(EventType)}")
    return name


#: One event of the catalogue, or all; one type, so that an error's path is the field's own.
EventName = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_in_the_catalogue),
    Field(json_schema_extra={"enum": [ALL_EVENTS, *EventType]}),
]


class NewSubscription(Value):
    """The body of a new subscription; no departments means all of them."""

    url: WebhookUrl
    events: tuple[EventName, ...] = Field(min_length=1)
    departments: tuple[Department, ...] = ()
    description: Notes | None = None


class Subscription(Value):
    """A subscription as it is kept; its secret is kept beside it and shown once."""

    id: str
    url: str
    events: tuple[str, ...]
    departments: tuple[str, ...]
    description: str | None
    is_active: bool
    created_by: str
    created_at: datetime

    def wants(self, event_type: str, department: str) -> bool:
        """Whether this subscriber is to be told of such an event of this department."""
        return (
            self.is_active
            and (ALL_EVENTS in self.events or event_type in self.events)
            and (not self.departments or department in self.departments)
        )
