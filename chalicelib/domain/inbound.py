"""Messages in: commands of partners on the bus, and what makes one good (SPEC.md 7).

A message is judged in this order, and refused for the first reason that holds: it can be read,
its key is known and is its source's, the signature is right, it was fresh when it arrived, the
key may ask for this type, the data are what this type takes; then by what it asks for.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import Department
from chalicelib.domain.api_keys import Moment
from chalicelib.domain.bus_keys import BusKey, Command
from chalicelib.domain.content import MAX_ITEMS, NewItem, NewRequest, RequestId
from chalicelib.domain.errors import BudgetRequestsError, FieldError, InvalidInputError
from chalicelib.domain.events import EVENT_SOURCE, timestamp
from chalicelib.domain.fiscal import FiscalPeriod, FiscalYear
from chalicelib.domain.model import Value
from chalicelib.domain.money import Amount
from chalicelib.domain.signing import sign_data
from chalicelib.domain.text import Notes, Reference

#: How old a message may be when it arrives, and how far ahead its sender's clock (SPEC.md 7).
MAX_AGE = timedelta(minutes=5)
MAX_AHEAD = timedelta(minutes=5)

#: The largest message that is looked into, envelope included: what EventBridge takes.
MAX_MESSAGE_BYTES = 262_144

#: So long a message is known by its source and id: longer than queues and dead-letter queues
#: together keep it.
REMEMBER = timedelta(days=30)

#: Detail-type of what answers a refused message. Partners hear it on the bus, webhooks do not.
REJECTED = "message.rejected"

#: What of a refused message is kept for who looks into it, and for how long.
PARKED_BYTES = 4096
KEEP_PARKED = timedelta(days=30)

_NAMEABLE = re.compile(r"[!-~]{1,200}")  # what a stranger wrote, repeated where others read it


class Reason(StrEnum):
    """Why a message was refused."""

    MALFORMED = "MALFORMED"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    TOO_OLD = "TOO_OLD"
    IN_THE_FUTURE = "IN_THE_FUTURE"
    TYPE_NOT_ALLOWED = "TYPE_NOT_ALLOWED"
    DEPARTMENT_NOT_ALLOWED = "DEPARTMENT_NOT_ALLOWED"
    REFUSED = "REFUSED"


class RejectedError(Exception):
    """A message is refused for good: it would be, however often it came.

    `code` is that of the published catalogue where the service itself refused; `errors` are never
    told of a message whose sender is not known.
    """

    def __init__(
        self, reason: Reason, *, code: str | None = None, errors: tuple[FieldError, ...] = ()
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.code = code
        self.errors = errors

    @classmethod
    def by(cls, error: BudgetRequestsError) -> "RejectedError":
        """Return the refusal of a good message by what it asked for."""
        errors = error.errors if isinstance(error, InvalidInputError) else ()
        return cls(Reason.REFUSED, code=error.code, errors=errors)


class Delivered(Value):
    """What the queue brought: a body, and when the queue got it, which no sender can choose.

    `delivery_id` is the queue's name for it; `arrived_at` is kept when the message comes again.
    """

    body: str
    arrived_at: datetime
    delivery_id: str


class Named(Value):
    """What a message calls itself, as far as that can be made out; nobody has vouched for it."""

    id: str | None = None
    source: str | None = None
    type: str | None = None
    key_id: str | None = None


MessageId = Annotated[str, StringConstraints(strict=True, pattern=r"^[!-~]{1,200}$")]
_Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class Message(BaseModel):
    """A message that can be read; only `verified` says whether it is to be believed."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        defer_build=True,
    )

    id: MessageId
    source: _Text
    type: _Text
    time: Moment
    key_id: _Text
    data: dict[str, Any]
    signature: _Text

    @property
    def fingerprint(self) -> str:
        """What it asks for: the same when it is sent again, whatever key and time it has then."""
        return hashlib.sha256(self.type.encode() + b"\n" + rfc8785.dumps(self.data)).hexdigest()


def opened(body: str) -> tuple[Named, dict[str, Any] | None]:
    """Return what a message calls itself, and its detail; None where it cannot be read."""
    try:
        envelope = json.loads(body, parse_constant=_no_constants, object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError):
        return Named(), None
    detail = envelope.get("detail") if isinstance(envelope, dict) else None
    if not isinstance(detail, dict):
        return Named(), None
    told = {name: _nameable(detail.get(to_camel(name))) for name in Named.model_fields}
    return Named.model_validate(told), detail


def read(body: str, detail: dict[str, Any] | None) -> Message:
    """Return the message; raises RejectedError where it is none, or too large to be one."""
    if detail is None or len(body.encode(errors="replace")) > MAX_MESSAGE_BYTES:
        raise RejectedError(Reason.MALFORMED)
    try:
        message = Message.model_validate(detail)
        rfc8785.dumps(message.data)
    except (ValidationError, ValueError, RecursionError):
        raise RejectedError(Reason.MALFORMED) from None
    return message


