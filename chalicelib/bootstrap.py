"""The composition root: builds each part once, when it is first asked for.

What is built is imported inside its builder, so that a function pays at its cold start for what
it uses and for nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from chalicelib import settings as configuration
from chalicelib.domain.errors import JobNotFoundError
from chalicelib.settings import MIN_JWT_SECRET_BYTES, Settings, required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import SecretStr

    from chalicelib.adapters.budget_store import DynamoBudgetStore
    from chalicelib.adapters.bus import EventBridgeBus
    from chalicelib.adapters.retry_queue import SqsRetryQueue
    from chalicelib.adapters.set_aside import SqsSetAside
    from chalicelib.adapters.streams import Image
    from chalicelib.adapters.told import DynamoTold
    from chalicelib.domain.deadlines import ReviewDays
    from chalicelib.domain.fiscal import FiscalCalendar
    from chalicelib.domain.jobs import JobName
    from chalicelib.domain.rate_limits import Limits
    from chalicelib.usecases import ports
    from chalicelib.usecases.caching import Cache, ListCache
    from chalicelib.usecases.health import Probe
    from chalicelib.usecases.hit_meter import HitMeter
    from chalicelib.usecases.jobs import Job
    from chalicelib.usecases.lists import Cut
    from chalicelib.usecases.overviews import Books
    from chalicelib.usecases.patience import Patience
    from chalicelib.usecases.requests import InFull


def now() -> datetime:
    """Return the moment this call happens at; the only clock the service reads."""
    return datetime.now(UTC)


@cache
def settings() -> Settings:
    """Return this function's settings; raises ConfigurationError."""
    return configuration.load()


@cache
def calendar() -> FiscalCalendar:
    """Return the fiscal calendar; raises ConfigurationError."""
    from chalicelib.domain.fiscal import FiscalCalendar

    return FiscalCalendar(first_month=settings().fiscal_year_first_month)


@cache
def review_days() -> ReviewDays:
    """Return how long reviewers have, by priority; raises ConfigurationError."""
    from chalicelib.domain.deadlines import ReviewDays

    known = settings()
    return ReviewDays(
        urgent=known.sla_days_urgent,
        high=known.sla_days_high,
        medium=known.sla_days_medium,
        low=known.sla_days_low,
    )


def jwt_secret() -> str:
    """Return the key of HR Auth's tokens; raises ConfigurationError."""
    return next(iter(jwt_secrets()))


def jwt_secrets() -> Iterable[str]:
    """Return the keys that tokens may be signed with: during a rotation two.

    Raises ConfigurationError.
    """
    known = settings()
    value, arn = known.jwt_secret, known.jwt_secret_arn
    return _accepted("JWT_SECRET", value, arn, min_bytes=MIN_JWT_SECRET_BYTES)


@cache
def requests() -> ports.RequestStore:
    """Return the request store; raises ConfigurationError."""
    from chalicelib.adapters.request_store import DynamoRequestStore

    _name_tables("REQUESTS_TABLE")
    return DynamoRequestStore()


@cache
def request_lists() -> ports.RequestLists:
    """Return the lists of requests; raises ConfigurationError."""
    from chalicelib.adapters.request_lists import DynamoRequestLists

    _name_tables("REQUESTS_TABLE", "WORK_TABLE")
    return DynamoRequestLists()


@cache
def list_cache() -> ListCache[Cut]:
    """Return the pages of lists that this process remembers."""
    from chalicelib.usecases.caching import ListCache

    return ListCache(now)


@cache
def request_cache() -> Cache[InFull]:
    """Return the requests in full that this process remembers."""
    from chalicelib.usecases.caching import MAX_CACHED_REQUESTS, Cache

    return Cache(MAX_CACHED_REQUESTS, now)


@cache
def hit_counts() -> ports.HitCounts:
    """Return the record of how caches do; raises ConfigurationError."""
    from chalicelib.adapters.hit_counts import DynamoHitCounts

    _name_tables("WORK_TABLE")
    return DynamoHitCounts()


@cache
def hit_meter() -> HitMeter:
    """Return what counts how this process's caches do; raises ConfigurationError."""
    from chalicelib.usecases.hit_meter import HitMeter

    return HitMeter(hit_counts(), now)


@cache
def aggregates() -> ports.Aggregates:
    """Return what each day came to; raises ConfigurationError."""
    from chalicelib.adapters.aggregates import DynamoAggregates

    _name_tables("WORK_TABLE")
    return DynamoAggregates()


