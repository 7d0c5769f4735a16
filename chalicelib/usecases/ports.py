"""What the use cases ask of the outside world; adapters and the tests' fakes both answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

# For their readers alone: a worker would import all of the domain for the names of its types.
if TYPE_CHECKING:
    from chalicelib.domain.access import Actor, Department
    from chalicelib.domain.aggregates import DayAggregate
    from chalicelib.domain.api_keys import ApiKey
    from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures, UntoldBudget
    from chalicelib.domain.bus_keys import BusKey
    from chalicelib.domain.changes import Change
    from chalicelib.domain.deadlines import DueKind, DueRequest
    from chalicelib.domain.deliveries import Answered, Delivery, Order
    from chalicelib.domain.events import AuditEntry, Event
    from chalicelib.domain.idempotency import Receipt
    from chalicelib.domain.inbound import Parked
    from chalicelib.domain.jobs import JobName, JobOrder, JobRun
    from chalicelib.domain.listing import Selection, Sifted, Summary
    from chalicelib.domain.messages import PublishedEvent
    from chalicelib.domain.metrics import Depth, Hits
    from chalicelib.domain.notifications import Mail, Notification
    from chalicelib.domain.rate_limits import Window
    from chalicelib.domain.requests import BudgetRequest, HistoryEntry
    from chalicelib.domain.syncs import Fetch, FiguresVersion, Recording
    from chalicelib.domain.tellings import Begun, Telling
    from chalicelib.domain.totals import DepartmentTotals
    from chalicelib.domain.webhooks import Endpoint


@dataclass(frozen=True)
class Stored:
    """A request and its newest mails as they are stored.

    `text` is another one when anything of them is, whatever form it has; `open` parses it, and
    raises RequestNotFoundError where the request was deleted.
    """

    text: tuple[bytes | str, ...]
    open: Callable[[], tuple[BudgetRequest, tuple[Notification, ...]]]


class RequestStore(Protocol):
    """Where requests live, and the only way to write them."""

    def next_sequence(self, year: int) -> int:
        """Return the next number of `year`, from 1, never the same twice."""

    def get(self, request_id: int) -> BudgetRequest:
        """Return a request; raises RequestNotFoundError."""

    def get_with_mails(self, request_id: int, *, mails: int) -> Stored:
        """Return a request with its newest mails, newest first, at most so many.

        All as last written, in one round trip. Raises RequestNotFoundError.
        """

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        """Return those of the requests that exist, in one round trip; at most 25."""

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Write changes whole or not at all, with their holds and what is told of them.

        Raises ConflictError, InsufficientBudgetError, BudgetUnknownError, BusyError,
        InvalidInputError where several are too large to be written together, and
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
        """Return up to `limit` rows after position `after` and the first `skip`; no sifting."""

    def totals(self, departments: Sequence[Department]) -> tuple[DepartmentTotals, ...]:
        """Return what each department's requests come to, as of their last commit."""

    def sift(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        matches: int | None = None,
        rows: int,
    ) -> Sifted:
        """Look at up to `rows` rows after position `after`, or until `matches` are asked for."""

    def of_supplier(
        self,
        supplier: str,
        departments: Sequence[Department],
        *,
        first: str | None = None,
        limit: int,
    ) -> list[str]:
        """Return where requests of the departments are that have, or had, a line of a supplier.

        Newest first, up to `limit` from position `first` on.
        """

    def archived_history(self, request_id: int, *, first: int, last: int) -> list[HistoryEntry]:
        """Return the chunks of archived history that begin with entries `first` to `last`."""


class Aggregates(Protocol):
    """What each department's days came to."""

    def record(self, aggregate: DayAggregate) -> None:
        """Keep a day's figures in place of what was kept of it."""

    def between(self, department: Department, first: date, last: date) -> list[DayAggregate]:
        """Return what is kept of a department's days, both ends included, the oldest first."""


class Queues(Protocol):
    """The queues between the service's functions."""

    def depths(self) -> dict[str, Depth]:
        """Return how many messages each has, by its name."""


class HitCounts(Protocol):
    """How often caches had what they were asked for, by day (UTC)."""

    def add(self, day: date, hits: Hits) -> None:
        """Add to a day's counts."""

    def of(self, days: Sequence[date]) -> Hits:
        """Return what was counted on these days in all, as far as it is still kept."""


class Receipts(Protocol):
    """What calls with an idempotency key were answered."""

    def find(self, caller: str, key: str, now: datetime) -> Receipt | None:
        """Return what a call with this key was answered, None where there was none."""

    def keep(self, receipt: Receipt) -> None:
        """Keep the receipt of what was done already and may be done twice.

        Raises IdempotencyKeyTakenError where its key has one.
        """


