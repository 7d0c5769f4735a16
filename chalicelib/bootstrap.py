"""The composition root: builds each part once, when it is first asked for.

Adapters are imported inside their builders, so that a function pays at its cold start for what
it uses and for nothing else.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from chalicelib import settings as configuration
from chalicelib.domain.errors import ConfigurationError
from chalicelib.domain.rate_limits import Limits
from chalicelib.settings import MIN_JWT_SECRET_BYTES, Settings, required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.adapters.budget_store import DynamoBudgetStore
    from chalicelib.adapters.retry_queue import SqsRetryQueue
    from chalicelib.usecases import ports


def now() -> datetime:
    """Return the moment this call happens at; the only clock the service reads."""
    return datetime.now(UTC)


@cache
def settings() -> Settings:
    """Return this function's settings; raises ConfigurationError."""
    return configuration.load()


def jwt_secret() -> str:
    """Return the key of HR Auth's tokens; raises ConfigurationError."""
    from chalicelib.adapters.secrets import secret

    known = settings()
    found = secret("JWT_SECRET", known.jwt_secret, known.jwt_secret_arn)
    if len(found.encode()) < MIN_JWT_SECRET_BYTES:
        raise ConfigurationError(f"JWT_SECRET must be at least {MIN_JWT_SECRET_BYTES} bytes long")
    return found


def cursor_key() -> bytes:
    """Return the key that seals cursors: derived, so that it is no secret to configure."""
    return hmac.digest(jwt_secret().encode(), b"budget-requests/cursor", "sha256")


