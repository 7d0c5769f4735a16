"""What the tests stand on: an environment, AWS in memory, partners on real sockets, the API."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import bootstrap, observability
from chalicelib.adapters import secrets, web
from chalicelib.settings import SERVICE_NAME
from tests import tables
from tests.factories import SIGNING_KEY
from tests.http_api import JWT_SECRET, Api
from tests.partner import Partner, listening

TABLES = ("requests", "budgets", "webhooks", "work", "keys")
REGION = "eu-central-1"


def forget_everything() -> None:
    """Have the service compose itself anew; AWS clients know nothing and may stay."""
    if web.session.cache_info().currsize:
        web.session().close()
        web.session.cache_clear()
    for part in vars(bootstrap).values():
        if hasattr(part, "cache_clear"):
            part.cache_clear()
    secrets._cache.clear()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return a client of the tests' own, apart from the service's."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The variables of all functions at once, and a process that has read nothing yet."""
    variables = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "STAGE": "test",
        "JWT_SECRET": JWT_SECRET,
        "BUS_SIGNING_KEY": SIGNING_KEY.decode(),
        "FINANCE_API_KEY": "finance-key",
        "AUDIT_API_KEY": "audit-key",
        "EVENT_BUS_NAME": "budget-requests",
        "CORS_ORIGIN": "https://app.example.com",
        "FRONTEND_URL": "https://app.example.com",
        "MAIL_FROM": "budget@example.com",
        "DEPARTMENT_ADMINS": json.dumps({"finance": ["ada@example.com", "bob@example.com"]}),
        "WEBHOOK_ALLOW_LOOPBACK": "true",
        "RATE_LIMIT_MAX_REQUESTS": "100000",
        "RATE_LIMIT_MAX_CREATIONS": "100000",
    } | {f"{name.upper()}_TABLE": f"test-{name}" for name in TABLES}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    yield variables
    forget_everything()


@dataclass(frozen=True)
class Aws:
    """AWS in memory, and what the tests look at in it."""

    queue_url: str
    bus_queue_url: str

    def queued(self) -> list[dict[str, Any]]:
        """Take what waits in the queue, as JSON."""
        return self._take(self.queue_url)

    def on_the_bus(self) -> list[dict[str, Any]]:
        """Take what came over the bus, each with its envelope."""
        return self._take(self.bus_queue_url)

    def _take(self, queue_url: str) -> list[dict[str, Any]]:
        sqs, bodies = client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all that a table holds."""
        items: list[dict[str, Any]] = client("dynamodb").scan(TableName=f"test-{table}")["Items"]
        return items


@pytest.fixture
def aws(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Tables, a queue, a bus whose every message reaches a second queue, and a sender of mail."""
    with mock_aws():
        dynamodb = client("dynamodb")
        for name in TABLES:
            dynamodb.create_table(
                TableName=environment[f"{name.upper()}_TABLE"],
                StreamSpecification={
                    "StreamEnabled": True,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                **tables.declared()[f"{name.capitalize()}Table"],
            )
        sqs = client("sqs")
        made = Aws(
            queue_url=sqs.create_queue(QueueName="test-queue")["QueueUrl"],
            bus_queue_url=_bus_with_queue(environment["EVENT_BUS_NAME"]),
        )
        monkeypatch.setenv("AUDIT_QUEUE_URL", made.queue_url)
        monkeypatch.setenv("QUEUE_URL", made.queue_url)
        client("ses").verify_email_identity(EmailAddress=environment["MAIL_FROM"])
        yield made


def _bus_with_queue(name: str) -> str:
    sqs = client("sqs")
    events = client("events")
    events.create_event_bus(Name=name)
    url: str = sqs.create_queue(QueueName="test-bus")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(
        Name="all",
        EventBusName=name,
        EventPattern=json.dumps({"source": [{"prefix": "budget-requests"}]}),
    )
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "q", "Arn": arn["QueueArn"]}])
    return url


@pytest.fixture
def partner() -> Iterator[Partner]:
    """A partner on a real socket."""
    with listening() as it:
        yield it


@pytest.fixture
def finance(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Partner]:  # noqa: ARG001
    """Finance Main on a real socket, with 380 000 left for everyone."""
    with listening() as it:
        it.says(
            {
                "data": {
                    "id": "b-1",
                    "allocatedAmount": 500000,
                    "usedAmount": 120000,
                    "reservedAmount": 0,
                    "remainingAmount": 380000,
                    "periodStart": "2026-01-01",
                    "periodEnd": "2026-03-31",
                }
            }
        )
        monkeypatch.setenv("FINANCE_API_URL", it.url)
        bootstrap.settings.cache_clear()
        yield it


@pytest.fixture
def audit_logs(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Partner]:  # noqa: ARG001
    """The Audit Logs service on a real socket."""
    with listening() as it:
        it.says({"success": True}, status=201)
        monkeypatch.setenv("AUDIT_LOGS_API_URL", it.url)
        bootstrap.settings.cache_clear()
        yield it


@pytest.fixture
def api(finance: Partner) -> Api:  # noqa: ARG001 - the API asks it
    """The API on real adapters."""
    return Api()


@dataclass
class Logs:
    """What the service logged."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        """All of it."""
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Each line."""
        return [json.loads(line) for line in self.text.splitlines()]

    def at(self, level: str) -> list[dict[str, Any]]:
        """Return the lines of one level."""
        return [line for line in self.lines if line["level"] == level]


@pytest.fixture
def logs(environment: dict[str, str]) -> Iterator[Logs]:  # noqa: ARG001 - set before the logger
    """The service's log, formatted as it is when deployed."""
    observability.logger()
    service_logger = logging.getLogger(SERVICE_NAME)
    caught = Logs(io.StringIO())
    handler = logging.StreamHandler(caught.stream)
    handler.setFormatter(service_logger.handlers[0].formatter)
    service_logger.addHandler(handler)
    yield caught
    service_logger.removeHandler(handler)


@pytest.fixture
def partners() -> Iterator[Callable[[], Partner]]:
    """As many partners as a test wants."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(listening())
