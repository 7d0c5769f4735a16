"""What a change costs with all that follows: the call, the relay, each worker its events reach.

Played a step at a time on a stack whose own pollers are off meanwhile: each function's handler is
given what would have woken it, alone in its batch, and what it sends is recorded by the probe.
"""

import base64
import json
import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from botocore.client import BaseClient
from botocore.hooks import BaseEventHooks, HierarchicalEmitter
from botocore.model import ServiceModel, Shape
from botocore.parsers import ResponseParser, create_parser

from bench.capacity import Bill, billed
from bench.functions import Function, Unpacked, deployed, probe
from bench.prices import dollars_a_million, dollars_a_million_of_messages
from bench.queues import idleness
from bench.script import APPROVAL, NEW, call
from infra.cloud import Cloud
from infra.local import RunningStack
from infra.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: No queue holds what a stream has not told yet, but Audit hears of it: nothing for so long.
QUIET_SECONDS = 3.0
QUIET_DEADLINE_SECONDS = 60.0
#: The most that SQS gives at once.
RECEIVED_AT_ONCE = 10
#: The pollers of a queue take a message and put it away.
REQUESTS_TO_TAKE = 2
#: What a rule brings to a queue is sent there, as if by us.
REQUESTS_TO_BRING = 1

#: The steps that are no function's: the call over HTTP, and the sum of all.
CALL, TOTAL = "call", "all"

_REQUESTS, _REQUEST = "/budget-requests", "/budget-requests/{id}"

#: The sort key of a request itself, which the mapping of the relay asks for.
REQUEST_SK = "REQUEST"

#: A call as the probe recorded it.
Recorded = dict[str, Any]
Json = dict[str, Any]


@dataclass
class Step:
    """What one step of a change asked of AWS; partners, secrets and Lambda are not in it."""

    name: str
    write_units: float = 0.0
    read_units: float = 0.0
    queue_requests: int = 0
    """Of SQS: what was sent there, brought there by a rule, taken and put away."""
    events: int = 0
    """Entries put on the bus."""
    others: Counter[str] = field(default_factory=Counter)
    """Calls of other services, by botocore's name of them."""

    @property
    def dollars_a_million(self) -> float:
        """What a million of these cost at DynamoDB, SQS and EventBridge."""
        rows = Bill(write_units=self.write_units, read_units=self.read_units)
        messages = dollars_a_million_of_messages(self.queue_requests, self.events)
        return dollars_a_million(rows) + messages

    def __add__(self, other: "Step") -> "Step":
        """Return both as one, by the name of this one."""
        return Step(
            self.name,
            self.write_units + other.write_units,
            self.read_units + other.read_units,
            self.queue_requests + other.queue_requests,
            self.events + other.events,
            self.others + other.others,
        )


def total(steps: Sequence[Step]) -> Step:
    """Return the sum of the steps of a change."""
    return sum(steps, Step(TOTAL))


def measure(stack: RunningStack, package: Unpacked) -> dict[str, list[Step]]:
    """Return the steps of each kind of change, on one request that goes through all of them."""
    clerk = stack.token("Finance Clerk", sub="u-clerk", name="clerk", email="clerk@example.com")
    admin = stack.token("Finance Admin", sub="u-admin", name="admin")
    functions = deployed(stack)
    # The calculator knows a table by the name that a function's environment has of it.
    tables = {
        name: value
        for _, environment in functions.values()
        for name, value in environment.items()
        if name.endswith("_TABLE")
    }
    # What else a client's own events bring about would want a call that is made.
    events = HierarchicalEmitter()
    played = cast("BaseClient", SimpleNamespace(meta=SimpleNamespace(events=events)))
    with (
        TemporaryDirectory() as kept,
        _one_subscriber(stack),
        _alone(stack) as consumers,
        patch.dict(os.environ, tables),
        billed(Bill(), played) as bill,
    ):
        play = _Play(
            cloud=Cloud(stack.region, stack.endpoint_url),
            folder=package.folder,
            functions=functions,
            consumers=consumers,
            recording=Path(kept) / "recording",
            bill=bill,
            events=events,
        )
        found = {}
        found["create"], made = play.change(call("POST", _REQUESTS, clerk, NEW))
        path = {"id": str(json.loads(made["body"])["data"]["id"])}
        found["submit"], _ = play.change(call("POST", f"{_REQUEST}/submit", clerk, path=path))
        approve = call("POST", f"{_REQUEST}/approve", admin, APPROVAL, path=path)
        found["approve"], _ = play.change(approve)
        found["get"], _ = play.change(call("GET", _REQUEST, clerk, path=path))
    return found


