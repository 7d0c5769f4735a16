"""In-memory answers to every port; the stores share their contract tests with DynamoDB."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, zip_longest
from uuid import uuid4

from chalicelib.domain import syncs
from chalicelib.domain.access import DEPARTMENTS, Actor, Department
from chalicelib.domain.aggregates import DayAggregate
from chalicelib.domain.api_keys import USED_PRECISION, ApiKey, id_of
from chalicelib.domain.budgets import (
    BudgetKey,
    DepartmentBudget,
    FinanceFigures,
    Hold,
    Release,
    UntoldBudget,
)
from chalicelib.domain.bus_keys import BusKey
from chalicelib.domain.changes import Change
from chalicelib.domain.deadlines import DueKind, DueRequest, due
from chalicelib.domain.deliveries import HANDED_OVER_AGAIN_AFTER, Answered, Delivery, Order
from chalicelib.domain.errors import (
    ApiKeyNotFoundError,
    BudgetRequestsError,
    BudgetUnknownError,
    ClaimHeldError,
    ConflictError,
    DeliveryFailedError,
    FieldError,
    FinanceRefusedError,
    FinanceUnavailableError,
    IdempotencyKeyTakenError,
    InsufficientBudgetError,
    InvalidInputError,
    RequestNotFoundError,
    WebhookNotFoundError,
)
from chalicelib.domain.events import AuditEntry, Event
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.inbound import Parked
from chalicelib.domain.jobs import JobName, JobOrder, JobRun, run_position
from chalicelib.domain.listing import Selection, Sifted, Summary, position
from chalicelib.domain.messages import Outbox, PublishedEvent
from chalicelib.domain.metrics import Depth, Hits
from chalicelib.domain.notifications import Mail, MailRefusedError, Notification
from chalicelib.domain.rate_limits import Window
from chalicelib.domain.requests import BudgetRequest, HistoryEntry
from chalicelib.domain.syncs import Fetch, FiguresVersion, Recording
from chalicelib.domain.tellings import Begun, Telling
from chalicelib.domain.totals import DepartmentTotals, Tally
from chalicelib.domain.webhooks import Endpoint
from chalicelib.usecases import ports


class FakeBudgetStore:
    """The BudgetStore and Tellings; requests take their holds from here.

    `told` is what is told of syncs.
    """

    def __init__(self) -> None:
        self.budgets: dict[BudgetKey, DepartmentBudget] = {}
        self.told: list[Outbox] = []
        self._fetches: dict[BudgetKey, int] = defaultdict(int)
        self._recorded: dict[BudgetKey, int] = defaultdict(int)
        self._events: dict[BudgetKey, int] = defaultdict(int)
        self._figures: dict[BudgetKey, list[FiguresVersion]] = defaultdict(list)
        self._unknown: dict[BudgetKey, Decimal] = {}
        self._failed: dict[BudgetKey, tuple[datetime | None, str | None]] = {}
        self._begun: set[tuple[str, Telling]] = set()
        self._confirmed: set[tuple[str, Telling]] = set()
        self._reserved: dict[BudgetKey, Decimal] = defaultdict(Decimal)
        self._sent: dict[BudgetKey, Decimal] = defaultdict(Decimal)
        self._heard: dict[BudgetKey, Decimal] = defaultdict(Decimal)

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        return self.budgets.get(key)

    def untold(self, key: BudgetKey) -> UntoldBudget:
        failed_at, failure = self._failed.get(key, (None, None))
        return UntoldBudget(
            unconfirmed=self._unconfirmed(key), failed_at=failed_at, failure=failure
        )

    def begin_fetch(self, key: BudgetKey) -> Fetch:
        self._fetches[key] += 1
        known = self.budgets.get(key)
        return Fetch(
            number=self._fetches[key],
            figures_version=known.figures_version if known else 0,
            reserved=self._reserved[key],
            heard=self._heard[key],
        )

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
        known = self.budgets.get(key)
        if self._recorded[key] == fetch.number:
            return Recording.RECORDED  # a retry of our own write, whose answer was lost
        if self._recorded[key] > fetch.number:
            return Recording.OVERTAKEN
        unconfirmed = self._unconfirmed(key)
        claimed = unconfirmed + self._reserved[key]
        available = figures.remaining_amount + fetch.reserved - claimed
        doubt = self._sent[key] - fetch.heard
        was_told = known and known.available < 0 and known.over_committed_since
        if available + doubt < 0 and not was_told and not may_tell:
            return Recording.SHORT
        self._recorded[key] = fetch.number
        version = known.figures_version if known else 0
        if known is None or known.figures != figures:
            version += 1
            said = FiguresVersion(
                version=version, figures=figures, recorded_at=at, recorded_by=by.id
            )
            self._figures[key].insert(0, said)
        self.budgets[key] = DepartmentBudget(
            key=key,
            figures=figures,
            unconfirmed=unconfirmed,
            available=available,
            doubt=doubt,
            last_synced_at=at,
            is_stale=False,
            figures_version=version,
            over_committed_since=was_told or None,
        )
        self._tell(key, at, syncs.synced(key, known, figures, fetch=fetch, by=by, at=at))
        return Recording.RECORDED

    def mark_stale(self, key: BudgetKey, *, fetch: Fetch, at: datetime, why: str) -> None:
        if self._recorded[key] < fetch.number:
            self._failed[key] = at, why
            if key in self.budgets:
                self._update(key, is_stale=True, failed_at=at, failure=why)

    def note_commitment(self, key: BudgetKey, at: datetime) -> None:
        if key in self.budgets:
            self._tell(key, at, None)

    def figures_so_far(self, key: BudgetKey, limit: int) -> tuple[FiguresVersion, ...]:
        return tuple(self._figures[key][:limit])

    def _tell(self, key: BudgetKey, at: datetime, audit: AuditEntry | None) -> None:
        known = self.budgets[key]
        events: tuple[Event, ...] = ()
        if known.available >= 0:
            self._update(key, over_committed_since=None)
        elif known.is_over_committed and known.over_committed_since is None:
            self._events[key] += 1
            events = (
                syncs.over_committed(
                    key,
                    remaining=known.figures.remaining_amount,
                    available=known.available,
                    sequence=self._events[key],
                    at=at,
                ),
            )
            self._update(key, over_committed_since=at)
        if events or audit:
            self.told.append(Outbox(events=events, audit=audit))

    def begin(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> Begun:
        step = event_id, telling
        if step in self._confirmed:
            return Begun.DONE
        if step in self._begun:
            return Begun.AGAIN
        if telling is Telling.RELEASE and (event_id, Telling.RESERVE) not in self._confirmed:
            return Begun.EARLY
        self._begun.add(step)
        self._send(key, telling, amount)
        return Begun.FIRST

    def withdraw(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        step = event_id, telling
        if step in self._begun and step not in self._confirmed:
            self._begun.remove(step)
            self._send(key, telling, -amount)

    def _send(self, key: BudgetKey, telling: Telling, amount: Decimal) -> None:
        self._sent[key] += amount
        if telling is Telling.RELEASE:
            self._claim(key, amount)

    def confirm(self, key: BudgetKey, telling: Telling, amount: Decimal, *, event_id: str) -> None:
        step = event_id, telling
        if step not in self._begun or step in self._confirmed:
            return
        self._confirmed.add(step)
        self._heard[key] += amount
        if telling is Telling.RESERVE:
            self._reserved[key] += amount
            self._claim(key, -amount)

    def move(self, changes: Sequence[Change]) -> None:
        """Move the money of all changes or none, as the request store's transaction does."""
        before = dict(self.budgets), dict(self._unknown)
        try:
            for release in (change.release for change in changes if change.release):
                self._give_back(release)
            for key, holds in _by_budget(change.hold for change in changes if change.hold).items():
                self._take(key, holds)
        except BudgetRequestsError:
            self.budgets, self._unknown = before
            raise

    def _take(self, key: BudgetKey, holds: list[Hold]) -> None:
        known = self.budgets.get(key)
        limited = sum((hold.amount for hold in holds if not hold.is_override), Decimal("0.00"))
        if limited and known is None:
            raise BudgetUnknownError(str(key))
        if limited and known and known.available < limited:
            raise InsufficientBudgetError(
                str(key), needed=str(limited), available=str(known.available)
            )
        taken = sum((hold.amount for hold in holds), Decimal("0.00"))
        self._claim(key, taken)
        if known:
            self._update(key, available=known.available - taken)

    def _give_back(self, release: Release) -> None:
        known = self.budgets.get(release.key)
        if known is None and release.key not in self._unknown:
            raise BudgetUnknownError(str(release.key))
        self._claim(release.key, -release.amount)
        if known:
            self._update(release.key, available=known.available + release.amount)

    def _unconfirmed(self, key: BudgetKey) -> Decimal:
        """Return what is claimed and not reserved, of a budget that nobody knows as well."""
        known = self.budgets.get(key)
        return known.unconfirmed if known else self._unknown.get(key, Decimal("0.00"))

    def _claim(self, key: BudgetKey, amount: Decimal) -> None:
        unconfirmed = self._unconfirmed(key) + amount
        if key in self.budgets:
            self._update(key, unconfirmed=unconfirmed)
        else:
            self._unknown[key] = unconfirmed

    def _update(self, key: BudgetKey, **fields: object) -> None:
        self.budgets[key] = self.budgets[key].model_copy(update=fields)


