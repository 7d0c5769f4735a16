"""Webhook subscriptions: who is told of which events, where, and how long one may fail."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from chalicelib.domain import signing
from chalicelib.domain.access import SYSTEM_ID_PREFIX, Actor, Department, Level
from chalicelib.domain.addresses import judge_url
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.model import Value
from chalicelib.domain.text import Notes

#: Subscribes to every event, those of later versions included.
ALL_EVENTS = "*"

MAX_URL_LENGTH = 2000

#: How long a secret signs on after it was replaced, and how many such there may be at once.
OVERLAP = timedelta(hours=24)
MAX_OLD_SECRETS = 3

#: A subscription that has failed without a success for so long is disabled; it is told of before,
#: so long after it began. That is longer than any one event is tried.
WARN_AFTER = (timedelta(days=1), timedelta(days=3))
DISABLE_AFTER = timedelta(days=5)

#: After a silence between two failures that is longer than this, failing begins anew: nothing is
#: known of the time between.
FORGET_FAILURE_AFTER = timedelta(hours=36)

#: `lastFailedAt` may be this late: a write for each failure would cost more than it is worth.
FAILED_PRECISION = timedelta(hours=1)

#: The service itself, as it disables subscriptions and warns of it.
KEEPER = Actor(
    id=f"{SYSTEM_ID_PREFIX}webhooks",
    name="webhooks",
    role="System",
    level=Level.SYSTEM,
    department=None,
)


def _web_address(url: str) -> str:
    wrong = judge_url(url)
    if wrong:
        raise ValueError(wrong)
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


def _only_what_is_named(schema: dict[str, Any]) -> None:
    schema["minProperties"] = 1
    for field in schema["properties"].values():
        field.pop("default", None)


class SubscriptionChange(Value):
    """The body of a change to a subscription: the fields to change, at least one."""

    model_config = ConfigDict(json_schema_extra=_only_what_is_named)

    url: WebhookUrl = ""
    events: tuple[EventName, ...] = Field(default=(), min_length=1)
    departments: tuple[Department, ...] = ()
    description: Notes | None = None
    is_active: StrictBool = True

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one field to change")
        return self


class DisabledBecause(StrEnum):
    """Why a subscription is not active."""

    BY_HAND = "BY_HAND"
    GONE = "GONE"
    FAILING = "FAILING"


class Subscription(Value):
    """A subscription as it is kept; its secrets are kept beside it, each shown once.

    `failingSince` is its first failure since it last took an event, `warnings` how often that was
    told of; `version` counts its changes, those by the service itself included.
    """

    id: str
    url: str
    events: tuple[str, ...]
    departments: tuple[Department, ...]
    description: str | None
    is_active: bool
    disabled_because: DisabledBecause | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    last_failed_at: datetime | None = None
    warnings: int = 0
    secret_rotated_at: datetime | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime | None = None
    version: int = 1

    def hears(self, event_type: str, department: str) -> bool:
        """Whether an event of this department is one of those asked for, active or not."""
        return (ALL_EVENTS in self.events or event_type in self.events) and (
            not self.departments or department in self.departments
        )

    def changed(self, change: SubscriptionChange, at: datetime) -> Self:
        """Return the subscription with the fields that `change` names as they are there.

        One that is activated has a clean slate.
        """
        fields = change.model_dump(include=change.model_fields_set, by_alias=False)
        for name in ("events", "departments"):
            if name in fields:
                fields[name] = tuple(sorted(set(fields[name])))
        if fields.get("is_active", self.is_active) is not self.is_active:
            fields |= _ACTIVE if fields["is_active"] else _disabled(DisabledBecause.BY_HAND, at)
        return self._now(at, **fields)

    def rotated(self, at: datetime) -> Self:
        """Return the subscription with another secret."""
        return self._now(at, secret_rotated_at=at)

    def touched(self, at: datetime) -> Self:
        """Return the subscription as it is, after something that Audit is told of."""
        return self._now(at)

    def after_success(self, at: datetime) -> Self | None:
        """Return the subscription after an event was taken; None where that is no news."""
        if self.failing_since is None or not self.is_active:
            return None
        return self._now(at, **_WELL)

    def after_failure(
        self, at: datetime, *, is_gone: bool
    ) -> tuple[Self, AuditAction | None] | None:
        """Return the subscription after a failure and what is told of it; None for no news.

        `is_gone` says that the receiver wants nothing more (410).
        """
        if not self.is_active:
            return None
        if is_gone:
            gone = _disabled(DisabledBecause.GONE, at)
            return self._now(at, **gone), AuditAction.WEBHOOK_DISABLE
        since, last = self.failing_since, self.last_failed_at
        if since is None or last is None or at - last > FORGET_FAILURE_AFTER:
            return self._now(at, failing_since=at, last_failed_at=at, warnings=0), None
        failing_for = at - since
        if failing_for >= DISABLE_AFTER and self.warnings >= len(WARN_AFTER):
            failing = _disabled(DisabledBecause.FAILING, at)
            return self._now(at, last_failed_at=at, **failing), AuditAction.WEBHOOK_DISABLE
        if self.warnings < len(WARN_AFTER) and failing_for >= WARN_AFTER[self.warnings]:
            warned = self._now(at, last_failed_at=at, warnings=self.warnings + 1)
            return warned, AuditAction.WEBHOOK_WARN
        if at - last >= FAILED_PRECISION:
            return self._now(at, last_failed_at=at), None
        return None

    def _now(self, at: datetime, **fields: object) -> Self:
        return self.model_copy(update={"updated_at": at, "version": self.version + 1, **fields})


_WELL: dict[str, object] = {"failing_since": None, "last_failed_at": None, "warnings": 0}
_ACTIVE = _WELL | {"disabled_because": None, "disabled_at": None}


def _disabled(why: DisabledBecause, at: datetime) -> dict[str, object]:
    return {"is_active": False, "disabled_because": why, "disabled_at": at}


class OldSecret(Value):
    """A secret that was replaced, and until when it signs."""

    secret: str
    until: datetime


class Endpoint(Value):
    """A subscription with the secrets that sign what it is sent."""

    subscription: Subscription
    secret: str
    old_secrets: tuple[OldSecret, ...] = ()

    def keys(self, at: datetime) -> tuple[bytes, ...]:
        """Return the keys that sign at this moment, the newest first."""
        old = [each.secret for each in self.old_secrets if each.until > at]
        return tuple(signing.secret_bytes(secret) for secret in (self.secret, *old))

    def rotated(self, secret: str, at: datetime) -> Self:
        """Return it with a new secret; the one before signs on for a while."""
        replaced = OldSecret(secret=self.secret, until=at + OVERLAP)
        signing_on = tuple(each for each in self.old_secrets if each.until > at)
        return self.model_copy(
            update={
                "subscription": self.subscription.rotated(at),
                "secret": secret,
                "old_secrets": (replaced, *signing_on)[:MAX_OLD_SECRETS],
            }
        )

    def with_subscription(self, subscription: Subscription) -> Self:
        """Return it with its subscription changed."""
        return self.model_copy(update={"subscription": subscription})
