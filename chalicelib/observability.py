"""What people see of the service as it runs: log lines, metrics, and the id that ties them.

Lines are JSON, and there is no personal text in them. A correlation id goes with what one call sets
off: from HTTP into the outbox, over the bus and through queues to Finance and Audit.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from time import time
from typing import Any

from aws_lambda_powertools.logging import Logger

from chalicelib.settings import SERVICE_NAME, stack_name

#: The header it comes and goes with.
CORRELATION_HEADER = "X-Correlation-Id"

#: What others may choose as an id: it is written to logs and sent on in headers.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}")

_correlation: ContextVar[str | None] = ContextVar("_correlation", default=None)


@cache
def logger() -> Logger:
    """Return the service's logger; Powertools itself reads its level from LOG_LEVEL."""
    made = Logger(service=SERVICE_NAME, utc=True, serialize_stacktrace=False)
    logging.getLogger(SERVICE_NAME).addFilter(_name_correlation)
    return made


def _name_correlation(record: logging.LogRecord) -> bool:
    found = _correlation.get()
    if found is not None:
        record.correlation_id = found
    return True


def correlation_id() -> str | None:
    """Return the id of what this thread is at."""
    return _correlation.get()


@contextmanager
def correlated(*candidates: object) -> Iterator[None]:
    """Have what happens in the block go by the first of the ids that can be one."""
    chosen = next((c for c in candidates if isinstance(c, str) and _ID.fullmatch(c)), None)
    before = _correlation.set(chosen)
    try:
        yield
    finally:
        _correlation.reset(before)


class Metric(StrEnum):
    """Every metric, by its name in CloudWatch; docs/runbook.md says what each is for."""

    CALLS = "Calls"
    CALLS_REFUSED = "CallsRefused"
    CALLS_FAILED = "CallsFailed"
    CALL_LATENCY = "CallLatency"
    CACHE_HITS = "CacheHits"
    CACHE_MISSES = "CacheMisses"
    CHANGES_RELAYED = "ChangesRelayed"
    EVENTS_PUBLISHED = "EventsPublished"
    MESSAGES_DONE = "MessagesDone"
    MESSAGES_FAILED = "MessagesFailed"
    MESSAGES_REJECTED = "MessagesRejected"
    MESSAGES_FORGED = "MessagesForged"
    DELIVERIES_GIVEN_UP = "DeliveriesGivenUp"
    WEBHOOKS_FAILING = "WebhooksFailing"
    WEBHOOKS_DISABLED = "WebhooksDisabled"
    MAILS_REFUSED = "MailsRefused"
    JOBS_DONE = "JobsDone"
    JOBS_FAILED = "JobsFailed"
    BUDGETS_STALE = "BudgetsStale"


#: Where CloudWatch keeps them, by the stack and, where it says more, by one thing more. By the
#: stack, not its stage: an account may have two of one stage, say while one is restored.
NAMESPACE = "BudgetRequests"
STACK_DIMENSION = "stack"

_IN_MILLISECONDS = frozenset({Metric.CALL_LATENCY})


def measure(values: Mapping[Metric, float], **by: str) -> None:
    """Tell CloudWatch of `values`, in all of the stack and `by` what is named besides.

    One line in the embedded metric format, which needs no call and no permission. Apart from the
    log, so that a higher LOG_LEVEL costs no metric.
    """
    line: dict[str, Any] = {
        "_aws": {
            "Timestamp": int(time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [[STACK_DIMENSION], *([[STACK_DIMENSION, *by]] if by else [])],
                    "Metrics": [{"Name": each.value, "Unit": _unit(each)} for each in values],
                }
            ],
        },
        STACK_DIMENSION: stack_name(),
        **by,
        **{each.value: value for each, value in values.items()},
    }
    # In one piece: threads of a batch write beside each other.
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def _unit(metric: Metric) -> str:
    return "Milliseconds" if metric in _IN_MILLISECONDS else "Count"