@cache
def requests() -> ports.RequestStore:
    """Return the request store; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.request_store import DynamoRequestStore

    table = required(settings().requests_table, "REQUESTS_TABLE")
    for row in (tables.RequestRow, tables.SupplierRow, tables.HistoryRow):
        tables.use(row, table)
    if settings().work_table:
        tables.use(tables.SequenceRow, required(settings().work_table, "WORK_TABLE"))
        tables.use(tables.ReceiptRow, required(settings().work_table, "WORK_TABLE"))
        tables.use(tables.CountRow, required(settings().work_table, "WORK_TABLE"))
    if settings().budgets_table:
        tables.use(tables.BudgetRow, required(settings().budgets_table, "BUDGETS_TABLE"))
        tables.use(tables.ConfirmationRow, required(settings().budgets_table, "BUDGETS_TABLE"))
    return DynamoRequestStore()


@cache
def request_lists() -> ports.RequestLists:
    """Return the lists of requests; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.request_lists import DynamoRequestLists

    table = required(settings().requests_table, "REQUESTS_TABLE")
    for row in (tables.RequestRow, tables.SupplierRow, tables.HistoryRow):
        tables.use(row, table)
    tables.use(tables.CountRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoRequestLists()


@cache
def receipts() -> ports.Receipts:
    """Return the receipts of calls with an idempotency key; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.receipts import DynamoReceipts

    tables.use(tables.ReceiptRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoReceipts()


@cache
def budgets() -> ports.BudgetStore:
    """Return the budget store; raises ConfigurationError."""
    return _budget_store()


@cache
def confirmations() -> ports.HoldConfirmations:
    """Return the record of confirmed holds; raises ConfigurationError."""
    return _budget_store()


def finance() -> ports.Finance:
    """Return Finance Main; raises ConfigurationError."""
    from chalicelib.adapters.finance_client import HttpFinance
    from chalicelib.adapters.secrets import secret

    known = settings()
    key = secret("FINANCE_API_KEY", known.finance_api_key, known.finance_api_key_arn)
    return HttpFinance(required(known.finance_api_url, "FINANCE_API_URL"), key)


@cache
def audit_queue() -> ports.AuditQueue:
    """Return the queue to Audit; raises ConfigurationError."""
    from chalicelib.adapters.audit import SqsAuditQueue

    return SqsAuditQueue(required(settings().audit_queue_url, "AUDIT_QUEUE_URL"))


def audit_logs() -> ports.AuditLogs:
    """Return the Audit Logs service; raises ConfigurationError."""
    from chalicelib.adapters.audit import HttpAuditLogs
    from chalicelib.adapters.secrets import secret

    known = settings()
    key = secret("AUDIT_API_KEY", known.audit_api_key, known.audit_api_key_arn)
    return HttpAuditLogs(required(known.audit_logs_api_url, "AUDIT_LOGS_API_URL"), key)


def bus() -> ports.EventBus:
    """Return the event bus; raises ConfigurationError."""
    from chalicelib.adapters.bus import EventBridgeBus
    from chalicelib.adapters.secrets import secret

    known = settings()
    key = secret("BUS_SIGNING_KEY", known.bus_signing_key, known.bus_signing_key_arn)
    name = required(known.event_bus_name, "EVENT_BUS_NAME")
    return EventBridgeBus(name, key=key.encode(), key_id=configuration.SERVICE_NAME)


@cache
def claims() -> ports.Claims:
    """Return the workers' claims; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.claims import DynamoClaims

    tables.use(tables.ClaimRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoClaims()


@cache
def retry_queue() -> SqsRetryQueue:
    """Return this worker's own queue; raises ConfigurationError."""
    from chalicelib.adapters.retry_queue import SqsRetryQueue

    return SqsRetryQueue(required(settings().queue_url, "QUEUE_URL"))


@cache
def subscriptions() -> ports.Subscriptions:
    """Return the webhook subscriptions; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.webhook_store import DynamoSubscriptions

    tables.use(tables.SubscriptionRow, required(settings().webhooks_table, "WEBHOOKS_TABLE"))
    tables.use(tables.ReceiptRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoSubscriptions()


@cache
def api_keys() -> ports.ApiKeys:
    """Return the API keys; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.api_key_store import DynamoApiKeys

    tables.use(tables.ApiKeyRow, required(settings().keys_table, "KEYS_TABLE"))
    tables.use(tables.ReceiptRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoApiKeys()


@cache
def rate_counters() -> ports.RateCounters:
    """Return the counters of calls; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.rate_counters import DynamoRateCounters

    tables.use(tables.RateRow, required(settings().work_table, "WORK_TABLE"))
    return DynamoRateCounters()


@cache
def limits() -> Limits:
    """Return how much each principal may do; raises ConfigurationError."""
    known = settings()
    return Limits(
        window=timedelta(milliseconds=known.rate_limit_window_ms),
        max_calls=known.rate_limit_max_requests,
        max_creations=known.rate_limit_max_creations,
    )


@cache
def deliveries() -> ports.Deliveries:
    """Return the record of webhook deliveries; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.webhook_store import DynamoDeliveries

    tables.use(tables.DeliveryRow, required(settings().webhooks_table, "WEBHOOKS_TABLE"))
    return DynamoDeliveries()


@cache
def webhook_sender() -> ports.WebhookSender:
    """Return the way to subscribers."""
    from chalicelib.adapters.webhook_sender import HttpWebhookSender

    return HttpWebhookSender(allow_loopback=settings().webhook_allow_loopback)


@cache
def notifications() -> ports.Notifications:
    """Return the record of mails; raises ConfigurationError."""
    from chalicelib.adapters import tables
    from chalicelib.adapters.notification_store import DynamoNotifications

    tables.use(tables.NotificationRow, required(settings().requests_table, "REQUESTS_TABLE"))
    return DynamoNotifications()


@cache
def mailer() -> ports.Mailer:
    """Return the way to mailboxes; raises ConfigurationError."""
    from chalicelib.adapters.mailer import SesMailer

    return SesMailer(required(settings().mail_from, "MAIL_FROM"))


def department_admins() -> Mapping[str, tuple[str, ...]]:
    """Return the admins' addresses by department; raises ConfigurationError."""
    admins = required(settings().department_admins, "DEPARTMENT_ADMINS")
    return {str(department): addresses for department, addresses in admins.items()}


def frontend_url() -> str:
    """Return where people see their requests; raises ConfigurationError."""
    return required(settings().frontend_url, "FRONTEND_URL")


def _budget_store() -> DynamoBudgetStore:
    from chalicelib.adapters import tables
    from chalicelib.adapters.budget_store import DynamoBudgetStore

    table = required(settings().budgets_table, "BUDGETS_TABLE")
    tables.use(tables.BudgetRow, table)
    tables.use(tables.ConfirmationRow, table)
    return DynamoBudgetStore()
