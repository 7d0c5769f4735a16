"""The way of one event to one subscriber: its attempts, and when the next is due (SPEC.md 6)."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.api_keys import Moment
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.model import Value
from chalicelib.domain.paging import DEFAULT_LIMIT, Cursor, Limit

#: When an event is tried, counted from the first attempt.
SCHEDULE = (
    timedelta(),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)

#: An attempt comes later by up to this part of the wait before it, so that what failed together
#: does not come back together.
JITTER = 0.1

#: A receiver may ask for at most this much time in `Retry-After`.
MAX_RETRY_AFTER = timedelta(hours=24)

#: The longest wait that a message spends in the queue; longer ones are kept as a due time.
LONGEST_IN_QUEUE = timedelta(minutes=15)

#: An attempt belongs to one worker for so long: just over the longest function timeout (30 s).
LEASE = timedelta(seconds=35)

#: A receiver that took as long as this is left alone for so many times as long, by the process that
#: waited: it may take up a quarter of a worker's time, and no more of what others wait for.
SLOW = timedelta(seconds=1)
RESTS = 3

#: What would be tried meanwhile is put off for so long, and by chance up to so much longer.
PUT_OFF = timedelta(minutes=1)
PUT_OFF_SPREAD = timedelta(minutes=4)

#: What was handed to the queue, and not begun, is handed over again after so long.
HANDED_OVER_AGAIN_AFTER = timedelta(minutes=15)

#: How long a delivery is kept, with the event.
KEEP = timedelta(days=30)

#: Of a delivery that is tried for ever again by hand the last attempts are kept, and of the
#: answers to all but the last only the beginning.
MAX_KEPT_ATTEMPTS = 20
KEPT_ANSWER_CHARACTERS = 200

#: The event that a test sends; it is in no catalogue, because nobody can subscribe to it.
PING = "webhook.ping"

_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


class Answered(Value):
    """What came of one POST; `status` is None where no answer came, `retryAfter` as it was said."""

    status: int | None
    duration_ms: int
    answer: str
    error: str | None = None
    retry_after: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it: 2xx and nothing else."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the 2xx

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing more, now or later."""
        return self.status == HTTPStatus.GONE

    def asked_to_wait(self, at: datetime) -> timedelta:
        """Return how long the receiver asked to be left alone, as far as we heed it."""
        if self.retry_after is None:
            return timedelta()
        return min(max(_wait(self.retry_after.strip(), at), timedelta()), MAX_RETRY_AFTER)


def _wait(text: str, at: datetime) -> timedelta:
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - at


class Attempt(Value):
    """How one try went: `status` is null where no answer came, `answer` is its beginning."""

    number: int
    at: datetime
    status: int | None
    duration_ms: int
    answer: str
    error: str | None