@cache
def queues() -> ports.Queues:
    """Return the queues between the functions; raises ConfigurationError."""
    from chalicelib.adapters.queues import SqsQueues

    return SqsQueues(required(settings().monitored_queues, "MONITORED_QUEUES"))


@cache
def probe() -> Probe:
    """Return what looks at the parts that the API stands on; raises ConfigurationError."""
    from chalicelib.adapters import aws, probes
    from chalicelib.usecases.health import Probe

    known = settings()
    tables = {
        "requests": required(known.requests_table, "REQUESTS_TABLE"),
        "budgets": required(known.budgets_table, "BUDGETS_TABLE"),
        "webhooks": required(known.webhooks_table, "WEBHOOKS_TABLE"),
        "work": required(known.work_table, "WORK_TABLE"),
        "keys": required(known.keys_table, "KEYS_TABLE"),
    }
    aws.client("secretsmanager")  # as the other clients: before checks run side by side
    checks = {
        **probes.tables(tables),
        **probes.queues(required(known.monitored_queues, "MONITORED_QUEUES")),
        "secret of HR Auth": jwt_secret,
        "secret of Finance": finance_api_key,
    }
    return Probe(checks, now)


@cache
def receipts() -> ports.Receipts:
    """Return the receipts of calls with an idempotency key; raises ConfigurationError."""
    from chalicelib.adapters.receipts import DynamoReceipts

    _name_tables("WORK_TABLE")
    return DynamoReceipts()


@cache
def budgets() -> ports.BudgetStore:
    """Return the budget store; raises ConfigurationError."""
    return _budget_store()


@cache
def tellings() -> ports.Tellings:
    """Return the record of what Finance was told; raises ConfigurationError."""
    from chalicelib.adapters.hold_store import DynamoTellings

    _name_tables("BUDGETS_TABLE")
    return DynamoTellings()


@cache
def due_requests() -> ports.DueRequests:
    """Return the requests by when they are due; raises ConfigurationError."""
    from chalicelib.adapters.due_requests import DynamoDueRequests

    _name_tables("REQUESTS_TABLE")
    return DynamoDueRequests()


def finance() -> ports.Finance:
    """Return Finance Main, asked for its secret when it is asked; raises ConfigurationError."""
    from chalicelib.adapters.finance_on_demand import FinanceOnDemand

    url = required(settings().finance_api_url, "FINANCE_API_URL")
    if settings().finance_api_key_arn is None:
        finance_api_key()  # here or nowhere

    def compose() -> ports.Finance:
        from chalicelib.adapters.finance_client import HttpFinance

        return HttpFinance(url, finance_api_key())

    return FinanceOnDemand(compose)


def finance_api_key() -> str:
    """Return our key at Finance Main; raises ConfigurationError."""
    from chalicelib.adapters.secrets import secret

    known = settings()
    return secret("FINANCE_API_KEY", known.finance_api_key, known.finance_api_key_arn)


def books() -> Books:
    """Return the budgets, with Finance and the fiscal calendar; raises ConfigurationError."""
    from chalicelib.usecases.overviews import Books

    return Books(
        store=budgets(),
        finance=finance(),
        calendar=calendar(),
        requests=requests(),
        due=due_requests(),
    )


@cache
def audit_queue() -> ports.AuditQueue:
    """Return the queue to Audit; raises ConfigurationError."""
    from chalicelib.adapters.audit import SqsAuditQueue

    _name_tables("WEBHOOKS_TABLE")
    return SqsAuditQueue(required(settings().audit_queue_url, "AUDIT_QUEUE_URL"))


def audit_logs() -> ports.AuditLogs:
    """Return the Audit Logs service; raises ConfigurationError."""
    from chalicelib.adapters.audit import HttpAuditLogs
    from chalicelib.adapters.secrets import secret

    known = settings()
    key = secret("AUDIT_API_KEY", known.audit_api_key, known.audit_api_key_arn)
    return HttpAuditLogs(required(known.audit_logs_api_url, "AUDIT_LOGS_API_URL"), key)


def bus() -> EventBridgeBus:
    """Return the event bus; raises ConfigurationError."""
    from chalicelib.adapters.bus import EventBridgeBus

    name = required(settings().event_bus_name, "EVENT_BUS_NAME")
    seal_key = next(iter(seal_keys())).encode()
    return EventBridgeBus(
        name, key=_signing_key(), key_id=configuration.SERVICE_NAME, seal_key=seal_key
    )


