"""A stack in memory, as an operator's command line finds it."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

from chalicelib.domain.events import AuditEntry
from chalicelib.domain.messages import Outbox
from chalicelib.handlers import relay
from infra.cloud import Cloud
from infra.place import Place
from tests.botocore_answers import answering
from tests.conftest import REGION, Aws, client

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient


class InMemory(Cloud):
    """moto's AWS, with clients that stay, so that a test can answer in their place."""

    @cached_property
    def sqs(self) -> "SQSClient":
        """The one client to SQS."""
        return super().sqs

    @cached_property
    def functions(self) -> "LambdaClient":
        """The one client to Lambda."""
        return super().functions

    @cached_property
    def dynamodbstreams(self) -> Any:  # noqa: ANN401 - it has no types
        """The one client to streams."""
        return super().dynamodbstreams


def place(aws: Aws) -> Place:
    """Return the stack that a test's AWS is: its tables, and the queues of Audit and the relay."""
    outputs = {
        "RequestsTableName": "test-requests",
        "WebhooksTableName": "test-webhooks",
        "ToldTableName": "test-told",
        "RelayFunctionName": "test-relay",
        "AuditFunctionName": "test-audit",
        "AuditQueueUrl": aws.queue_url,
        "AuditDeadLetterQueueUrl": client("sqs").create_queue(QueueName="test-dlq")["QueueUrl"],
        "RelayDeadLetterQueueUrl": aws.set_aside_queue_url,
        "WebhooksQueueUrl": aws.webhooks_queue_url,
    }
    return Place(InMemory(REGION), "some-stack", outputs, "operator")


def told_to_audit(aws: Aws) -> list[AuditEntry]:
    """Return what the operator has the relay tell Audit, in the order of its being told."""
    rows = [row for row in aws.rows("webhooks") if row["pk"]["S"].startswith("AUDIT#")]
    told = [Outbox.model_validate_json(row["outbox"]["S"]).audit for row in rows]
    return sorted((entry for entry in told if entry), key=lambda entry: entry.time)


@contextmanager
def relay_called(stack: Place) -> Iterator[list[dict[str, Any]]]:
    """Have calls of the relay's function reach the relay; yield what it is called with."""
    calls: list[dict[str, Any]] = []

    def call(body: bytes) -> tuple[int, dict[str, Any]]:
        calls.append(json.loads(body))
        try:
            relay.relay(json.loads(body), None)
        except Exception as error:  # noqa: BLE001 - as Lambda tells of it, whatever it was
            said = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            return 200, {"FunctionError": "Unhandled", "Payload": io.BytesIO(said.encode())}
        return 200, {"Payload": io.BytesIO(b"null")}

    with answering(stack.cloud.functions, "Invoke", call):
        yield calls


@contextmanager
def all_answering(
    of: BaseClient, answers: dict[str, Callable[[bytes], tuple[int, dict[str, Any]] | None]]
) -> Iterator[None]:
    """Have a client's calls answered, each operation by its own answer."""
    if not answers:
        yield
        return
    (name, answer), *rest = answers.items()
    with answering(of, name, answer), all_answering(of, dict(rest)):
        yield