@dataclass
class _Play:
    """Plays the steps of changes; the bill, which hears of `events`, knows the rows of all."""

    cloud: Cloud
    folder: Path
    functions: Mapping[str, Function]
    consumers: Mapping[str, str]
    recording: Path
    bill: Bill
    events: BaseEventHooks

    def change(self, event: Json) -> tuple[list[Step], Json]:
        """Return the steps of one call over HTTP, and its answer; each of them tells Audit."""
        first, recorded = self._step("api", event)
        steps: dict[str, Step] = {}
        if records := list(_streamed(recorded)):
            steps["relay"], _ = self._step("relay", {"Records": records})
        while waiting := list(self._waiting()):
            for name, batch in waiting:
                step, _ = self._step(name, batch)
                steps[name] = steps[name] + step if name in steps else step
        if "audit" not in steps:
            raise RuntimeError(f"nobody told Audit of {event['path']}")
        return [replace(first, name=CALL), *steps.values()], recorded["answer"]

    def _step(self, name: str, event: Json) -> tuple[Step, Recorded]:
        """Have a function do what it would be woken for; return what it asked of AWS."""
        target, environment = self.functions[name]
        given = {"target": target, "batch": event, "keep_in": str(self.recording)}
        probe(self.folder, "record", environment, given)
        recorded: Recorded = pickle.loads(self.recording.read_bytes())["batch"]  # noqa: S301 - our own
        step = Step(name, queue_requests=_requests_of_a_poller(event))
        self.bill.write_units, self.bill.read_units = 0.0, 0.0
        for (service, operation, params), came in zip(
            recorded["sent"], recorded["came"], strict=True
        ):
            if service == "dynamodb":
                self._count(operation, params, came)
            elif service == "sqs":
                step.queue_requests += 1
            elif service == "events":
                step.events += len(params["Entries"])
            else:
                step.others[service] += 1
        step.write_units, step.read_units = self.bill.write_units, self.bill.read_units
        return step, recorded

    def _count(self, operation: str, params: Json, came: tuple[int, dict[str, str], bytes]) -> None:
        """Have the calculator see a recorded call as if a client made it now."""
        model = self._dynamodb.operation_model(operation)
        status, headers, content = came
        answer = {"status_code": status, "headers": headers, "body": content}
        seen: Json = {"model": model, "context": {}}
        self.events.emit(f"provide-client-params.dynamodb.{operation}", params=params, **seen)
        parsed = self._parser.parse(answer, cast("Shape", model.output_shape))
        self.events.emit(f"after-call.dynamodb.{operation}", parsed=parsed, **seen)

    @cached_property
    def _sqs(self) -> "SQSClient":
        return self.cloud.sqs

    @cached_property
    def _dynamodb(self) -> ServiceModel:
        return self.cloud.dynamodb.meta.service_model

    @cached_property
    def _parser(self) -> ResponseParser:
        return create_parser(self._dynamodb.resolved_protocol)

    def _waiting(self) -> Iterator[tuple[str, Json]]:
        """Take each message that waits for a worker; yield it alone, as its batch."""
        for name, url in self.consumers.items():
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=RECEIVED_AT_ONCE,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            for message in answer.get("Messages", []):
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                if not _is_of_a_schedule(message):
                    yield name, {"Records": [_record(message, url)]}