def _by_budget(holds: Iterable[Hold]) -> dict[BudgetKey, list[Hold]]:
    found: dict[BudgetKey, list[Hold]] = defaultdict(list)
    for hold in holds:
        found[hold.key].append(hold)
    return found


class FakeReceipts:
    """What calls with a key were answered; the request store keeps them with their effect."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Receipt] = {}

    def find(self, caller: str, key: str, now: datetime) -> Receipt | None:
        receipt = self.kept.get((caller, key))
        return receipt if receipt and receipt.expires_at > now else None

    def refuse(self, receipt: Receipt) -> None:
        """Raise where the receipt's key has one."""
        if (receipt.caller, receipt.key) in self.kept:
            raise IdempotencyKeyTakenError

    def keep(self, receipt: Receipt) -> None:
        """Keep a receipt with the effect it stands for."""
        self.refuse(receipt)
        self.kept[receipt.caller, receipt.key] = receipt


class FakeRequestStore:
    """The RequestStore; money moves in `budgets`, receipts go to `receipts`.

    Mails come from `notifications`.
    """

    def __init__(
        self,
        budgets: FakeBudgetStore | None = None,
        receipts: FakeReceipts | None = None,
        notifications: FakeNotifications | None = None,
    ) -> None:
        self.changes: list[Change] = []
        self.commits: Counter[Department] = Counter()
        self._notifications = notifications or FakeNotifications()
        self._requests: dict[int, BudgetRequest] = {}
        self._sequences: dict[int, int] = {}
        self._budgets = budgets or FakeBudgetStore()
        self._receipts = receipts or FakeReceipts()

    def next_sequence(self, year: int) -> int:
        self._sequences[year] = self._sequences.get(year, 0) + 1
        return self._sequences[year]

    def get(self, request_id: int) -> BudgetRequest:
        found = self.get_many([request_id])
        if request_id not in found:
            raise RequestNotFoundError
        return found[request_id]

    def get_with_mails(self, request_id: int, *, mails: int) -> ports.Stored:
        if request_id not in self._requests:
            raise RequestNotFoundError
        request = self._requests[request_id]
        newest = self._notifications.latest(request_id, mails)
        text = tuple(each.model_dump_json() for each in (request, *newest))
        return ports.Stored(text, lambda: (self.get(request_id), newest))

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        known = (self._requests.get(request_id) for request_id in request_ids)
        return {request.id: request for request in known if request and not request.is_deleted}

    def all(self) -> list[BudgetRequest]:
        """Return every request as it is now."""
        return list(self._requests.values())

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        if all(self._requests.get(change.after.id) == change.after for change in changes):
            return  # a retry of our own write, whose answer was lost
        for change in changes:
            stored = self._requests.get(change.after.id)
            version = change.before.version if change.before else None
            if version != (stored.version if stored else None):
                raise ConflictError
        if receipt:
            self._receipts.refuse(receipt)
        self._budgets.move(changes)
        if receipt:
            self._receipts.keep(receipt)
        for change in changes:
            self._requests[change.after.id] = change.after
            self.changes.append(change)
        self.commits.update({change.after.department for change in changes})


