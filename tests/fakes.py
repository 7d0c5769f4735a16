"""In-memory answers to every port; the stores share their contract tests with DynamoDB."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.api_keys import USED_PRECISION, ApiKey, id_of
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures, Hold, Release
from chalicelib.domain.errors import (
    ApiKeyNotFoundError,
    BudgetRequestsError,
    BudgetUnknownError,
    ClaimHeldError,
    ConflictError,
    DeliveryFailedError,
    FieldError,
    FinanceUnavailableError,
    IdempotencyKeyTakenError,
    InsufficientBudgetError,
    InvalidInputError,
    RequestNotFoundError,
)
from chalicelib.domain.events import AuditEntry, Event
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.notifications import Mail, Notification
from chalicelib.domain.rate_limits import Window
from chalicelib.domain.requests import BudgetRequest, Change
from chalicelib.domain.webhooks import Subscription
from chalicelib.usecases import ports


class FakeBudgetStore:
    """The BudgetStore and HoldConfirmations; requests take their holds from here."""

    def __init__(self) -> None:
        self.budgets: dict[BudgetKey, DepartmentBudget] = {}
        self._confirmed: set[str] = set()

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        return self.budgets.get(key)

    def record(
        self, key: BudgetKey, figures: FinanceFigures, *, confirmations: int, at: datetime
    ) -> bool:
        known = self.budgets.get(key)
        if known and known.confirmations != confirmations:
            return False
        unconfirmed = known.unconfirmed if known else Decimal("0.00")
        self.budgets[key] = DepartmentBudget(
            key=key,
            figures=figures,
            unconfirmed=unconfirmed,
            available=figures.remaining_amount - unconfirmed,
            confirmations=known.confirmations if known else 0,
            last_synced_at=at,
            is_stale=False,
        )
        return True

    def mark_stale(self, key: BudgetKey, at: datetime) -> None:
        if key in self.budgets:
            self._update(key, is_stale=True, failed_at=at)

    def confirm(self, key: BudgetKey, amount: Decimal, *, event_id: str) -> None:
        if event_id in self._confirmed:
            return
        self._confirmed.add(event_id)
        known = self.budgets[key]
        self._update(
            key, unconfirmed=known.unconfirmed - amount, confirmations=known.confirmations + 1
        )

    def move(self, changes: Sequence[Change]) -> None:
        """Move the money of all changes or none, as the request store's transaction does."""
        before = dict(self.budgets), set(self._confirmed)
        try:
            for change in changes:
                if change.release:
                    self._give_back(change.release)
            held: dict[BudgetKey, Decimal] = defaultdict(Decimal)
            for hold in (change.hold for change in changes if change.hold):
                held[hold.key] += hold.amount
            for key, amount in held.items():
                self._take(Hold(key=key, amount=amount))
        except BudgetRequestsError:
            self.budgets, self._confirmed = before
            raise

    def _take(self, hold: Hold) -> None:
        known = self._known(hold.key)
        if known.available < hold.amount:
            raise InsufficientBudgetError(needed=str(hold.amount), available=str(known.available))
        self._update(
            hold.key,
            available=known.available - hold.amount,
            unconfirmed=known.unconfirmed + hold.amount,
        )

    def _give_back(self, release: Release) -> None:
        known = self._known(release.key)
        unconfirmed = known.unconfirmed
        if release.hold_event_id not in self._confirmed:
            self._confirmed.add(release.hold_event_id)
            unconfirmed -= release.amount
        self._update(
            release.key, available=known.available + release.amount, unconfirmed=unconfirmed
        )

    def _known(self, key: BudgetKey) -> DepartmentBudget:
        if key not in self.budgets:
            raise BudgetUnknownError(str(key))
        return self.budgets[key]

    def _update(self, key: BudgetKey, **fields: object) -> None:
        self.budgets[key] = self.budgets[key].model_copy(update=fields)


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
    """The RequestStore; money moves in `budgets`, receipts go to `receipts`."""

    def __init__(
        self, budgets: FakeBudgetStore | None = None, receipts: FakeReceipts | None = None
    ) -> None:
        self.changes: list[Change] = []
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

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        known = (self._requests.get(request_id) for request_id in request_ids)
        return {request.id: request for request in known if request and not request.is_deleted}

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


