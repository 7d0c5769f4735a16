"""What each function may do on the embedded cloud, which enforces IAM: this, and nothing else.

Each role is assumed, and everything is tried that any function does, and what none may. Calls are
such that they change nothing where they are allowed: a condition that fails, a handle of
no message.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra import embedded
from infra.cloud import LOCAL_KEY
from infra.deploy import deploy
from infra.package import build
from infra.parameters import collect
from infra.template.parts import FUNCTIONS, TABLES
from infra.template.queues import monitored
from tests.infra.test_parameters import ENVIRONMENT
from tests.infra.test_template import HANDLERS

pytestmark = pytest.mark.e2e

SECRETS = (
    "JwtSecret",
    "FinanceApiKey",
    "AuditApiKey",
    "BusSigningKey",
    "BusSealKey",
    "BusKeysSecret",
)
KEY = {"pk": {"S": "nobody"}, "sk": {"S": "nobody"}}
ABSENT = "attribute_exists(pk)"
DENIED = {"AccessDenied", "AccessDeniedException"}


def works(*does: str) -> set[str]:
    """Return what a worker does with the claims of its messages, and more."""
    return {"read Work", "write Work", *does}


#: The whole of what each function does, in the words of `attempts`.
MAY: dict[str, set[str]] = {
    "APIHandler": {
        *(f"{verb} {t}" for verb in ("read", "query", "write") for t in TABLES if t != "Told"),
        "list Requests",
        *(f"look at {queue}" for queue in monitored()),
        *(f"send to {queue}" for queue in ("audit", "jobs", "webhooks")),
        "know JwtSecret",
        "know FinanceApiKey",
    },
    "Relay": {
        "put events",
        "write Told",
        "send to relay-dlq",
        "know BusSigningKey",
        "know BusSealKey",
    },
    "Webhooks": {
        *(f"{verb} Webhooks" for verb in ("read", "query", "write", "list")),
        *(f"{verb} webhooks" for verb in ("take from", "look at", "send to")),
        "know BusSealKey",
    },
    "Audit": works("take from audit", "look at audit", "know AuditApiKey", "know BusSealKey"),
    "Notifications": {
        *(f"{verb} Requests" for verb in ("read", "write")),
        "take from notifications",
        "look at notifications",
        "send mail",
        "know BusSealKey",
    },
    "Finance": works(
        "take from finance", "look at finance", "know FinanceApiKey", "know BusSealKey"
    ),
    "Jobs": works(
        "read Budgets",
        "write Budgets",
        "write Requests",
        *(f"{verb} jobs" for verb in ("take from", "look at", "send to")),
        "know FinanceApiKey",
    ),
    "Inbound": works(
        *(f"read {table}" for table in ("Budgets", "Keys", "Requests")),
        *(f"write {table}" for table in ("Budgets", "Requests")),
        "put events",
        "take from inbound",
        "look at inbound",
        *(f"know {secret}" for secret in ("BusKeysSecret", "BusSigningKey", "FinanceApiKey")),
    ),
}
#: The index that `list` reads, for the tables that have one; jobs read others.
INDEXES = {"Requests": ("by_owner", "requested_by"), "Webhooks": ("by_due", "due_shard")}


@dataclass(frozen=True)
class Stack:
    """A stack on a cloud of its own, and clients to it."""

    endpoint_url: str
    outputs: Mapping[str, str]

    def client(self, service: str, **credentials: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        given = credentials or {
            "aws_access_key_id": LOCAL_KEY,
            "aws_secret_access_key": LOCAL_KEY,
        }
        session = boto3.Session(region_name=embedded.REGION)
        return session.client(service, endpoint_url=self.endpoint_url, **given)  # type: ignore[call-overload]  # any service

    def of(self, function: str) -> Callable[[str], Any]:
        """Return what makes clients with the role of a function."""
        named = f"{STACK}-{FUNCTIONS[function]}"
        configured = self.client("lambda").get_function_configuration(FunctionName=named)
        given = self.client("sts").assume_role(
            RoleArn=configured["Role"], RoleSessionName="a-test"
        )["Credentials"]

        @cache
        def client(service: str) -> Any:  # noqa: ANN401 - as above
            return self.client(
                service,
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
            )

        return client

    def secrets(self) -> dict[str, str]:
        """Return the ARN of each secret."""
        found = self.client("secretsmanager").list_secrets()["SecretList"]
        return {
            name: next(each["ARN"] for each in found if name in each["Name"]) for name in SECRETS
        }


STACK = "roles-test"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("roles")
    package = build(folder / "package", stage="local", report=lambda _: None)
    running, started = embedded.start(folder)
    outputs = deploy(
        package,
        stack_name=STACK,
        parameters=collect(ENVIRONMENT, stage="local"),
        endpoint_url=running.endpoint_url,
        region=embedded.REGION,
        report=lambda _: None,
    )
    yield Stack(running.endpoint_url, outputs)
    embedded.stop(running)
    started.forget()


Attempt = Callable[[], object]


def on_tables(stack: Stack, dynamodb: Any) -> Iterator[tuple[str, Attempt]]:  # noqa: ANN401 - a client
    for name in TABLES:
        table = stack.outputs[f"{name}TableName"]
        query = {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "nobody"}},
        }
        yield f"read {name}", partial(dynamodb.get_item, TableName=table, Key=KEY)
        yield f"query {name}", partial(dynamodb.query, **query)
        yield (
            f"write {name}",
            partial(dynamodb.put_item, TableName=table, Item=KEY, ConditionExpression=ABSENT),
        )
        yield f"scan {name}", partial(dynamodb.scan, TableName=table, Limit=1)
        yield f"delete {name}", partial(dynamodb.delete_item, TableName=table, Key=KEY)
        yield f"drop {name}", partial(dynamodb.delete_table, TableName=table)
        if name in INDEXES:
            index, key = INDEXES[name]
            listed = query | {"IndexName": index, "KeyConditionExpression": f"{key} = :pk"}
            yield f"list {name}", partial(dynamodb.query, **listed)


def on_queues(stack: Stack, sqs: Any) -> Iterator[tuple[str, Attempt]]:  # noqa: ANN401 - a client
    for name, logical_id in monitored().items():
        url = stack.outputs[f"{logical_id}Url"]
        late = {"MessageBody": "{}", "DelaySeconds": 900}  # no worker sees it in time
        yield f"send to {name}", partial(sqs.send_message, QueueUrl=url, **late)
        yield (
            f"take from {name}",
            partial(sqs.delete_message, QueueUrl=url, ReceiptHandle="of-nothing"),
        )
        yield (
            f"look at {name}",
            partial(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"]),
        )
        yield f"empty {name}", partial(sqs.purge_queue, QueueUrl=url)


def attempts(stack: Stack, client: Callable[[str], Any]) -> Iterator[tuple[str, Attempt]]:
    """Yield everything that is tried, by what it is called in `MAY`."""
    yield from on_tables(stack, client("dynamodb"))
    yield from on_queues(stack, client("sqs"))
    entry = {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": "nobody",
        "DetailType": "nothing",
        "Detail": "{}",
    }
    yield "put events", lambda: client("events").put_events(Entries=[entry])
    default = entry | {"EventBusName": "default"}
    yield "put events on the default bus", lambda: client("events").put_events(Entries=[default])
    for name, arn in stack.secrets().items():
        yield (
            f"know {name}",
            partial(client("secretsmanager").get_secret_value, SecretId=arn),
        )
        yield (
            f"change {name}",
            partial(client("secretsmanager").put_secret_value, SecretId=arn, SecretString="x"),
        )
    mail = {
        "Destination": {"ToAddresses": ["ada@example.com"]},
        "Message": {"Subject": {"Data": "-"}, "Body": {"Text": {"Data": "-"}}},
    }
    yield (
        "send mail",
        lambda: client("ses").send_email(Source=ENVIRONMENT["MAIL_FROM"], **mail),
    )
    yield (
        "run another function",
        lambda: client("lambda").invoke(FunctionName=f"{STACK}-relay", Payload=b"{}"),
    )
    yield "look at roles", lambda: client("iam").list_roles()
    yield (
        "make a role",
        lambda: client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps({})),
    )
    yield "look at stacks", lambda: client("cloudformation").describe_stacks()
    yield "look at buckets", lambda: client("s3").list_buckets()


def is_allowed(attempt: Attempt) -> bool:
    try:
        attempt()
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_may_do_what_it_does_and_nothing_else(function: str, stack: Stack) -> None:
    tried = dict(attempts(stack, stack.of(function)))
    allowed = {name for name, attempt in tried.items() if is_allowed(attempt)}
    assert MAY[function] <= tried.keys()
    assert allowed == MAY[function]


def test_a_client_without_a_role_may_do_nothing(stack: Stack) -> None:
    stranger = {"aws_access_key_id": "a-key-of-nobody-at-all", "aws_secret_access_key": "nobody"}
    with pytest.raises(ClientError):
        stack.client("sqs", **stranger).list_queues()