class FakeRequestLists:
    """The RequestLists of a request store, whose rows follow at once; counts what it reads."""

    def __init__(self, store: FakeRequestStore) -> None:
        self._store = store
        self.reads = 0
        self.rows = 0

    def slice(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        skip: int = 0,
        limit: int,
        newest_first: bool = True,
    ) -> list[Summary]:
        rows = self._all(selection) if newest_first else self._all(selection)[::-1]
        rest = [row for row in rows if after is None or position(row) < after]
        return rest[skip : skip + limit]

    def totals(self, departments: Sequence[Department]) -> tuple[DepartmentTotals, ...]:
        self.reads += 1
        return tuple(
            DepartmentTotals(
                department=department,
                tally=sum((Tally.of(request) for request in of_it), Tally()),
                generation=self._store.commits[department],
                changed_at=max((request.updated_at for request in of_it), default=None),
            )
            for department in departments
            for of_it in [[r for r in self._store.all() if r.department == department]]
        )

    def sift(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        matches: int | None = None,
        rows: int,
    ) -> Sifted:
        stopped_at = None
        left = [r for r in self._all(_indexed(selection)) if after is None or position(r) < after]
        found: list[Summary] = []
        for number, row in enumerate(left):
            if number == rows:
                return Sifted(found=tuple(found), stopped_at=stopped_at)
            self.rows += 1
            stopped_at = position(row)
            if selection.takes(row):
                found.append(row)
                if len(found) == matches:
                    return Sifted(found=tuple(found), stopped_at=stopped_at)
        return Sifted(found=tuple(found), stopped_at=None)

    def _all(self, selection: Selection) -> list[Summary]:
        self.reads += 1
        known = (Summary.of(r) for r in self._store.all() if not r.is_deleted)
        return sorted(filter(selection.takes, known), key=position, reverse=True)

    def of_supplier(
        self,
        supplier: str,
        departments: Sequence[Department],
        *,
        first: str | None = None,
        limit: int,
    ) -> list[str]:
        of_it = {
            position(change.after)
            for change in self._store.changes
            if change.after.department in departments
            and any(item.supplier_id == supplier for item in change.after.item_allocations)
        }
        left = (place for place in of_it if first is None or place <= first)
        return sorted(left, reverse=True)[:limit]

    def archived_history(self, request_id: int, *, first: int, last: int) -> list[HistoryEntry]:
        chunks: dict[int, tuple[HistoryEntry, ...]] = {
            change.after.archived_history - len(change.archived): change.archived
            for change in self._store.changes
            if change.after.id == request_id and change.archived
        }
        return [e for number in sorted(chunks) if first <= number <= last for e in chunks[number]]