def rejections() -> ports.Rejections:
    """Return the way to partners whose messages are refused; raises ConfigurationError."""
    from chalicelib.adapters.rejections import EventBridgeRejections

    name = required(settings().event_bus_name, "EVENT_BUS_NAME")
    return EventBridgeRejections(name, key=_signing_key(), key_id=configuration.SERVICE_NAME)


def _signing_key() -> bytes:
    from chalicelib.adapters.secrets import secret

    known = settings()
    return secret("BUS_SIGNING_KEY", known.bus_signing_key, known.bus_signing_key_arn).encode()


def seal_keys() -> Iterable[str]:
    """Return what our own functions know the relay's messages by, the one that seals first.

    Raises ConfigurationError.
    """
    known = settings()
    return _accepted("BUS_SEAL_KEY", known.bus_seal_key, known.bus_seal_key_arn)


@cache
def told() -> DynamoTold:
    """Return the record of what was told of every change; raises ConfigurationError."""
    from chalicelib.adapters.told import DynamoTold

    return DynamoTold(required(settings().told_table, "TOLD_TABLE"))


@cache
def set_aside() -> SqsSetAside:
    """Return where the relay puts what it can never tell; raises ConfigurationError."""
    from chalicelib.adapters.set_aside import SqsSetAside

    return SqsSetAside(required(settings().set_aside_queue_url, "SET_ASIDE_QUEUE_URL"))


def told_in(image: Image) -> str | None:
    """Return what a row in a stream tells, as JSON; None for nothing. Raises UntellableError."""
    from chalicelib.adapters.streams import told_in

    return told_in(image)


@cache
def claims() -> ports.Claims:
    """Return the workers' claims; raises ConfigurationError."""
    from chalicelib.adapters.claims import DynamoClaims

    _name_tables("WORK_TABLE")
    return DynamoClaims()


@cache
def retry_queue() -> SqsRetryQueue:
    """Return this worker's own queue; raises ConfigurationError."""
    from chalicelib.adapters.retry_queue import SqsRetryQueue

    return SqsRetryQueue(required(settings().queue_url, "QUEUE_URL"))


@cache
def subscriptions() -> ports.Subscriptions:
    """Return the webhook subscriptions; raises ConfigurationError."""
    from chalicelib.adapters.webhook_store import DynamoSubscriptions

    _name_tables("WEBHOOKS_TABLE")
    return DynamoSubscriptions()


@cache
def api_keys() -> ports.ApiKeys:
    """Return the API keys; raises ConfigurationError."""
    from chalicelib.adapters.api_key_store import DynamoApiKeys

    _name_tables("KEYS_TABLE", "WORK_TABLE")
    return DynamoApiKeys()


@cache
def bus_keys() -> ports.BusKeys:
    """Return the partners' keys on the bus; raises ConfigurationError."""
    from chalicelib.adapters.bus_key_store import DynamoBusKeys

    _name_tables("KEYS_TABLE")
    return DynamoBusKeys()


def bus_keys_secrets() -> Iterable[str]:
    """Return what the secrets of partners' keys may be derived from, that of new keys first.

    Raises ConfigurationError.
    """
    known = settings()
    return _accepted("BUS_KEYS_SECRET", known.bus_keys_secret, known.bus_keys_secret_arn)


@cache
def parked_messages() -> ports.ParkedMessages:
    """Return the refused messages of partners; raises ConfigurationError."""
    from chalicelib.adapters.parked_messages import DynamoParkedMessages

    _name_tables("WORK_TABLE")
    return DynamoParkedMessages()


@cache
def rate_counters() -> ports.RateCounters:
    """Return the counters of calls; raises ConfigurationError."""
    from chalicelib.adapters.rate_counters import DynamoRateCounters

    _name_tables("WORK_TABLE")
    return DynamoRateCounters()


@cache
def limits() -> Limits:
    """Return how much each principal may do; raises ConfigurationError."""
    from chalicelib.domain.rate_limits import Limits

    known = settings()
    return Limits(
        window=timedelta(milliseconds=known.rate_limit_window_ms),
        max_calls=known.rate_limit_max_requests,
        max_creations=known.rate_limit_max_creations,
    )


@cache
def deliveries() -> ports.Deliveries:
    """Return the record of webhook deliveries; raises ConfigurationError."""
    from chalicelib.adapters.webhook_store import DynamoDeliveries

    _name_tables("WEBHOOKS_TABLE")
    return DynamoDeliveries()


