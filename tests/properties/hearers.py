"""Who hears of every event, in bad weather: Finance, Audit, a subscriber, people's mailboxes."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from standardwebhooks import Webhook

from chalicelib.domain.budgets import BudgetKey, FinanceFigures
from chalicelib.domain.deliveries import Answered
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.events import AuditEntry
from chalicelib.domain.notifications import Mail, Notification
from chalicelib.domain.tellings import Telling
from chalicelib.usecases.ports import Notifications
from tests.factories import figures
from tests.properties.books import Books
from tests.properties.weather import Weather


@dataclass
class Finance(Books):
    """Finance Main: writes each hold and release into its books, once an idempotency key."""

    weather: Weather
    books: dict[str, tuple[Telling, Decimal]] = field(default_factory=dict)

    def fetch(self, key: BudgetKey) -> FinanceFigures:  # noqa: ARG002 - there is but one
        """Say that there is plenty."""
        return figures(9_000_000_000)

    def write(self, telling: Telling, amount: Decimal, idempotency_key: str) -> None:
        """Write it down, or not, and say so, or not."""
        if self.weather.strikes("Finance was silent"):
            raise DeliveryFailedError("silent")
        told = (telling, amount)
        assert self.books.setdefault(idempotency_key, told) == told
        if self.weather.strikes("Finance did not say that it did"):
            raise DeliveryFailedError("no answer")


@dataclass
class AuditLogs:
    """Audit Logs: keeps each entry, once an id."""

    weather: Weather
    kept: dict[str, AuditEntry] = field(default_factory=dict)

    def record(self, entry: AuditEntry) -> None:
        """Keep an entry."""
        if self.weather.strikes("Audit was silent"):
            raise DeliveryFailedError("silent")
        assert self.kept.setdefault(entry.id, entry) == entry
        if self.weather.strikes("Audit did not say that it did"):
            raise DeliveryFailedError("no answer")


@dataclass
class Receiver:
    """A subscriber: takes what verifies, and knows a repeat by its webhook-id."""

    weather: Weather
    secret: str
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, _: str, body: bytes, headers: dict[str, str]) -> Answered:
        """Take an event, or not."""
        if self.weather.strikes("the receiver was down"):
            status = self.weather.chance.choice([500, 503, 302, None])
            return self._answered(status, None if status else "ReadTimeout")
        told = Webhook(self.secret).verify(body, headers)
        assert self.taken.setdefault(headers["webhook-id"], told) == told
        if self.weather.strikes("the receiver did not say that it did"):
            return self._answered(None, "ReadTimeout")
        return self._answered(204, None)

    def _answered(self, status: int | None, error: str | None) -> Answered:
        return Answered(status=status, duration_ms=1, answer="", error=error)


@dataclass
class Mailbox:
    """SES, which knows no repeats, and the record that the service keeps of what it sent.

    A mail may come once more for each time that its worker died, or heard nothing, between the
    sending and the record; never after it was recorded.
    """

    weather: Weather
    record_of: Notifications
    copies: Counter[tuple[str, str]] = field(default_factory=Counter)
    excused: Counter[tuple[str, str]] = field(default_factory=Counter)
    recorded: set[tuple[str, str]] = field(default_factory=set)
    _unrecorded: tuple[str, str] | None = None

    def send(self, mail: Mail) -> None:
        """Send a mail."""
        if self.weather.strikes("SES was silent"):
            raise DeliveryFailedError("silent")
        sent = (mail.to, mail.subject)
        assert sent not in self.recorded
        self.copies[sent] += 1
        self._unrecorded = sent
        if self.weather.strikes("SES did not say that it did"):
            self.worker_ended()
            raise DeliveryFailedError("no answer")

    def begin(self, pending: Notification, at: datetime) -> bool:
        """Keep that a mail is about to be sent."""
        return self.record_of.begin(pending, at)

    def record(self, notification: Notification, *, is_over: bool = True) -> None:
        """Keep what became of a mail."""
        self.record_of.record(notification, is_over=is_over)
        if is_over:
            self.recorded.add((notification.recipient_email, notification.subject))
        self._unrecorded = None

    def worker_ended(self) -> None:
        """Excuse the copy that will follow what was sent and not recorded."""
        if self._unrecorded:
            self.excused[self._unrecorded] += 1
        self._unrecorded = None