class BudgetStore(Protocol):
    """What Finance last said of each budget, and our holds against it."""

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        """Return a budget; None where Finance has told us nothing."""

    def untold(self, key: BudgetKey) -> UntoldBudget:
        """Return what there is of a budget of which Finance has told us nothing."""

    def begin_fetch(self, key: BudgetKey) -> Fetch:
        """Note that figures are about to be fetched: all that `record` needs to know of it."""

    def record(
        self,
        key: BudgetKey,
        figures: FinanceFigures,
        *,
        fetch: Fetch,
        by: Actor,
        at: datetime,
        may_tell: bool = True,
    ) -> Recording:
        """Take over what a fetch brought, in one write with its history and what is told of it.

        Changes nothing where a fetch that began later was recorded, or unless `may_tell` it would
        have to tell that more is promised than there is; says which it was. Raises BusyError.
        """

    def mark_stale(self, key: BudgetKey, *, fetch: Fetch, at: datetime, why: str) -> None:
        """Note that a fetch brought nothing, unless one that began later has been recorded."""

    def note_commitment(self, key: BudgetKey, at: datetime) -> None:
        """Tell that more is promised than there is, once until there is enough again.

        `record` does so by itself; this is for holds that may take what is not there.
        Raises BusyError.
        """

    def figures_so_far(self, key: BudgetKey, limit: int) -> tuple[FiguresVersion, ...]:
        """Return what Finance said of a budget, newest first, at most `limit`."""


