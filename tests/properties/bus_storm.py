"""The way of every event to its four consumers, on the real handlers, while everything fails.

The relay's function, the bus's rules as infra/template.yaml has them, queues that repeat, reorder
and set aside, and the workers' functions. At each call to the outside a function may die before or
after it; the bus takes only some of what it is given; partners are silent, or do what they were
asked and do not say so. All of it is drawn from one seed, and comes again from the same one.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from chalicelib.adapters import aws as aws_clients
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.retries import MAX_RECEIVES
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.relay import relay
from chalicelib.handlers.webhooks import webhooks
from tests import samples, tables
from tests.botocore_answers import answering
from tests.handlers.workers import Worker
from tests.properties.weather import Crash, Weather

#: What infra/template.yaml says of every queue.
VISIBILITY = timedelta(seconds=180)

#: How many records of a stream the relay gets at once, and messages a worker: of webhooks one, as
#: several are worked on in threads, whose order no seed can give again.
RELAYED_AT_ONCE = 16
BATCHES = {"webhooks": 1, "audit": 10, "notifications": 10, "finance": 10}
WORKERS: dict[str, Worker] = {
    "webhooks": webhooks,
    "audit": audit,
    "notifications": notifications,
    "finance": finance,
}


@dataclass
class _Message:
    id: str
    body: str
    visible_at: datetime
    sent_at: datetime
    receives: int = 0


@dataclass
class Queue:
    """A queue: in no order, at least once, and out of the way after too many times."""

    waiting: list[_Message] = field(default_factory=list)
    dead: list[_Message] = field(default_factory=list)

    def receive(self, most: int, now: datetime, chance: Random) -> list[_Message]:
        """Return up to `most` messages of those that can be seen, drawn by chance."""
        seen = [message for message in self.waiting if message.visible_at <= now]
        taken = chance.sample(seen, min(most, len(seen)))
        for message in taken:
            message.receives += 1
            message.visible_at = now + VISIBILITY
        spent = [message for message in taken if message.receives > MAX_RECEIVES]
        for message in spent:
            self.waiting.remove(message)
            self.dead.append(message)
        return [message for message in taken if message not in spent]

    def redrive(self, now: datetime) -> None:
        """Send all that is set aside back, as an operator does."""
        for message in self.dead:
            message.receives, message.visible_at = 0, now
        self.waiting += self.dead
        self.dead.clear()


@cache
def rules() -> tuple[tuple[str, dict[str, list[Any]]], ...]:
    """Return the rules of our bus as the template has them: queue and pattern."""
    return tuple(
        (rule["Targets"][0]["Id"], rule["EventPattern"])
        for rule in tables.resources("AWS::Events::Rule").values()
        if "EventBusName" in rule
    )


def _matches(pattern: dict[str, list[Any]], entry: dict[str, Any]) -> bool:
    return all(
        any(
            entry[name] not in one["anything-but"] if isinstance(one, dict) else entry[name] == one
            for one in wanted
        )
        for name, wanted in pattern.items()
    )


@dataclass
class Cloud:
    """Streams, bus, queues and functions; `now` is a clock that somebody else moves."""

    weather: Weather
    now: Callable[[], datetime]
    on_death: Callable[[], None]
    queues: dict[str, Queue] = field(default_factory=lambda: {name: Queue() for name in WORKERS})
    streams: list[list[dict[str, Any]]] = field(default_factory=lambda: [[], []])
    relayed: list[int] = field(default_factory=lambda: [0, 0])
    _batch: list[int] = field(default_factory=lambda: [RELAYED_AT_ONCE, RELAYED_AT_ONCE])
    _sent: int = 0

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Have the service's clients of the bus and of queues reach this cloud."""
        sqs, events = aws_clients.client("sqs"), aws_clients.client("events")
        with (
            answering(events, "PutEvents", self._put_events),
            answering(sqs, "SendMessage", self._send_message),
            answering(sqs, "ChangeMessageVisibility", self._change_visibility),
        ):
            yield

    def run_relay(self, shard: int) -> None:
        """Give the relay the next records of a shard; what it fails on comes again, in halves."""
        stream, done = self.streams[shard], self.relayed[shard]
        records = stream[done : done + self._batch[shard]]
        if records and self._runs(lambda: relay({"Records": records}, None)) is not _DIED:
            self.relayed[shard] += len(records)
            self._batch[shard] = RELAYED_AT_ONCE
        elif records:
            self._batch[shard] = max(len(records) // 2, 1)

    def run_worker(self, name: str) -> bool:
        """Give a worker what waits for it; says whether there was anything."""
        queue = self.queues[name]
        taken = queue.receive(BATCHES[name], self.now(), self.weather.chance)
        if not taken:
            return False
        records = [
            samples.record(name, message.body, 1, message.receives)
            | {"messageId": message.id, "receiptHandle": f"{name} {message.id}"}
            for message in taken
        ]
        answer = self._runs(lambda: WORKERS[name]({"Records": records}, None))
        if answer is _DIED:
            return True  # nobody said that any of it was done
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in taken:
            if message.id not in failed and not self.weather.strikes("a message came again", 0.2):
                queue.waiting.remove(message)
        return True

    def sweep(self) -> None:
        """Have the schedule send its message."""
        self._queue("webhooks", '{"do": "sweep"}')

    def _runs(self, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - what a function answers
        self.weather.is_dead = False
        try:
            return function()
        except Crash:
            self.on_death()
            return _DIED
        except DeliveryFailedError:  # as the relay raises it: the batch failed
            return _DIED
        finally:
            self.weather.is_dead = False

    def _put_events(self, body: bytes) -> tuple[int, dict[str, Any]]:
        self.weather.may_kill("before")
        answers: list[dict[str, str]] = []
        for entry in json.loads(body)["Entries"]:
            if self.weather.strikes("the bus did not take an entry", 0.3):
                answers.append({"ErrorCode": "InternalFailure"})
                continue
            answers.append({"EventId": "1"})
            for _ in range(1 + self.weather.strikes("the bus told it twice", 0.3)):
                self._route(entry)
        self.weather.may_kill("after")
        failed = sum("ErrorCode" in answer for answer in answers)
        return 200, {"FailedEntryCount": failed, "Entries": answers}

    def _route(self, entry: dict[str, Any]) -> None:
        message = {
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "detail": json.loads(entry["Detail"]),
        }
        for queue, pattern in rules():
            if _matches(pattern, message):
                self._queue(queue, json.dumps(message))

    def _send_message(self, body: bytes) -> tuple[int, dict[str, Any]]:
        asked = json.loads(body)
        assert asked["QueueUrl"].endswith("webhooks")
        self.weather.may_kill("before")
        self._queue("webhooks", asked["MessageBody"])
        self.weather.may_kill("after")
        return 200, {"MessageId": "1"}

    def _change_visibility(self, body: bytes) -> tuple[int, dict[str, Any]]:
        asked = json.loads(body)
        self.weather.may_kill("before")
        name, _, message_id = asked["ReceiptHandle"].partition(" ")
        for message in self.queues[name].waiting:
            if message.id == message_id:
                message.visible_at = self.now() + timedelta(seconds=asked["VisibilityTimeout"])
        return 200, {}

    def _queue(self, name: str, body: str) -> None:
        self._sent += 1
        now = self.now()
        self.queues[name].waiting.append(_Message(f"m{self._sent}", body, now, now))


_DIED = object()