def _indexed(selection: Selection) -> Selection:
    """Return what an index serves of a selection; the rest is sifted."""
    served = {"first", "last"}
    if selection.linked_purchase_request_id is not None:
        served.add("linked_purchase_request_id")
    elif selection.requested_by is not None:
        served.add("requested_by")
    else:
        served |= {"departments", "status"}
    sifted = dict.fromkeys(Selection.model_fields.keys() - served)
    if "departments" in sifted:
        return selection.model_copy(update=sifted | {"departments": DEPARTMENTS})
    return selection.model_copy(update=sifted)


class FakeDueRequests:
    """What of a request store is due, as it is at this moment."""

    def __init__(self, store: FakeRequestStore) -> None:
        self._store = store

    def page(
        self,
        department: Department,
        kind: DueKind,
        *,
        until: datetime,
        after: str | None = None,
        limit: int,
    ) -> list[DueRequest]:
        found = []
        for request in self._store.all():
            next_look = due(request)
            if next_look and next_look.kind is kind and request.department == department:
                position = f"{next_look.at.isoformat(timespec='microseconds')}#{request.id}"
                if next_look.at <= until and (after is None or position > after):
                    found.append(DueRequest(position=position, summary=Summary.of(request)))
        return sorted(found, key=lambda each: each.position)[:limit]


