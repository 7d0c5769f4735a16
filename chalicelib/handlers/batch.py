"""Queue batches: each message on its own; those that failed come back, later and later."""

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypedDict

from chalice.app import BaseLambdaEvent
from pydantic import ValidationError

from chalicelib import bootstrap
from chalicelib.domain.errors import (
    BudgetRequestsError,
    ConfigurationError,
    DeliveryFailedError,
)
from chalicelib.domain.events import CORRELATION_ID
from chalicelib.domain.messages import (
    CORRELATION_ATTRIBUTE,
    CORRELATION_MESSAGE_ATTRIBUTE,
    ForgedError,
)
from chalicelib.domain.retries import seconds_until_retry
from chalicelib.observability import Metric, correlated, logger, measure


class _Failure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda takes as the answer to a batch (ReportBatchItemFailures)."""

    batchItemFailures: list[_Failure]


#: A message is begun only with this much time left: more than the slowest partner may take.
TIME_FOR_ONE_SECONDS = 14.0


def each_message(
    event: BaseLambdaEvent, act: Callable[[str], object], *, at_once: int = 1
) -> BatchResponse:
    """Run `act` on the body of each SQS record, as `each_record` does."""
    return each_record(event, lambda record: act(record["body"]), at_once=at_once)


def each_record(
    event: BaseLambdaEvent, act: Callable[[dict[str, Any]], object], *, at_once: int = 1
) -> BatchResponse:
    """Run `act` on each SQS record and report those it raised on.

    Up to `at_once` of them run together, each in a thread. A slow partner takes the time of the
    messages behind: those that would be cut off in the middle are not begun, and come back as if
    the partner had been silent.

    What a partner's silence failed comes back after a growing delay, or when the failure says;
    what cannot be understood comes back at once, until the queue sets it aside, alone. What is not
    sealed with our key comes back as well, as the key may be about to change here, and is set
    aside in the end, having had no effect. Raises
    ConfigurationError, and so leaves the whole batch on its queue, where the function is not
    configured.
    """
    bootstrap.settings()
    records = records_of(event)

    def is_done(record: dict[str, Any]) -> bool:
        if seconds_left(event) < TIME_FOR_ONE_SECONDS:
            logger().warning("no time for message", extra={"message_id": record["messageId"]})
            _postpone(None, record)
            return False
        with correlated(*_ids_of(record)):
            try:
                act(record)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, only this message comes back
                _log(error, record)
                _postpone(error, record)
                return False
            logger().info("message done", extra={"message_id": record["messageId"]})
        return True

    if at_once == 1 or len(records) == 1:
        done = [is_done(record) for record in records]
    else:
        with ThreadPoolExecutor(at_once) as threads:
            done = list(threads.map(is_done, records))
    failures: list[_Failure] = [
        {"itemIdentifier": record["messageId"]}
        for record, fine in zip(records, done, strict=True)
        if not fine
    ]
    logger().info("batch done", extra={"messages": len(records), "failures": len(failures)})
    if records:
        outcome = {
            Metric.MESSAGES_DONE: len(records) - len(failures),
            Metric.MESSAGES_FAILED: len(failures),
        }
        measure(outcome, queue=_queue_of(records))
    return {"batchItemFailures": failures}


def seconds_left(event: BaseLambdaEvent) -> float:
    """Return how long the function that was given `event` may still run, from this moment on."""
    # Run by hand there may be no context, and then no one to stop the function.
    remaining = getattr(event.context, "get_remaining_time_in_millis", None)
    return float(remaining()) / 1000 if remaining else math.inf


def _ids_of(record: dict[str, Any]) -> Iterator[object]:
    """Yield what may be the id of the call that a message comes from, the best first."""
    attribute = record.get("messageAttributes", {}).get(CORRELATION_MESSAGE_ATTRIBUTE) or {}
    yield attribute.get("stringValue")
    with suppress(ValueError, AttributeError, RecursionError):  # not JSON, or of another form
        detail = json.loads(record["body"]).get("detail") or {}
        yield detail.get(CORRELATION_ATTRIBUTE)
        yield (detail.get("metadata") or {}).get(CORRELATION_ID)
    yield record["messageId"]


def _queue_of(records: list[dict[str, Any]]) -> str:
    return str(records[0].get("eventSourceARN", "unknown")).rsplit(":", 1)[-1]


def _log(error: Exception, record: dict[str, Any]) -> None:
    told = {"message_id": record["messageId"]}
    if isinstance(error, BudgetRequestsError):
        logger().warning("message failed", extra=told | {"code": error.code, "why": str(error)})
    elif not isinstance(error, ForgedError):
        logger().error("message failed", exc_info=error, extra=told)
    elif _receives(record) == 1:  # once; nothing of what a stranger wrote
        logger().warning("message forged", extra=told)
        measure({Metric.MESSAGES_FORGED: 1}, queue=_queue_of([record]))


def _postpone(error: Exception | None, record: dict[str, Any]) -> None:
    hopeless = isinstance(error, ValidationError)
    seconds = 0 if hopeless else seconds_until_retry(_receives(record))
    if isinstance(error, DeliveryFailedError) and error.retry_in_seconds is not None:
        seconds = error.retry_in_seconds
    if not bootstrap.retry_queue().postpone(record["receiptHandle"], seconds):
        logger().warning("could not postpone", extra={"message_id": record["messageId"]})


def _receives(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def records_of(event: BaseLambdaEvent) -> list[dict[str, Any]]:
    """Return the raw records of an event (Chalice's own record class warns on Python 3.12)."""
    records: list[dict[str, Any]] = event.to_dict()["Records"]
    return records
