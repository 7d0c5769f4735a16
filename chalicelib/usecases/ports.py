"""What the use cases ask of the outside world; adapters and the tests' fakes both answer."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Protocol

from chalicelib.domain.api_keys import ApiKey
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures
from chalicelib.domain.events import AuditEntry, Event
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.listing import Selection, Summary
from chalicelib.domain.model import Value
from chalicelib.domain.notifications import Mail, Notification
from chalicelib.domain.rate_limits import Window
from chalicelib.domain.requests import BudgetRequest, Change, HistoryEntry
from chalicelib.domain.webhooks import Subscription


class RequestStore(Protocol):
    """Where requests live, and the only way to write them."""

    def next_sequence(self, year: int) -> int:
        """Return the next number of `year`, from 1, never the same twice."""

    def get(self, request_id: int) -> BudgetRequest:
        """Return a request; raises RequestNotFoundError."""

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        """Return those of the requests that exist, in one round trip; at most 25."""

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Write changes whole or not at all, with their holds and what is told of them.

        Raises ConflictError, InsufficientBudgetError, BudgetUnknownError, BusyError, and
        IdempotencyKeyTakenError where the receipt's key has one; then nothing changed.
        """


class RequestLists(Protocol):
    """Requests read together: by owner, department, status, link or supplier."""

    def slice(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        skip: int = 0,
        limit: int,
        newest_first: bool = True,
    ) -> list[Summary]:
        """Return up to `limit` rows after position `after` and the first `skip`; no sifting.

        Raises FilterTooBroadError past the row budget.
        """

    def count(self, selection: Selection) -> int:
        """Return how many a selection has that counters know."""

    def all(self, selection: Selection) -> list[Summary]:
        """Return every row of a selection, newest first; raises FilterTooBroadError."""

    def of_supplier(self, supplier: str) -> list[int]:
        """Return the requests that have, or had, a line of a supplier, newest first."""

    def archived_history(self, request_id: int, *, first: int, last: int) -> list[HistoryEntry]:
        """Return the chunks of archived history that begin with entries `first` to `last`."""


class Receipts(Protocol):
    """What calls with an idempotency key were answered."""

    def find(self, caller: str, key: str, now: datetime) -> Receipt | None:
        """Return what a call with this key was answered, None where there was none."""


class BudgetStore(Protocol):
    """What Finance last said of each budget, and our holds against it."""

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        """Return a budget; None where Finance has told us nothing."""

    def record(
        self, key: BudgetKey, figures: FinanceFigures, *, confirmations: int, at: datetime
    ) -> bool:
        """Take over Finance's figures, fetched when `confirmations` holds had been confirmed.

        Returns False, having changed nothing, when one was confirmed since.
        """

    def mark_stale(self, key: BudgetKey, at: datetime) -> None:
        """Note that Finance could not be asked at `at`; nothing where no budget is known."""


class HoldConfirmations(Protocol):
    """What Finance has confirmed of our holds."""

    def confirm(self, key: BudgetKey, amount: Decimal, *, event_id: str) -> None:
        """Count a hold as contained in Finance's figures; doing it again changes nothing."""


class Finance(Protocol):
    """Finance Main."""

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        """Return what Finance says of a budget, None where it has none.

        Raises FinanceUnavailableError.
        """

    def reserve(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance of a hold; raises DeliveryFailedError."""

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance that a hold is no more; raises DeliveryFailedError."""


class AuditQueue(Protocol):
    """The way to Audit for what changes nothing and so leaves no trace in the stream."""

    def send(self, entry: AuditEntry) -> None:
        """Queue `entry`."""


class AuditLogs(Protocol):
    """The Audit Logs service."""

    def record(self, entry: AuditEntry) -> None:
        """Deliver `entry`; raises DeliveryFailedError."""


class EventBus(Protocol):
    """The bus everyone listens to."""

    def publish(self, events: tuple[Event, ...], audit: AuditEntry) -> None:
        """Publish what is told of one change; raises DeliveryFailedError."""


class Claim(Enum):
    """What asking for an event's claim gave."""

    MINE = auto()
    DONE = auto()


class Claims(Protocol):
    """Who works on which event, so that its effect happens once."""

    def claim(self, consumer: str, event_id: str, now: datetime) -> Claim:
        """Claim an event for `consumer`; raises ClaimHeldError while another holds it."""

    def complete(self, consumer: str, event_id: str, now: datetime) -> None:
        """Mark the event done for good."""

    def release(self, consumer: str, event_id: str) -> None:
        """Give the claim back, so that a retry need not wait for the lease to end."""


class Subscriptions(Protocol):
    """The webhook subscriptions."""

    def add(
        self, subscription: Subscription, secret: str, *, receipt: Receipt | None = None
    ) -> None:
        """Keep a new subscription with its secret, and the receipt of the call with it.

        Raises IdempotencyKeyTakenError where the receipt's key has one; then nothing was kept.
        """

    def all(self) -> tuple[tuple[Subscription, str], ...]:
        """Return every subscription with its secret."""


class Attempt(Value):
    """How one try to deliver a webhook went; `status` is None where no answer came."""

    at: datetime
    status: int | None
    duration_ms: int
    answer: str
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it: 2xx and nothing else."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the 2xx


class Deliveries(Protocol):
    """The record of each event's way to each subscriber."""

    def record(self, subscription_id: str, event_id: str, attempt: Attempt) -> None:
        """Keep how an attempt went."""


class WebhookSender(Protocol):
    """The way to a subscriber."""

    def check(self, url: str) -> None:
        """Refuse an address that must never be called; raises InvalidInputError."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Attempt:
        """Post once; what goes wrong is in the attempt, not raised."""


class Mailer(Protocol):
    """The way to a mailbox."""

    def send(self, mail: Mail) -> None:
        """Send one mail; raises DeliveryFailedError."""


class Notifications(Protocol):
    """The record of mails."""

    def record(self, notification: Notification) -> None:
        """Keep a notification, replacing what was kept of it before."""

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        """Return the newest notifications of a request, newest first, at most `limit`."""


class ApiKeys(Protocol):
    """The API keys, none of which is kept itself: only what it hashes to."""

    def add(self, key: ApiKey, key_hash: str, *, receipt: Receipt | None = None) -> None:
        """Keep a new key under its hash, and the receipt of the call with it.

        Raises IdempotencyKeyTakenError where the receipt's key has one; then nothing was kept.
        """

    def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash as it is now, in one read; None where there is none."""

    def get(self, key_id: str) -> ApiKey:
        """Return the key with this id; raises ApiKeyNotFoundError."""

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, revoked and expired ones too."""

    def revoke(self, key_id: str, *, by: str, at: datetime) -> ApiKey:
        """End a key, unless it has ended, and return it; raises ApiKeyNotFoundError."""

    def mark_used(self, key_hash: str, at: datetime) -> None:
        """Note that a key was used at `at`, unless another call has just noted the like."""


class RateCounters(Protocol):
    """How often each principal has called."""

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        """Count one call, and return the window's (calls, creations) with it, in one write.

        No two calls get the same count, however many ask at once.
        """