@contextmanager
def _one_subscriber(stack: RunningStack) -> Iterator[None]:
    """Have one subscriber for the length of a block, and the budget known."""
    with stack.http(stack.token("SuperAdmin", sub="u-root", name="root")) as http:
        http.get("/budgets/finance").raise_for_status()  # Finance is asked once, now
        hook = {"url": f"{stack.receiver.url}/bench", "events": ["*"]}
        made = http.post("/webhooks", json=hook).raise_for_status().json()["data"]
        try:
            yield
        finally:
            http.delete(f"/webhooks/{made['id']}").raise_for_status()


@contextmanager
def _alone(stack: RunningStack) -> Iterator[dict[str, str]]:
    """Turn the stack's own pollers off for a block; yield the queue of each function by name."""
    cloud = Cloud(stack.region, stack.endpoint_url)
    lambdas, sqs = cloud.functions, cloud.sqs
    mappings = lambdas.list_event_source_mappings()["EventSourceMappings"]
    if not wait_for(_quiet(stack), deadline_seconds=QUIET_DEADLINE_SECONDS):
        raise RuntimeError("the stack did not come to rest")
    for each in mappings:
        lambdas.update_event_source_mapping(UUID=each["UUID"], Enabled=False)
    try:
        yield {
            each["FunctionArn"].rpartition("-")[2]: sqs.get_queue_url(
                QueueName=each["EventSourceArn"].rpartition(":")[2]
            )["QueueUrl"]
            for each in mappings
            if ":sqs:" in each["EventSourceArn"]
        }
    finally:
        for each in mappings:
            lambdas.update_event_source_mapping(UUID=each["UUID"], Enabled=True)


def _quiet(stack: RunningStack) -> Callable[[], bool]:
    """Return what says whether the stack has had nothing to do for a while."""
    is_idle, heard, since = idleness(stack), -1, perf_counter()

    def is_quiet() -> bool:
        nonlocal heard, since
        before, heard = heard, len(stack.audit.received())
        if heard != before or not is_idle():
            since = perf_counter()
        return perf_counter() - since > QUIET_SECONDS

    return is_quiet


def _streamed(recorded: Recorded) -> Iterator[Json]:
    """Yield what the stream makes of the requests that a call put, as its mapping lets through."""
    for _, operation, params in recorded["sent"]:
        puts = [params] if operation == "PutItem" else []
        puts += [part["Put"] for part in params.get("TransactItems", []) if "Put" in part]
        for put in puts:
            row = put["Item"]
            if row["sk"]["S"] == REQUEST_SK:
                keys = {name: row[name] for name in ("pk", "sk")}
                images = {"Keys": keys, "NewImage": _as_json(row)}
                yield {"eventName": "INSERT", "dynamodb": images}


def _as_json(row: Mapping[str, Mapping[str, Any]]) -> Json:
    """Return a flat row as Lambda hands it over."""
    return {
        name: {
            kind: base64.b64encode(each).decode() if isinstance(each, bytes) else each
            for kind, each in value.items()
        }
        for name, value in row.items()
    }


def _record(message: Mapping[str, Any], queue_url: str) -> Json:
    """Return a message as Lambda hands it over."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"dataType": each["DataType"], "stringValue": each["StringValue"]}
            for name, each in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_url.replace("/", ":"),  # of which only the end is read
    }


def _requests_of_a_poller(event: Json) -> int:
    """Return what SQS is asked to bring a batch from the bus, or from us, to its function."""
    bodies = [json.loads(each["body"]) for each in event.get("Records", []) if "body" in each]
    return sum(
        REQUESTS_TO_TAKE + (REQUESTS_TO_BRING if "detail-type" in body else 0) for body in bodies
    )


def _is_of_a_schedule(message: Mapping[str, Any]) -> bool:
    """Return whether a rule put a message here by the clock: a sweep, or a job."""
    body = json.loads(message["Body"])
    return "job" in body or body.get("do") == "sweep"