class DeliveryStatus(StrEnum):
    """Where a delivery stands: HELD ones wait for their subscription to be active again."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    DEAD = "DEAD"
    HELD = "HELD"


class Delivery(Value):
    """One event on its way to one subscriber.

    `nextAttemptAt` is null where none is to come. `tries` are the attempts since the event came,
    or was last sent again by hand; `dueAt` is when the next is to be fetched from the table.
    """

    id: str
    subscription_id: str
    event_id: str
    event: str
    event_time: datetime
    department: str | None
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    attempts_so_far: int = 0
    next_attempt_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int = 0
    tries: int = 0
    tried_since: datetime | None = None
    is_by_hand: bool = False
    due_at: datetime | None = None
    lease_until: datetime | None = None

    @classmethod
    def of(cls, subscription_id: str, event: PublishedEvent, at: datetime) -> Self:
        """Return the delivery of an event that is to be tried at once; nobody has kept it yet."""
        return cls(
            id=delivery_id(event),
            subscription_id=subscription_id,
            event_id=event.id,
            event=event.type,
            event_time=event.time,
            department=event.data.get("department"),
            next_attempt_at=at,
            created_at=at,
            updated_at=at,
        )

    @property
    def is_waiting(self) -> bool:
        """Whether an attempt is to come."""
        return self.status is DeliveryStatus.PENDING

    @property
    def is_recoverable(self) -> bool:
        """Whether it is an event that nobody will try again unless asked to."""
        return not self.is_ping and self.status in {DeliveryStatus.DEAD, DeliveryStatus.HELD}

    @property
    def is_given_up(self) -> bool:
        """Whether it is an event that its subscriber was sent for the last time, in vain."""
        return not self.is_ping and self.status is DeliveryStatus.DEAD

    @property
    def is_ping(self) -> bool:
        """Whether it is a test: tried once, and no sign of how the receiver does."""
        return self.event == PING

    def is_leased(self, at: datetime) -> bool:
        """Whether a worker is at it."""
        return self.lease_until is not None and self.lease_until >= at

    def waits(self, at: datetime) -> timedelta:
        """Return how long it is until the next attempt; nothing where it is due."""
        return max((self.next_attempt_at or at) - at, timedelta())

    def begun(self, at: datetime) -> Self:
        """Return it as an attempt begins."""
        return self._now(
            at,
            lease_until=at + LEASE,
            due_at=None,
            tries=self.tries + 1,
            tried_since=self.tried_since or at,
        )

    def ended(self, answered: Answered, at: datetime, *, chance: float) -> Self:
        """Return it after the attempt that began at `at`; `chance` is in [0, 1)."""
        number = self.attempts_so_far + 1
        attempt = Attempt(
            number=number, at=at, **answered.model_dump(exclude={"retry_after"}, by_alias=False)
        )
        earlier = tuple(_shortened(each) for each in self.attempts)
        fields: dict[str, object] = {
            "attempts": (*earlier, attempt)[-MAX_KEPT_ATTEMPTS:],
            "attempts_so_far": number,
            "lease_until": None,
            "is_by_hand": False,
            "next_attempt_at": None,
        }
        if answered.succeeded:
            return self._now(at, status=DeliveryStatus.SUCCEEDED, **fields)
        if answered.is_gone or self.is_ping or self.tries >= len(SCHEDULE):
            return self._now(at, status=DeliveryStatus.DEAD, **fields)
        next_at = next_attempt_at(
            self.tried_since or at,
            self.tries,
            at,
            asked_to_wait=answered.asked_to_wait(at),
            chance=chance,
        )
        fields["next_attempt_at"] = next_at
        fields["due_at"] = next_at if next_at - at > LONGEST_IN_QUEUE else None
        return self._now(at, **fields)

    def put_off(self, at: datetime, *, chance: float) -> Self:
        """Return it as it waits in the table for its receiver to be less busy; no attempt."""
        later = at + PUT_OFF + PUT_OFF_SPREAD * chance
        return self._now(at, next_attempt_at=later, due_at=later)

    def held(self, at: datetime) -> Self:
        """Return it as it waits for its subscription to be active again."""
        return self._now(
            at, status=DeliveryStatus.HELD, next_attempt_at=None, due_at=None, lease_until=None
        )

    def again(self, at: datetime, *, is_by_hand: bool = False) -> Self:
        """Return it as it is to be tried from the beginning, whatever became of it.

        `is_by_hand` has it tried once even where the subscription is not active. It is due in the
        table as well, so that it is found there should its message be lost.
        """
        return self._now(
            at,
            status=DeliveryStatus.PENDING,
            next_attempt_at=at,
            due_at=at + timedelta(minutes=1),
            tries=0,
            tried_since=None,
            is_by_hand=is_by_hand,
        )

    def _now(self, at: datetime, **fields: object) -> Self:
        return self.model_copy(update={"updated_at": at, "version": self.version + 1, **fields})


def delivery_id(event: PublishedEvent) -> str:
    """Return the id of an event's delivery: the same for each subscriber, whenever it comes.

    Ids sort by the time of the event.
    """
    return f"{first_id_since(event.time)}_{event.id}"


def first_id_since(moment: datetime) -> str:
    """Return what sorts before the ids of all events from `moment` on."""
    return f"dlv_{max(int(moment.timestamp() * 1000), 0):014d}"


def next_attempt_at(
    tried_since: datetime, tries: int, at: datetime, *, asked_to_wait: timedelta, chance: float
) -> datetime:
    """Return when the attempt after `tries` of them comes, the last of which was at `at`.

    As in the schedule, later by a little chance, never sooner than the receiver asked for; where
    the service itself was late, what is missing is not made up for at once.
    """
    gap = SCHEDULE[tries] - SCHEDULE[tries - 1]
    planned = max(tried_since + SCHEDULE[tries], at + gap / 2) + gap * (JITTER * chance)
    return max(planned, at + asked_to_wait)


def _shortened(attempt: Attempt) -> Attempt:
    return attempt.model_copy(update={"answer": attempt.answer[:KEPT_ANSWER_CHARACTERS]})


class _Order(BaseModel):
    """A message that the service sends itself; extras are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True
    )


class DeliverOrder(_Order):
    """Have one delivery tried, where it is due."""

    do: Literal["deliver"]
    subscription_id: str
    delivery_id: str
    event_id: str


class SweepOrder(_Order):
    """Have everything tried whose time in the table has come; the schedule sends it."""

    do: Literal["sweep"]


class RecoverOrder(_Order):
    """Have all deliveries after the id `after` tried again that nobody will try otherwise."""

    do: Literal["recover"]
    subscription_id: str
    after: str


Order = DeliverOrder | SweepOrder | RecoverOrder


class DeliveryQuery(Value):
    """The query of a subscription's deliveries, those of the newest events first."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class DeliveryMeta(Value):
    """Where a page of deliveries stands; deliveries come and go, so that nobody counts them."""

    limit: int
    next_cursor: str | None


class RecoverQuery(Value):
    """From when on events are to be sent again."""

    since: Annotated[Moment, Field(description="Such as 2026-01-31T00:00:00Z.")]