class Tellings(Protocol):
    """What Finance is told of our holds, and has confirmed; `event_id` is the approval's event.

    Doing any of it again changes nothing. All raise BusyError.
    """

    def begin(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> Begun:
        """Note, before it is told, that from now on Finance may have heard it."""

    def withdraw(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        """Note that Finance has refused what it was told first, and knows nothing of it."""

    def confirm(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        """Note that Finance has heard it, and that figures fetched from now on contain it."""


class DueRequests(Protocol):
    """Requests by when the service has to look at them again."""

    def page(
        self,
        department: Department,
        kind: DueKind,
        *,
        until: datetime,
        after: str | None = None,
        limit: int,
    ) -> list[DueRequest]:
        """Return up to `limit` of what is due at `until` at the latest, the longest due first.

        `after` is the position to go on behind. What has just changed may still be among them.
        """


class Finance(Protocol):
    """Finance Main."""

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        """Return what Finance says of a budget, None where it has none.

        Raises FinanceUnavailableError.
        """

    def reserve(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance of a hold; raises DeliveryFailedError, FinanceRefusedError."""

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance that a hold is no more; raises DeliveryFailedError, FinanceRefusedError."""


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

    def publish(self, events: tuple[Event, ...], audit: AuditEntry | None) -> None:
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
    """The webhook subscriptions, each with the secrets that sign for it."""

    def add(self, endpoint: Endpoint, *, audit: AuditEntry, receipt: Receipt | None = None) -> None:
        """Keep a new subscription, what Audit is told, and the call's receipt.

        Raises IdempotencyKeyTakenError where the receipt's key has one; then nothing was kept.
        """

    def get(self, subscription_id: str) -> Endpoint:
        """Return a subscription as last written; raises WebhookNotFoundError."""

    def all(self) -> tuple[Endpoint, ...]:
        """Return every subscription, as last written."""

    def save(
        self,
        endpoint: Endpoint,
        *,
        audit: AuditEntry | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Keep the next version of a subscription, with what Audit is told and the receipt.

        Raises ConflictError where another was kept meanwhile, IdempotencyKeyTakenError where the
        receipt's key has one; then nothing changed.
        """

    def remove(self, endpoint: Endpoint, *, audit: AuditEntry) -> None:
        """End a subscription and forget its secrets; `endpoint` is its last version.

        Raises ConflictError where another was kept meanwhile.
        """


class Deliveries(Protocol):
    """Each event's way to each subscriber, for as long as it is kept."""

    def keep_event(self, event: PublishedEvent, at: datetime) -> None:
        """Keep an event for its deliveries; again does no harm."""

    def event(self, event_id: str) -> PublishedEvent | None:
        """Return an event; None where it is kept no more."""

    def get(self, subscription_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery as last written; None where there is none."""

    def save(self, delivery: Delivery, *, receipt: Receipt | None = None) -> None:
        """Keep the next version of a delivery, and the call's receipt.

        Raises ConflictError where another was kept meanwhile, IdempotencyKeyTakenError where the
        receipt's key has one; then nothing changed.
        """

    def latest(
        self, subscription_id: str, *, limit: int, before: str | None = None
    ) -> list[Delivery]:
        """Return up to `limit` deliveries, newest events first, from below the id `before` on."""

    def following(self, subscription_id: str, *, after: str, limit: int) -> list[Delivery]:
        """Return up to `limit` deliveries, oldest events first, from above the id `after` on."""

    def take_due(
        self, subscription_ids: Iterable[str], now: datetime, *, of_each: int
    ) -> Iterator[Delivery]:
        """Yield deliveries whose time in the table has come, of each subscription in turn.

        Of each come up to `of_each`, the longest due first. Whoever gets one sees to it; where
        nothing comes of that, it is due again after a while.
        """


class WebhookSender(Protocol):
    """The way to a subscriber."""

    def check(self, url: str) -> None:
        """Refuse an address that must never be called; raises InvalidInputError."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Post once; what goes wrong is in the answer, not raised."""


class WebhookQueue(Protocol):
    """The way to the worker that delivers webhooks."""

    def send(self, orders: Sequence[Order]) -> None:
        """Queue `orders`; raises DeliveryFailedError where not all could be."""


class Mailer(Protocol):
    """The way to a mailbox."""

    def send(self, mail: Mail) -> None:
        """Send one mail; raises DeliveryFailedError, MailRefusedError where that is for good."""


class Notifications(Protocol):
    """The record of mails, which is the claim on each as well."""

    def begin(self, pending: Notification, at: datetime) -> bool:
        """Keep that a mail is about to be sent; False where that is over already.

        Raises ClaimHeldError while another worker is at it.
        """

    def record(self, notification: Notification, *, is_over: bool = True) -> None:
        """Keep what became of a mail; it may be begun again unless that `is_over`."""

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        """Return the newest notifications of a request, newest first, at most `limit`."""


class ApiKeys(Protocol):
    """The API keys, none of which is kept itself: only what it hashes to."""

    def add(
        self, key: ApiKey, key_hash: str, *, audit: AuditEntry, receipt: Receipt | None = None
    ) -> None:
        """Keep a new key under its hash, what Audit is told, and the call's receipt.

        Raises IdempotencyKeyTakenError where the receipt's key has one; then nothing was kept.
        """

    def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash as it is now, in one read; None where there is none."""

    def get(self, key_id: str) -> ApiKey:
        """Return the key with this id; raises ApiKeyNotFoundError."""

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, revoked and expired ones too."""

    def revoke(self, key_id: str, *, by: str, at: datetime, audit: AuditEntry) -> ApiKey:
        """End a key, which Audit is told with it, and return it; raises ApiKeyNotFoundError.

        One that has ended stays as it is, and nothing is told.
        """

    def mark_used(self, key_hash: str, at: datetime) -> None:
        """Note that a key was used at `at`, unless another call has just noted the like."""


class BusKeys(Protocol):
    """The keys of partners on the bus, without their secrets."""

    def add(self, key: BusKey, *, audit: AuditEntry) -> None:
        """Keep a new key, and what Audit is told of it."""

    def find(self, key_id: str) -> BusKey | None:
        """Return the key with this id as it is now, in one read; None where there is none."""

    def all(self) -> tuple[BusKey, ...]:
        """Return every key, revoked and expired ones too."""

    def revoke(self, key: BusKey, *, by: str, at: datetime, audit: AuditEntry) -> BusKey:
        """End a key, which Audit is told with it, and return it.

        One that has ended stays as it is, and nothing is told.
        """


class ParkedMessages(Protocol):
    """Messages of partners that were refused, for who looks into them."""

    def park(self, message: Parked) -> None:
        """Keep a refused message for a while; again does no harm."""

    def of_day(self, day: date, *, limit: int) -> tuple[Parked, ...]:
        """Return up to `limit` of the messages that arrived on a day (UTC), newest first."""


class Rejections(Protocol):
    """The way to tell partners that a message was refused."""

    def tell(self, message: Parked) -> None:
        """Answer a refused message on the bus; raises DeliveryFailedError."""


class RateCounters(Protocol):
    """How often each principal has called."""

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        """Count one call, and return the window's (calls, creations) with it, in one write.

        No two calls get the same count, however many ask at once.
        """


class JobRuns(Protocol):
    """The records of runs of jobs."""

    def add(self, run: JobRun, *, receipt: Receipt | None = None) -> None:
        """Keep a run that was asked for, with the receipt of the call; one that began stays.

        Raises IdempotencyKeyTakenError where the receipt's key has one; then nothing was kept.
        """

    def get(self, order: JobOrder) -> JobRun | None:
        """Return the run that `order` asks for; None where there is no record of it."""

    def save(self, run: JobRun) -> bool:
        """Keep a run as it is now, unless it has ended or a later part of it has begun.

        False where that is so: what is kept stays as it is.
        """

    def latest(self, job: JobName, *, limit: int, after: str | None = None) -> list[JobRun]:
        """Return up to `limit` runs of a job, newest first, from behind position `after` on."""


@dataclass(frozen=True)
class Lease:
    """The right to run a job for a while; `token` tells this part of a run from any other."""

    job: JobName
    run_id: str
    token: str


@dataclass(frozen=True)
class HeldLease:
    """Whose the lease of a job is, where it cannot be had, and the task that this run is at."""

    run_id: str
    task: str


class JobLeases(Protocol):
    """Who is at work on which job, so that no two are."""

    def take(self, order: JobOrder, now: datetime) -> Lease | HeldLease:
        """Take the lease of a job where nobody has it, or where this run was handed it over."""

    def renew(self, lease: Lease, now: datetime) -> bool:
        """Have a lease count from now; False where it is another's by now."""

    def hand_over(self, lease: Lease, now: datetime) -> None:
        """Leave a lease to the next part of its run, which is about to come, and to no other."""

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing where it is another's by now."""


class JobQueue(Protocol):
    """The way to the worker that runs jobs."""

    def send(self, order: JobOrder) -> None:
        """Queue `order`."""