def verify(
    message: Message, key: BusKey | None, secrets: Iterable[str], arrived_at: datetime
) -> BusKey:
    """Have a message be of who it says, and return the key that says so; raises RejectedError.

    `secrets` are what that key may sign with: during a rotation two.

    The signature covers id, time and data. That type and source are not exchanged is for the key:
    it has one source, and its types.
    """
    if key is None or not key.is_good(arrived_at) or key.source != message.source:
        raise RejectedError(Reason.UNKNOWN_KEY)
    signature = message.signature.encode(errors="replace")
    for secret in secrets:
        expected = sign_data(secret.encode(), message.id, message.time, message.data)
        if hmac.compare_digest(expected.encode(), signature):
            return key
    raise RejectedError(Reason.BAD_SIGNATURE)


def judge_freshness(message: Message, arrived_at: datetime) -> None:
    """Have a message be new when it arrived; raises RejectedError."""
    if arrived_at - message.time > MAX_AGE:
        raise RejectedError(Reason.TOO_OLD)
    if message.time - arrived_at > MAX_AHEAD:
        raise RejectedError(Reason.IN_THE_FUTURE)


def command_of(message: Message, key: BusKey) -> Command:
    """Return what a message asks for; raises RejectedError where its key may not."""
    for command in key.types:
        if command == message.type:
            return command
    raise RejectedError(Reason.TYPE_NOT_ALLOWED)


class _Item(NewItem):
    model_config = ConfigDict(extra="ignore")


class PurchaseRequestApproved(NewRequest):
    """The data of `purchase_request.approved`: a new request, linked to what was approved."""

    model_config = ConfigDict(extra="ignore")

    linked_purchase_request_id: Reference
    items: tuple[_Item, ...] = Field(default=(), max_length=MAX_ITEMS)


class BudgetUpdated(Value):
    """The data of `finance.budget.updated`; without year and period it is the current one."""

    model_config = ConfigDict(extra="ignore")

    department: Department
    fiscal_year: FiscalYear | None = None
    fiscal_period: FiscalPeriod | None = None


class Consumed(Value):
    """The data of `reservation.consumed`; without `amount` all that is held is consumed."""

    model_config = ConfigDict(extra="ignore")

    budget_request_id: RequestId
    amount: Amount | None = None


class ReleaseRequested(Value):
    """The data of `reservation.release_requested`."""

    model_config = ConfigDict(extra="ignore")

    budget_request_id: RequestId
    reason: Notes | None = None


_Data = TypeVar("_Data", bound=Value)


def data_as(model: type[_Data], message: Message) -> _Data:
    """Return the data of a message, exactly as they were signed.

    Raises RejectedError naming all that is wrong with them.
    """
    # The canonical form is what was signed: amounts are read from it, not from a binary float.
    signed = json.loads(rfc8785.dumps(message.data), parse_float=Decimal)
    try:
        return model.model_validate(signed, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = tuple(
            FieldError(".".join(map(str, ("data", *e["loc"]))), e["msg"]) for e in error.errors()
        )
        raise RejectedError(Reason.MALFORMED, errors=errors) from None


class Parked(Value):
    """A refused message as it is kept for who looks into it, with the beginning of its body."""

    delivery_id: str
    arrived_at: datetime
    parked_at: datetime
    named: Named
    reason: Reason
    code: str | None
    errors: tuple[str, ...]
    content: str

    @classmethod
    def of(cls, delivered: Delivered, named: Named, why: RejectedError, at: datetime) -> "Parked":
        """Return what is kept of a message that was refused at `at`."""
        beginning = delivered.body.encode(errors="replace")[:PARKED_BYTES]
        return cls(
            delivery_id=delivered.delivery_id,
            arrived_at=delivered.arrived_at,
            parked_at=at,
            named=named,
            reason=why.reason,
            code=why.code,
            errors=tuple(f"{each.field}: {each.message}" for each in why.errors),
            content=beginning.decode(errors="ignore"),
        )

    @property
    def event_id(self) -> str:
        """The id of the event that tells of the refusal: the same whenever it is told."""
        return f"evt_rejected_{self.delivery_id}"

    def told(self) -> dict[str, Any]:
        """Return the data of the event that tells of the refusal; nothing of the content."""
        return {
            "id": self.named.id,
            "source": self.named.source,
            "type": self.named.type,
            "keyId": self.named.key_id,
            "reason": self.reason.value,
            "code": self.code,
            "errors": list(self.errors),
            "arrivedAt": timestamp(self.arrived_at),
        }


def rejection_event(parked: Parked, *, key: bytes, key_id: str) -> dict[str, Any]:
    """Return the event that answers a refused message, signed as all of ours."""
    data = parked.told()
    return {
        "specversion": "1.0",
        "id": parked.event_id,
        "source": EVENT_SOURCE,
        "type": REJECTED,
        "time": timestamp(parked.parked_at),
        "datacontenttype": "application/json",
        "data": data,
        "keyId": key_id,
        "signature": sign_data(key, parked.event_id, parked.parked_at, data),
    }


def _nameable(value: object) -> str | None:
    return value if isinstance(value, str) and _NAMEABLE.fullmatch(value) else None


def _no_constants(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
