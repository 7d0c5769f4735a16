"""Queue batches: each message on its own; those that failed come back, later and later."""

from collections.abc import Callable, Iterable
from typing import Any, TypedDict

from chalice.app import BaseLambdaEvent
from pydantic import ValidationError

from chalicelib import bootstrap
from chalicelib.domain.errors import BudgetRequestsError, ConfigurationError
from chalicelib.domain.retries import seconds_until_retry
from chalicelib.observability import logger


class _Failure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda takes as the answer to a batch (ReportBatchItemFailures)."""

    batchItemFailures: list[_Failure]


def each_message(records: Iterable[dict[str, Any]], act: Callable[[str], object]) -> BatchResponse:
    """Run `act` on the body of each SQS record and report those it raised on.

    What a partner's silence failed comes back after a growing delay; what cannot be understood
    comes back at once, until the queue sets it aside, alone. Raises ConfigurationError, and so
    leaves the whole batch on its queue, where the function is not configured.
    """
    bootstrap.settings()
    failures: list[_Failure] = []
    total = 0
    for record in records:
        total += 1
        try:
            act(record["body"])
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, only this message comes back
            _log(error, record["messageId"])
            _postpone(error, record)
            failures.append({"itemIdentifier": record["messageId"]})
    logger().info("batch done", extra={"messages": total, "failures": len(failures)})
    return {"batchItemFailures": failures}


def _log(error: Exception, message_id: str) -> None:
    if isinstance(error, BudgetRequestsError):
        extra = {"message_id": message_id, "code": error.code, "why": str(error)}
        logger().warning("message failed", extra=extra)
    else:
        logger().error("message failed", exc_info=error, extra={"message_id": message_id})


def _postpone(error: Exception, record: dict[str, Any]) -> None:
    receives = int(record["attributes"]["ApproximateReceiveCount"])
    hopeless = isinstance(error, ValidationError)
    seconds = 0 if hopeless else seconds_until_retry(receives)
    if not bootstrap.retry_queue().postpone(record["receiptHandle"], seconds):
        logger().warning("could not postpone", extra={"message_id": record["messageId"]})


def records_of(event: BaseLambdaEvent) -> list[dict[str, Any]]:
    """Return the raw records of an event (Chalice's own record class warns on Python 3.12)."""
    records: list[dict[str, Any]] = event.to_dict()["Records"]
    return records
