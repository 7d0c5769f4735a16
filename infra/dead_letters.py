"""The dead letters of a stack: looked at, without taking any of them away."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra import given_up, letters, reasons
from infra.errors import OperatorError
from infra.letters import Letter
from infra.place import Place, told_clearly

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: The most letters of a queue that are shown.
MAX_SHOWN = 100

#: A letter that is looked at is hidden from others for so long, unless it is shown again before.
HIDDEN_SECONDS = 30

#: Long polls ask all servers of a queue, so that what is there is found.
WAIT_SECONDS = 1

#: The most messages that one call receives.
AT_ONCE = 10

#: The webhook deliveries that were given up are in the table, and are named like a queue.
DELIVERIES = "deliveries"

_OUTPUT = "DeadLetterQueueUrl"


@dataclass(frozen=True)
class DeadLetterQueue:
    """A dead-letter queue, and where its letters came from; the relay's come from no queue."""

    name: str
    url: str
    source_url: str | None


@dataclass(frozen=True)
class Seen:
    """Letters, and how many more there are of each queue than are shown, about."""

    letters: tuple[Letter, ...]
    more: dict[str, int]

    def as_json(self, now: datetime) -> str:
        """Return them for programs: `letters`, each with its age, and `more` by queue."""
        told = [
            {
                **letter.model_dump(by_alias=True, mode="json"),
                "ageSeconds": int((now - letter.since).total_seconds()),
            }
            for letter in self.letters
        ]
        return json.dumps({"letters": told, "more": self.more}, indent=2, ensure_ascii=False)

    def table(self, now: datetime) -> str:
        """Return them as lines for a person."""
        lines = [letter.line(now) for letter in self.letters]
        lines += [f"{queue}  {count} more" for queue, count in self.more.items()]
        return "\n".join(lines or ["There are no dead letters."])


def queues(place: Place) -> dict[str, DeadLetterQueue]:
    """Return the dead-letter queues of a stack, by the names people give them.

    Raises OperatorError where it tells of none.
    """
    place.named(f"Relay{_OUTPUT}")
    found = [name.removesuffix(_OUTPUT) for name in place.outputs if name.endswith(_OUTPUT)]
    return {
        name.lower(): DeadLetterQueue(
            name.lower(), place.outputs[name + _OUTPUT], place.outputs.get(f"{name}QueueUrl")
        )
        for name in sorted(found)
    }


def named(place: Place, name: str) -> DeadLetterQueue:
    """Return a dead-letter queue; raises OperatorError naming those there are."""
    known = queues(place)
    if name not in known:
        names = ", ".join([*known, DELIVERIES])
        raise OperatorError(f"No queue {name!r}; there are {names}.")
    return known[name]


def seen(place: Place, name: str | None) -> Seen:
    """Return the dead letters of one queue or of all, each with the reason, where it is known.

    Raises OperatorError.
    """
    with told_clearly():
        if name == DELIVERIES:
            return _deliveries(place)
        wanted = [named(place, name)] if name else list(queues(place).values())
        with ThreadPoolExecutor(len(wanted)) as threads:
            each = list(threads.map(lambda queue: _look(place, queue), wanted))
        if name is None:
            each.append(_deliveries(place))
    more = {queue: count for found in each for queue, count in found.more.items()}
    return Seen(tuple(letter for found in each for letter in found.letters), more)


def waiting(sqs: "SQSClient", url: str) -> int:
    """Return how many messages can be received from a queue now, about."""
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(told["Attributes"]["ApproximateNumberOfMessages"])


def received(
    sqs: "SQSClient", url: str, *, most: int = AT_ONCE, hidden_seconds: int = HIDDEN_SECONDS
) -> list[Any]:
    """Receive up to `most` messages with all their attributes; nobody else gets them meanwhile."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(most, AT_ONCE),
        VisibilityTimeout=hidden_seconds,
        WaitTimeSeconds=WAIT_SECONDS,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


def _look(place: Place, queue: DeadLetterQueue) -> Seen:
    sqs = place.cloud.sqs
    depth = waiting(sqs, queue.url)
    with _shown_again(sqs, queue.url) as messages:
        while len(messages) < MAX_SHOWN:
            got = received(sqs, queue.url, most=MAX_SHOWN - len(messages))
            new = {message["MessageId"]: message for message in got}
            if not new.keys() - messages.keys():
                break
            messages.update(new)
    found = [letters.of_message(queue.name, message) for message in messages.values()]
    left = depth - len(found)
    return Seen(tuple(reasons.added(place, found)), {queue.name: left} if left > 0 else {})


@contextmanager
def _shown_again(sqs: "SQSClient", url: str) -> Iterator[dict[str, Any]]:
    """Take messages into what this yields; whatever happens, others see them again at its end."""
    messages: dict[str, Any] = {}
    try:
        yield messages
    finally:
        for message in messages.values():
            with suppress(ClientError):  # it is seen again soon by itself
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )


def _deliveries(place: Place) -> Seen:
    found = given_up.deliveries(place)
    shown = [letters.of_delivery(DELIVERIES, each) for each in islice(found, MAX_SHOWN)]
    left = sum(1 for _ in found)
    return Seen(tuple(shown), {DELIVERIES: left} if left else {})
