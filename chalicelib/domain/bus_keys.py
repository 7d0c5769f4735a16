"""Keys of partners on the bus: what each may ask for, and the secret it signs with (SPEC.md 7)."""

import base64
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.domain.access import (
    BUS_ID_PREFIX,
    SERVICE_ROLE,
    Actor,
    Department,
    Level,
    Scope,
)
from chalicelib.domain.api_keys import Moment
from chalicelib.domain.events import AUDIT_SOURCE, EVENT_SOURCE
from chalicelib.domain.model import Value

#: What every key id begins with.
ID_MARK = "bus_"

#: What every secret begins with, for people and for scanners of leaked secrets.
SECRET_MARK = "bks_"  # noqa: S105 - a prefix, not a secret

_ID_BYTES = 12
_ID = re.compile(rf"{ID_MARK}[0-9a-f]{{{_ID_BYTES * 2}}}")


class Command(StrEnum):
    """What partners may ask for on the bus."""

    PURCHASE_REQUEST_APPROVED = "purchase_request.approved"
    BUDGET_UPDATED = "finance.budget.updated"
    CONSUMED = "reservation.consumed"
    RELEASE_REQUESTED = "reservation.release_requested"


#: What a service must be good for to have a command done.
SCOPES: dict[Command, tuple[Scope, ...]] = {
    Command.PURCHASE_REQUEST_APPROVED: (Scope.REQUESTS_WRITE, Scope.REQUESTS_SUBMIT),
    Command.BUDGET_UPDATED: (Scope.SYNC_RUN,),
    Command.CONSUMED: (Scope.RESERVATIONS_CONSUME,),
    Command.RELEASE_REQUESTED: (Scope.RESERVATIONS_RELEASE,),
}


def generate_id() -> str:
    """Return the id of a new key."""
    return ID_MARK + secrets.token_hex(_ID_BYTES)


def is_well_formed(key_id: str) -> bool:
    """Whether `key_id` can be one of ours."""
    return _ID.fullmatch(key_id) is not None


def secret_of(key_id: str, root: str) -> str:
    """Return the secret of a key, which nobody keeps: it is derived from the stack's root secret.

    The key of the HMAC is this text, as UTF-8.
    """
    derived = hmac.digest(root.encode(), f"budget-requests/bus-key/{key_id}".encode(), "sha256")
    return SECRET_MARK + base64.urlsafe_b64encode(derived).decode("ascii").rstrip("=")


def _foreign(source: str) -> str:
    if source in {EVENT_SOURCE, AUDIT_SOURCE}:
        raise ValueError("must not be this service's own")
    return source


#: Who sends, as the messages say it; our own events come from sources that nobody else may have.
Source = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$"),
    AfterValidator(_foreign),
]


class NewBusKey(Value):
    """What a new key is for; without `expiresAt` it is good until it is revoked."""

    source: Source
    types: Annotated[tuple[Command, ...], Field(min_length=1)]
    departments: Annotated[tuple[Department, ...], Field(min_length=1)]
    expires_at: Moment | None = None


class BusKey(Value):
    """A key as it is kept and shown: all but its secret, which is kept nowhere."""

    key_id: str
    source: str
    types: tuple[Command, ...]
    departments: tuple[Department, ...]
    expires_at: datetime | None
    is_active: bool
    created_by: str
    created_at: datetime
    revoked_by: str | None = None
    revoked_at: datetime | None = None

    def is_good(self, at: datetime) -> bool:
        """Whether what came at `at` may be signed with this key."""
        return self.is_active and (self.expires_at is None or at < self.expires_at)

    @property
    def service(self) -> Actor:
        """Who speaks with this key: the source, whichever of its keys it is."""
        return Actor(
            id=f"{BUS_ID_PREFIX}{self.source}",
            name=self.source,
            role=SERVICE_ROLE,
            level=Level.SERVICE,
            department=None,
            scopes=tuple(dict.fromkeys(scope for kind in self.types for scope in SCOPES[kind])),
            departments=self.departments,
        )