@cache
def webhook_queue() -> ports.WebhookQueue:
    """Return the way to the worker that delivers webhooks; raises ConfigurationError."""
    from chalicelib.adapters.webhook_queue import SqsWebhookQueue

    return SqsWebhookQueue(required(settings().webhooks_queue_url, "WEBHOOKS_QUEUE_URL"))


@cache
def webhook_sender() -> ports.WebhookSender:
    """Return the way to subscribers."""
    from chalicelib.adapters.webhook_sender import HttpWebhookSender

    return HttpWebhookSender(allow_loopback=settings().webhook_allow_loopback)


@cache
def patience() -> Patience:
    """Return what this process remembers of slow subscribers."""
    from chalicelib.usecases.patience import Patience

    return Patience()


@cache
def notifications() -> ports.Notifications:
    """Return the record of mails; raises ConfigurationError."""
    from chalicelib.adapters.notification_store import DynamoNotifications

    _name_tables("REQUESTS_TABLE")
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


@cache
def job_runs() -> ports.JobRuns:
    """Return the records of runs of jobs; raises ConfigurationError."""
    from chalicelib.adapters.job_store import DynamoJobRuns

    _name_tables("WORK_TABLE")
    return DynamoJobRuns()


@cache
def job_leases() -> ports.JobLeases:
    """Return who is at work on which job; raises ConfigurationError."""
    from chalicelib.adapters.job_store import DynamoJobLeases

    _name_tables("WORK_TABLE")
    return DynamoJobLeases()


@cache
def job_queue() -> ports.JobQueue:
    """Return the way to the worker that runs jobs; raises ConfigurationError."""
    from chalicelib.adapters.job_queue import SqsJobQueue

    return SqsJobQueue(required(settings().jobs_queue_url, "JOBS_QUEUE_URL"))


def job(name: JobName) -> Job:
    """Return a job; raises JobNotFoundError for one that is not registered, ConfigurationError."""
    if name not in _jobs():
        raise JobNotFoundError
    return _jobs()[name]()


def job_names() -> frozenset[JobName]:
    """Return the jobs that are registered."""
    return frozenset(_jobs())


def _finance_sync() -> Job:
    from chalicelib.usecases.finance_sync import finance_sync

    return finance_sync(
        store=budgets(),
        finance=finance(),
        calendar=calendar(),
        due=due_requests(),
        requests=requests(),
    )


def _reservation_expiry() -> Job:
    from chalicelib.usecases.due_jobs import reservation_expiry

    return reservation_expiry(due=due_requests(), store=requests())


def _sla_check() -> Job:
    from chalicelib.usecases.due_jobs import sla_check

    return sla_check(due=due_requests(), store=requests())


def _daily_aggregates() -> Job:
    from chalicelib.usecases.daily_aggregates import daily_aggregates

    return daily_aggregates(lists=request_lists(), aggregates=aggregates())


def _jobs() -> Mapping[JobName, Callable[[], Job]]:
    """Return every job, and what builds it when it is run: the one place to register one."""
    from chalicelib.domain.jobs import JobName

    return {
        JobName.FINANCE_SYNC: _finance_sync,
        JobName.RESERVATION_EXPIRY: _reservation_expiry,
        JobName.SLA_CHECK: _sla_check,
        JobName.DAILY_AGGREGATES: _daily_aggregates,
    }


def _accepted(
    variable: str, value: SecretStr | None, arn: str | None, *, min_bytes: int = 1
) -> Iterable[str]:
    """Return what a secret may be: nothing to go through where it is not configured at all."""
    from chalicelib.adapters.secrets import Accepted

    found = Accepted(variable, value, arn, min_bytes=min_bytes)
    next(iter(found))
    return found


def _budget_store() -> DynamoBudgetStore:
    from chalicelib.adapters.budget_store import DynamoBudgetStore

    _name_tables("BUDGETS_TABLE")
    return DynamoBudgetStore()


def _name_tables(*needed: str) -> None:
    """Tell rows the tables of this function; raises ConfigurationError where one has no name."""
    from chalicelib.adapters import tables

    known = settings()
    configured = {
        "REQUESTS_TABLE": (tables.InRequests, known.requests_table),
        "BUDGETS_TABLE": (tables.InBudgets, known.budgets_table),
        "WEBHOOKS_TABLE": (tables.InWebhooks, known.webhooks_table),
        "WORK_TABLE": (tables.InWork, known.work_table),
        "KEYS_TABLE": (tables.InKeys, known.keys_table),
    }
    for variable, (rows, name) in configured.items():
        if variable in needed:
            required(name, variable)
        if name:
            rows.Meta.table_name = name