class FakeFinance:
    """Finance Main; can be silent, and can have something happen while it thinks."""

    def __init__(self, figures: FinanceFigures | None = None) -> None:
        self.figures = figures
        self.is_silent = False
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
        if self.is_silent:
            raise DeliveryFailedError("Finance did not answer: silent")
        self.reserved[idempotency_key] = (key, amount, request_id, code)

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        if self.is_silent:
            raise DeliveryFailedError("Finance did not answer: silent")
        self.released[idempotency_key] = (key, amount, request_id, code)


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
        self.published: list[tuple[tuple[Event, ...], AuditEntry]] = []

    def publish(self, events: tuple[Event, ...], audit: AuditEntry) -> None:
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

    def complete(self, consumer: str, event_id: str, now: datetime) -> None:  # noqa: ARG002
        self._done.add((consumer, event_id))

    def release(self, consumer: str, event_id: str) -> None:
        self._held.pop((consumer, event_id), None)


class FakeSubscriptions:
    """The webhook subscriptions; receipts go to `receipts`."""

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self._kept: list[tuple[Subscription, str]] = []
        self._receipts = receipts or FakeReceipts()

    def add(
        self, subscription: Subscription, secret: str, *, receipt: Receipt | None = None
    ) -> None:
        if receipt:
            self._receipts.keep(receipt)
        self._kept.append((subscription, secret))

    def all(self) -> tuple[tuple[Subscription, str], ...]:
        return tuple(self._kept)


class FakeDeliveries:
    """The record of attempts."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str, ports.Attempt]] = []

    def record(self, subscription_id: str, event_id: str, attempt: ports.Attempt) -> None:
        self.attempts.append((subscription_id, event_id, attempt))


class FakeWebhookSender:
    """The way to subscribers: answers 204, or what `statuses` says of a URL; None is silence."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self.statuses: dict[str, int | None] = {}
        self.forbidden: set[str] = set()
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []

    def check(self, url: str) -> None:
        if url in self.forbidden:
            raise InvalidInputError((FieldError("url", "must not point there"),))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> ports.Attempt:
        self.posted.append((url, body, headers))
        status = self.statuses.get(url, 204)
        error = "ConnectTimeout" if status is None else None
        return ports.Attempt(at=self._at, status=status, duration_ms=1, answer="", error=error)


class FakeMailer:
    """The way to mailboxes; some `refused`."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.refused: set[str] = set()

    def send(self, mail: Mail) -> None:
        if mail.to in self.refused:
            raise DeliveryFailedError("SES did not take the mail: MessageRejected")
        self.sent.append(mail)


class FakeNotifications:
    """The record of mails."""

    def __init__(self) -> None:
        self._kept: dict[str, Notification] = {}

    def record(self, notification: Notification) -> None:
        self._kept[notification.id] = notification

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        of_request = (n for n in self._kept.values() if n.budget_request_id == request_id)
        newest = sorted(of_request, key=lambda n: (n.created_at, n.id), reverse=True)
        return tuple(newest[:limit])


class FakeApiKeys:
    """The API keys by their hash; receipts go to `receipts`. Counts its reads and writes."""

    def __init__(self, receipts: FakeReceipts | None = None) -> None:
        self.kept: dict[str, ApiKey] = {}
        self.reads = 0
        self.writes = 0
        self.is_read_only = False
        self._receipts = receipts or FakeReceipts()

    def add(self, key: ApiKey, key_hash: str, *, receipt: Receipt | None = None) -> None:
        if receipt:
            self._receipts.keep(receipt)
        self.kept[key_hash] = key

    def find(self, key_hash: str) -> ApiKey | None:
        self.reads += 1
        return self.kept.get(key_hash)

    def get(self, key_id: str) -> ApiKey:
        return self.kept[self._hash(key_id)]

    def all(self) -> tuple[ApiKey, ...]:
        return tuple(self.kept.values())

    def revoke(self, key_id: str, *, by: str, at: datetime) -> ApiKey:
        key_hash = self._hash(key_id)
        if self.kept[key_hash].is_active:
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


class FakeRateCounters:
    """Counters of calls."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, Window], tuple[int, int]] = {}

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        calls, creations = self._counted.get((principal, window), (0, 0))
        self._counted[principal, window] = (calls + 1, creations + is_creation)
        return self._counted[principal, window]
