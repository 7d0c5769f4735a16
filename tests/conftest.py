"""What the tests stand on: an environment, AWS in memory, partners on real sockets, the API."""

import io
import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from xdist.remote import Producer  # type: ignore[import-untyped]  # xdist ships no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # nor here

from chalicelib import bootstrap, observability
from chalicelib.adapters import secrets, web
from chalicelib.settings import SERVICE_NAME
from tests import tables
from tests.factories import BUS_KEYS_SECRET, SEAL_KEY, SIGNING_KEY
from tests.http_api import JWT_SECRET, Api
from tests.partner import Partner, listening

E2E = "tests/e2e"
TABLES = ("requests", "budgets", "webhooks", "work", "keys", "told")
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


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # so its base is of any type
    """Where several processes share the tests, those of a file stay together, as all e2e do.

    So what is costly to set up is set up once; xdist's own groups do nothing with this pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return E2E if file.startswith(f"{E2E}/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Share the tests by file."""
    return ByFile(config, log)


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return a client of the tests' own, apart from the service's."""
    return boto3.client(service, region_name=REGION)  # type: ignore[call-overload]  # any service


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The variables of all functions at once, and a process that has read nothing yet."""
    variables = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "STAGE": "test",
        "STACK_NAME": "test-stack",
        "JWT_SECRET": JWT_SECRET,
        "BUS_SIGNING_KEY": SIGNING_KEY.decode(),
        "BUS_SEAL_KEY": SEAL_KEY.decode(),
        "BUS_KEYS_SECRET": BUS_KEYS_SECRET,
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
    jobs_queue_url: str
    webhooks_queue_url: str
    set_aside_queue_url: str

    def queued(self) -> list[dict[str, Any]]:
        """Take what waits in the queue, as JSON."""
        return self._take(self.queue_url)

    def on_the_bus(self) -> list[dict[str, Any]]:
        """Take what came over the bus, each with its envelope."""
        return self._take(self.bus_queue_url)

    def asked(self) -> list[dict[str, Any]]:
        """Take what waits for the worker of jobs."""
        return self._take(self.jobs_queue_url)

    def set_aside(self) -> list[dict[str, Any]]:
        """Take what the relay set aside."""
        return self._take(self.set_aside_queue_url)

    def ordered(self) -> list[dict[str, Any]]:
        """Take what waits for the worker of webhooks, apart from what the bus brings it."""
        return self._take(self.webhooks_queue_url)

    def _take(self, queue_url: str) -> list[dict[str, Any]]:
        sqs, bodies = client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                bodies.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def streamed(self, table: str, *, after: int = 0) -> dict[str, Any]:
        """Return what a table's stream has told since the table was made, as Lambda gets it.

        But for its first `after` records. Asked of moto itself: botocore calls streams by a
        protocol that moto does not answer.
        """
        tables_of_moto = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]
        shard = tables_of_moto.get_table(f"test-{table}").stream_shard
        assert shard is not None
        records = shard.get(shard.starting_sequence_number + after, len(shard.items))
        return {"Records": [_as_json(record) for record in records]}

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all that a table holds."""
        items: list[dict[str, Any]] = client("dynamodb").scan(TableName=f"test-{table}")["Items"]
        return items


def _as_json(value: Any) -> Any:  # noqa: ANN401 - any JSON, and bytes
    """Return a record with its bytes in base64, as JSON has them; moto leaves them bytes."""
    match value:
        case bytes():
            return b64encode(value).decode()
        case dict():
            return {name: _as_json(each) for name, each in value.items()}
        case _:
            return value


def make_tables(environment: dict[str, str]) -> None:
    """Make every table anew, empty and with nothing in its stream."""
    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
    for name in TABLES:
        client("dynamodb").create_table(
            TableName=environment[f"{name.upper()}_TABLE"],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            **tables.declared()[f"{name.capitalize()}Table"],
        )


@pytest.fixture
def aws(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Tables, a queue, a bus whose every message reaches a second queue, and a sender of mail."""
    with mock_aws():
        make_tables(environment)
        sqs = client("sqs")
        made = Aws(
            queue_url=sqs.create_queue(QueueName="test-queue")["QueueUrl"],
            bus_queue_url=_bus_with_queue(environment["EVENT_BUS_NAME"]),
            jobs_queue_url=sqs.create_queue(QueueName="test-jobs")["QueueUrl"],
            webhooks_queue_url=sqs.create_queue(QueueName="test-webhooks")["QueueUrl"],
            set_aside_queue_url=sqs.create_queue(QueueName="test-relay-dlq")["QueueUrl"],
        )
        monkeypatch.setenv("AUDIT_QUEUE_URL", made.queue_url)
        monitored = {
            "audit": made.queue_url,
            "audit-dlq": sqs.create_queue(QueueName="test-dlq")["QueueUrl"],
            "jobs": made.jobs_queue_url,
        }
        monkeypatch.setenv("MONITORED_QUEUES", json.dumps(monitored))
        monkeypatch.setenv("QUEUE_URL", made.queue_url)
        monkeypatch.setenv("WEBHOOKS_QUEUE_URL", made.webhooks_queue_url)
        monkeypatch.setenv("JOBS_QUEUE_URL", made.jobs_queue_url)
        monkeypatch.setenv("SET_ASIDE_QUEUE_URL", made.set_aside_queue_url)
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
def finance(
    aws: Aws,  # noqa: ARG001 - where what it says is kept
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Partner]:
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
def audit_logs(
    aws: Aws,  # noqa: ARG001 - where its queue is
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Partner]:
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