class FakeFinance:
    """Finance Main; can be silent, can refuse, and can have something happen while it thinks."""

    def __init__(self, figures: FinanceFigures | None = None) -> None:
        self.figures = figures
        self.is_silent = False
        self.refuses = False
        self.fetches = 0
        self.while_thinking: Callable[[], object] = lambda: None
        self.released: dict[str, tuple[BudgetKey, Decimal, int, str]] = {}
        self.reserved: dict[str, tuple[BudgetKey, Decimal, int, str]] = {}

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:  # noqa: ARG002 - one budget fits all
        self.fetches += 1
        if self.is_silent:
            raise FinanceUnavailableError("Finance did not answer: silent")
        answer = self.figures
        self.while_thinking()
        return answer

    def reserve(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        self._hear()
        self.reserved[idempotency_key] = (key, amount, request_id, code)

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        self._hear()
        self.released[idempotency_key] = (key, amount, request_id, code)

    def _hear(self) -> None:
        if self.is_silent:
            raise DeliveryFailedError("Finance did not answer: silent")
        if self.refuses:
            raise FinanceRefusedError("Finance answered 422")


class FakeAuditQueue:
    """The way to Audit."""

    def __init__(self) -> None:
        self.sent: list[AuditEntry] = []

    def send(self, entry: AuditEntry) -> None:
        self.sent.append(entry)


class FakeAuditLogs:
    """The Audit Logs service; can be silent."""

    def __init__(self) -> None:
        self.recorded: list[AuditEntry] = []
        self.is_silent = False

    def record(self, entry: AuditEntry) -> None:
        if self.is_silent:
            raise DeliveryFailedError("Audit did not answer: silent")
        self.recorded.append(entry)


class FakeEventBus:
    """The bus everyone listens to."""

    def __init__(self) -> None:
        self.published: list[tuple[tuple[Event, ...], AuditEntry | None]] = []

    def publish(self, events: tuple[Event, ...], audit: AuditEntry | None) -> None:
        self.published.append((events, audit))


class FakeClaims:
    """Claims, with the lease of the real ones."""

    LEASE_SECONDS = 35

    def __init__(self) -> None:
        self._done: set[tuple[str, str]] = set()
        self._held: dict[tuple[str, str], int] = {}

    def claim(self, consumer: str, event_id: str, now: datetime) -> ports.Claim:
        key, seconds = (consumer, event_id), int(now.timestamp())
        if key in self._done:
            return ports.Claim.DONE
        if self._held.get(key, 0) >= seconds:
            raise ClaimHeldError(f"{consumer} is at work on {event_id}")
        self._held[key] = seconds + self.LEASE_SECONDS
        return ports.Claim.MINE

    def complete(
        self,
        consumer: str,
        event_id: str,
        now: datetime,  # noqa: ARG002 - what is done is never forgotten here
    ) -> None:
        self._done.add((consumer, event_id))

    def release(self, consumer: str, event_id: str) -> None:
        self._held.pop((consumer, event_id), None)


class FakeSubscriptions:
    """The webhook subscriptions; receipts go to `receipts`, `told` is what Audit hears."""

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self.told: list[AuditEntry] = []
        self.writes = 0
        self._kept: dict[str, Endpoint] = {}
        self._receipts = receipts or FakeReceipts()

    def add(self, endpoint: Endpoint, *, audit: AuditEntry, receipt: Receipt | None = None) -> None:
        if endpoint.subscription.id in self._kept:
            raise ConflictError
        self._write(endpoint, audit, receipt)

    def get(self, subscription_id: str) -> Endpoint:
        if subscription_id not in self._kept:
            raise WebhookNotFoundError
        return self._kept[subscription_id]

    def all(self) -> tuple[Endpoint, ...]:
        return tuple(self._kept.values())

    def save(
        self,
        endpoint: Endpoint,
        *,
        audit: AuditEntry | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        self._refuse_another(endpoint)
        self._write(endpoint, audit, receipt)

    def remove(self, endpoint: Endpoint, *, audit: AuditEntry) -> None:
        self._refuse_another(endpoint)
        self._write(endpoint, audit, None)
        del self._kept[endpoint.subscription.id]

    def _refuse_another(self, endpoint: Endpoint) -> None:
        known = self._kept.get(endpoint.subscription.id)
        if known is None or known.subscription.version != endpoint.subscription.version - 1:
            raise ConflictError

    def _write(self, endpoint: Endpoint, audit: AuditEntry | None, receipt: Receipt | None) -> None:
        if receipt:
            self._receipts.keep(receipt)
        self._kept[endpoint.subscription.id] = endpoint
        self.writes += 1
        if audit:
            self.told.append(audit)


class FakeDeliveries:
    """The deliveries, and the events they are of; counts its writes."""

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self.writes = 0
        self._events: dict[str, PublishedEvent] = {}
        self._kept: dict[tuple[str, str], Delivery] = {}
        self._due: dict[tuple[str, str], datetime] = {}
        self._receipts = receipts or FakeReceipts()

    def keep_event(self, event: PublishedEvent, at: datetime) -> None:  # noqa: ARG002 - for good
        self._events[event.id] = event
        self.writes += 1

    def event(self, event_id: str) -> PublishedEvent | None:
        return self._events.get(event_id)

    def get(self, subscription_id: str, delivery_id: str) -> Delivery | None:
        return self._kept.get((subscription_id, delivery_id))

    def save(self, delivery: Delivery, *, receipt: Receipt | None = None) -> None:
        key = (delivery.subscription_id, delivery.id)
        known = self._kept.get(key)
        if (known.version if known else 0) != delivery.version - 1:
            raise ConflictError
        if receipt:
            self._receipts.keep(receipt)
        self._kept[key] = delivery
        self._due.pop(key, None)
        if delivery.due_at:
            self._due[key] = delivery.due_at
        self.writes += 1

    def latest(
        self, subscription_id: str, *, limit: int, before: str | None = None
    ) -> list[Delivery]:
        found = [each for each in self._of(subscription_id) if before is None or each.id < before]
        return found[::-1][:limit]

    def following(self, subscription_id: str, *, after: str, limit: int) -> list[Delivery]:
        return [each for each in self._of(subscription_id) if each.id > after][:limit]

    def take_due(
        self, subscription_ids: Iterable[str], now: datetime, *, of_each: int
    ) -> Iterator[Delivery]:
        oldest_first = sorted(self._due, key=lambda key: self._due[key])
        due = [
            [key for key in oldest_first if key[0] == each and self._due[key] <= now][:of_each]
            for each in subscription_ids
        ]
        for key in filter(None, chain.from_iterable(zip_longest(*due))):
            self._due[key] = now + HANDED_OVER_AGAIN_AFTER
            yield self._kept[key]

    def _of(self, subscription_id: str) -> list[Delivery]:
        of_it = (each for key, each in self._kept.items() if key[0] == subscription_id)
        return sorted(of_it, key=lambda each: each.id)


class FakeWebhookSender:
    """The way to subscribers: answers 204, or what `statuses` says of a URL; None is silence.

    `retry_after` is what those say that refuse; `takes` is how long each takes, `waiting` is told.
    """

    def __init__(self) -> None:
        self.statuses: dict[str, int | None] = {}
        self.takes: dict[str, timedelta] = {}
        self.waiting: Callable[[timedelta], object] = lambda _: None
        self.retry_after: str | None = None
        self.forbidden: set[str] = set()
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []

    def check(self, url: str) -> None:
        if url in self.forbidden:
            raise InvalidInputError((FieldError("url", "must not point there"),))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        self.posted.append((url, body, headers))
        status = self.statuses.get(url, 204)
        error = "ConnectTimeout" if status is None else None
        duration = self.takes.get(url, timedelta(milliseconds=1))
        self.waiting(duration)
        return Answered(
            status=status,
            duration_ms=duration // timedelta(milliseconds=1),
            answer="",
            error=error,
            retry_after=self.retry_after,
        )


class FakeWebhookQueue:
    """The way to the worker that delivers webhooks."""

    def __init__(self) -> None:
        self.waiting: list[Order] = []

    def send(self, orders: Sequence[Order]) -> None:
        self.waiting.extend(orders)


class FakeMailer:
    """The way to mailboxes; some are `silent` for now, some `refused` for good."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.silent: set[str] = set()
        self.refused: set[str] = set()

    def send(self, mail: Mail) -> None:
        if mail.to in self.silent:
            raise DeliveryFailedError("SES did not take the mail: Throttling")
        if mail.to in self.refused:
            raise MailRefusedError("SES did not take the mail: MessageRejected")
        self.sent.append(mail)


class FakeNotifications:
    """The record of mails, which is the claim on each as well."""

    LEASE = timedelta(seconds=35)

    def __init__(self) -> None:
        self._kept: dict[str, Notification] = {}
        self._leases: dict[str, datetime | None] = {}

    def begin(self, pending: Notification, at: datetime) -> bool:
        if pending.id in self._kept:
            lease_until = self._leases[pending.id]
            if lease_until is None:
                return False
            if lease_until >= at:
                raise ClaimHeldError(f"another worker is at work on {pending.id}")
        self._kept[pending.id] = pending
        self._leases[pending.id] = at + self.LEASE
        return True

    def record(self, notification: Notification, *, is_over: bool = True) -> None:
        self._kept[notification.id] = notification
        self._leases[notification.id] = None if is_over else datetime.min.replace(tzinfo=UTC)

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        of_request = (n for n in self._kept.values() if n.budget_request_id == request_id)
        newest = sorted(of_request, key=lambda n: (n.created_at, n.id), reverse=True)
        return tuple(newest[:limit])


class FakeApiKeys:
    """The API keys by their hash; receipts go to `receipts`, `told` is what Audit hears.

    Counts its reads and writes.
    """

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self.told: list[AuditEntry] = []
        self.kept: dict[str, ApiKey] = {}
        self.reads = 0
        self.writes = 0
        self.is_read_only = False
        self._receipts = receipts or FakeReceipts()

    def add(
        self, key: ApiKey, key_hash: str, *, audit: AuditEntry, receipt: Receipt | None = None
    ) -> None:
        if receipt:
            self._receipts.keep(receipt)
        self.kept[key_hash] = key
        self.told.append(audit)

    def find(self, key_hash: str) -> ApiKey | None:
        self.reads += 1
        return self.kept.get(key_hash)

    def get(self, key_id: str) -> ApiKey:
        return self.kept[self._hash(key_id)]

    def all(self) -> tuple[ApiKey, ...]:
        return tuple(self.kept.values())

    def revoke(self, key_id: str, *, by: str, at: datetime, audit: AuditEntry) -> ApiKey:
        key_hash = self._hash(key_id)
        if self.kept[key_hash].is_active:
            self.told.append(audit)
            ended = {"is_active": False, "revoked_by": by, "revoked_at": at}
            self.kept[key_hash] = self.kept[key_hash].model_copy(update=ended)
        return self.kept[key_hash]

    def mark_used(self, key_hash: str, at: datetime) -> None:
        if self.is_read_only:
            raise OSError("read only")
        self.writes += 1
        last = self.kept[key_hash].last_used_at
        if last is None or at - last >= USED_PRECISION:
            self.kept[key_hash] = self.kept[key_hash].model_copy(update={"last_used_at": at})

    def _hash(self, key_id: str) -> str:
        for key_hash in self.kept:
            if id_of(key_hash) == key_id:
                return key_hash
        raise ApiKeyNotFoundError


class FakeBusKeys:
    """The keys of partners on the bus; `told` is what Audit hears."""

    def __init__(self) -> None:
        self.told: list[AuditEntry] = []
        self._kept: dict[str, BusKey] = {}

    def add(self, key: BusKey, *, audit: AuditEntry) -> None:
        self._kept[key.key_id] = key
        self.told.append(audit)

    def find(self, key_id: str) -> BusKey | None:
        return self._kept.get(key_id)

    def all(self) -> tuple[BusKey, ...]:
        return tuple(self._kept.values())

    def revoke(self, key: BusKey, *, by: str, at: datetime, audit: AuditEntry) -> BusKey:
        if self._kept[key.key_id].is_active:
            self.told.append(audit)
            ended = {"is_active": False, "revoked_by": by, "revoked_at": at}
            self._kept[key.key_id] = self._kept[key.key_id].model_copy(update=ended)
        return self._kept[key.key_id]


class FakeParkedMessages:
    """The refused messages of partners."""

    def __init__(self) -> None:
        self._kept: dict[tuple[datetime, str], Parked] = {}

    def park(self, message: Parked) -> None:
        self._kept[message.arrived_at, message.delivery_id] = message

    def of_day(self, day: date, *, limit: int) -> tuple[Parked, ...]:
        newest = [self._kept[at] for at in sorted(self._kept, reverse=True) if at[0].date() == day]
        return tuple(newest[:limit])


class FakeRejections:
    """What partners are told of refused messages, in order; the bus can be silent."""

    def __init__(self) -> None:
        self.told: list[Parked] = []
        self.is_silent = False

    def tell(self, message: Parked) -> None:
        if self.is_silent:
            raise DeliveryFailedError("the bus did not take it")
        self.told.append(message)


class FakeJobRuns:
    """The records of runs; receipts go to `receipts`. Keeps how each was saved, in order."""

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self.saved: list[JobRun] = []
        self._kept: dict[tuple[JobName, str], JobRun] = {}
        self._receipts = receipts or FakeReceipts()

    def add(self, run: JobRun, *, receipt: Receipt | None = None) -> None:
        if receipt:
            self._receipts.keep(receipt)
        self._kept.setdefault((run.job, run.position), run)

    def get(self, order: JobOrder) -> JobRun | None:
        return self._kept.get((order.job, run_position(order.queued_at, order.run_id)))

    def save(self, run: JobRun) -> bool:
        kept = self._kept.get((run.job, run.position))
        if kept and (kept.has_ended or kept.parts > run.parts):
            return False
        self._kept[run.job, run.position] = run
        self.saved.append(run)
        return True

    def latest(self, job: JobName, *, limit: int, after: str | None = None) -> list[JobRun]:
        runs = [run for (name, _), run in self._kept.items() if name == job]
        behind = [run for run in runs if after is None or run.position < after]
        return sorted(behind, key=lambda run: run.position, reverse=True)[:limit]


class FakeJobLeases:
    """Leases, as long as the real ones."""

    LEASE_SECONDS = 120

    def __init__(self) -> None:
        self._held: dict[JobName, tuple[ports.Lease, int]] = {}
        self._tasks: dict[JobName, str] = {}
        self._waiting: set[str] = set()

    def take(self, order: JobOrder, now: datetime) -> ports.Lease | ports.HeldLease:
        job, run_id, seconds = order.job, order.run_id, int(now.timestamp())
        held, until = self._held.get(job, (None, 0))
        if held and until >= seconds and not (held.run_id == run_id and self._is_waiting(held)):
            return ports.HeldLease(run_id=held.run_id, task=self._tasks[job])
        lease = ports.Lease(job=job, run_id=run_id, token=uuid4().hex)
        self._held[job] = lease, seconds + self.LEASE_SECONDS
        self._tasks[job] = order.task
        return lease

    def renew(self, lease: ports.Lease, now: datetime) -> bool:
        if not self._is_mine(lease):
            return False
        self._held[lease.job] = lease, int(now.timestamp()) + self.LEASE_SECONDS
        return True

    def hand_over(self, lease: ports.Lease, now: datetime) -> None:
        if self.renew(lease, now):
            self._waiting.add(lease.token)

    def release(self, lease: ports.Lease) -> None:
        if self._is_mine(lease):
            self._held[lease.job] = lease, 0

    def _is_mine(self, lease: ports.Lease) -> bool:
        held, _ = self._held.get(lease.job, (None, 0))
        return held == lease and not self._is_waiting(lease)

    def _is_waiting(self, lease: ports.Lease) -> bool:
        return lease.token in self._waiting


class FakeJobQueue:
    """The way to the worker that runs jobs."""

    def __init__(self) -> None:
        self.sent: list[JobOrder] = []

    def send(self, order: JobOrder) -> None:
        self.sent.append(order)


class FakeAggregates:
    """What each department's days came to."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Department, date], DayAggregate] = {}

    def record(self, aggregate: DayAggregate) -> None:
        self.kept[aggregate.department, aggregate.day] = aggregate

    def between(self, department: Department, first: date, last: date) -> list[DayAggregate]:
        days = sorted(day for of, day in self.kept if of == department and first <= day <= last)
        return [self.kept[department, day] for day in days]


class FakeQueues:
    """The queues, as deep as `known` says."""

    def __init__(self) -> None:
        self.known: dict[str, Depth] = {}

    def depths(self) -> dict[str, Depth]:
        return dict(self.known)


class FakeHitCounts:
    """How caches do, by day; can be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[date, Hits] = {}
        self.is_down = False

    def add(self, day: date, hits: Hits) -> None:
        if self.is_down:
            raise OSError("out of reach")
        self.kept[day] = self.kept.get(day, Hits()) + hits

    def of(self, days: Sequence[date]) -> Hits:
        return sum((self.kept.get(day, Hits()) for day in days), Hits())


class FakeRateCounters:
    """Counters of calls."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, Window], tuple[int, int]] = {}

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        calls, creations = self._counted.get((principal, window), (0, 0))
        self._counted[principal, window] = (calls + 1, creations + is_creation)
        return self._counted[principal, window]
