"""Dead letters, sent back to where they came from; nothing is lost where that is cut off.

A letter is sent before it is deleted: it is there twice rather than not at all, and whoever acts
on it recognises what it did before.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chalicelib.domain.events import AuditAction
from infra import dead_letters, given_up, operator_audit, relay_letters
from infra.dead_letters import DELIVERIES, DeadLetterQueue
from infra.errors import OperatorError
from infra.place import Place, told_clearly
from infra.progress import Progress, Report

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: A letter on its way back is hidden from others for so long.
HIDDEN_SECONDS = 60

_PAUSE_SECONDS = 1.0

#: What a cloud says that cannot move messages by itself.
_UNKNOWN = frozenset({"InvalidAction", "UnsupportedOperation", "UnknownOperationException"})

Pause = Callable[[float], object]


@dataclass(frozen=True)
class Sent:
    """How many letters were sent back, and why others were not, each in a line."""

    count: int
    left: tuple[str, ...] = ()

    @classmethod
    def of(cls, done: tuple[int, list[str]]) -> "Sent":
        """Return it made of a count and of reasons."""
        count, left = done
        return cls(count, tuple(left))


def redrive(
    place: Place, name: str, *, rate: int, progress: Progress, pause: Pause = time.sleep
) -> Sent:
    """Send the letters back that a queue has now, at most `rate` a second; Audit is told.

    `name` is as in `dead_letters.queues`, or `deliveries`. Raises OperatorError.
    """
    with told_clearly(), progress.step(f"Sending back what is dead in {name}") as report:
        if name == DELIVERIES:
            return Sent.of(given_up.send_again(place, rate=rate, report=report, pause=pause))
        queue, sqs = dead_letters.named(place, name), place.cloud.sqs
        count = dead_letters.waiting(sqs, queue.url)
        if count == 0:
            return Sent(0)
        told = {"queue": name, "messages": count}
        operator_audit.tell(place, AuditAction.REDRIVE, name, told)
        if queue.source_url is None:
            done = relay_letters.send_again(
                place, queue, count, rate=rate, report=report, pause=pause
            )
            return Sent.of(done)
        try:
            return _moved(sqs, queue, rate=rate, report=report, pause=pause)
        except ClientError as error:
            if error.response["Error"]["Code"].rsplit(".", 1)[-1] not in _UNKNOWN:
                raise
        return _moved_one_by_one(sqs, queue, count, rate=rate, report=report, pause=pause)


def _moved(
    sqs: "SQSClient", queue: DeadLetterQueue, *, rate: int, report: Report, pause: Pause
) -> Sent:
    """Have SQS move the letters; interrupted, it stops."""
    # Where to is said, since what a rule could not deliver has never been in the queue.
    source = _arn(sqs, queue.url)
    handle = sqs.start_message_move_task(
        SourceArn=source,
        DestinationArn=_arn(sqs, str(queue.source_url)),
        MaxNumberOfMessagesPerSecond=rate,
    )["TaskHandle"]
    try:
        while True:
            (task, *_) = sqs.list_message_move_tasks(SourceArn=source)["Results"]
            moved = task.get("ApproximateNumberOfMessagesMoved", 0)
            report(f"{moved} of {task.get('ApproximateNumberOfMessagesToMove', '?')}")
            if task["Status"] == "COMPLETED":
                return Sent(moved)
            if task["Status"] in {"FAILED", "CANCELLED"}:
                why = task.get("FailureReason", "it was cancelled")
                raise OperatorError(f"After {moved} of {queue.name}: {why}")
            pause(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        sqs.cancel_message_move_task(TaskHandle=handle)
        raise


def _moved_one_by_one(
    sqs: "SQSClient",
    queue: DeadLetterQueue,
    count: int,
    *,
    rate: int,
    report: Report,
    pause: Pause,
) -> Sent:
    """Move as many letters as there were at first: those that die again meanwhile stay."""
    moved = 0
    while moved < count:
        messages = dead_letters.received(
            sqs, queue.url, most=count - moved, hidden_seconds=HIDDEN_SECONDS
        )
        if not messages:
            break
        for message in messages:
            sqs.send_message(
                QueueUrl=str(queue.source_url),
                MessageBody=message["Body"],
                MessageAttributes=message.get("MessageAttributes", {}),
            )
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
            report(f"{moved} of {count}")
            pause(1 / rate)
    return Sent(moved)


def _arn(sqs: "SQSClient", url: str) -> str:
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return told["Attributes"]["QueueArn"]
