"""What bench/capacity.py computes is what DynamoDB's rules are to an engine of their own.

The embedded cloud reports write units for each table, index and transaction, and read units of
single items up to 4 KB. What it reports of queries and batches of reads is their number, not their
size, and is not looked at.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from bench import operations
from bench.capacity import Bill, billed
from chalicelib.adapters import aws, tables
from infra.local import RunningStack
from tests.conftest import forget_everything

pytestmark = pytest.mark.needs("partners")  # and an engine whose reports are known to be right

WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}

Item = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Compared:
    """The units of one call, as they were computed and as the engine reports them."""

    operation: str
    computed: float
    reported: float


@pytest.fixture
def client(stack: RunningStack) -> Iterator[BaseClient]:
    """The service's client of DynamoDB; this process is the service, on the stack."""
    with patch.dict(os.environ):  # put back as it was
        _forget()
        operations.compose(stack)
        yield tables.client()
    _forget()


def _forget() -> None:
    """Forget the cloud that clients were made for, too."""
    forget_everything()
    aws.client.cache_clear()
    aws._session.cache_clear()


@contextmanager
def compared(client: BaseClient) -> Iterator[list[Compared]]:
    """Yield each call that the engine reports rightly, as they are made until the block ends."""
    found: list[Compared] = []
    handlers: list[tuple[str, Callable[..., None]]] = []

    def ask(params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    with billed(Bill(), client) as bill:

        def compare(parsed: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
            computed = bill.write_units if model.name in WRITES else bill.read_units
            bill.write_units = bill.read_units = 0.0
            # Workers write as well: a call that met one is made again, and reported then.
            if model.name in WRITES | {"GetItem"} and "Error" not in parsed:
                found.append(Compared(model.name, computed, _reported(parsed)))

        # It is asked after the bill, which has counted the call by then.
        handlers += [("provide-client-params", ask), ("after-call", compare)]
        for name, handler in handlers:
            client.meta.events.register(f"{name}.dynamodb.*", handler)
        try:
            yield found
        finally:
            for name, handler in handlers:
                client.meta.events.unregister(f"{name}.dynamodb.*", handler)


def _reported(parsed: dict[str, Any]) -> float:
    consumed = parsed["ConsumedCapacity"]
    of_tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(each["CapacityUnits"]) for each in of_tables)


def different(calls: list[Compared]) -> list[Compared]:
    return [call for call in calls if call.computed != call.reported]


def test_each_call_of_every_operation_costs_what_the_engine_reports(client: BaseClient) -> None:
    with compared(client) as calls:
        bills = operations.measure()

    assert not different(calls)
    assert {call.operation for call in calls} == {"UpdateItem", "GetItem", "TransactWriteItems"}
    assert bills.keys() == operations.AIMS.keys()


def text(value: str) -> dict[str, str]:
    return {"S": value}


#: In all indexes but two; a KB of it is in those that hold the summary.
LISTED: Item = {
    "pk": text("UNITS"),
    "sk": text("1"),
    "listed": text("2026"),
    "requested_by": text("someone"),
    "department": text("units"),
    "department_status": text("units#PENDING"),
    "supplier": text("s-1"),
    "summary": {"B": b"s" * 1100},
    "many": {
        "M": {
            "ten": {"L": [{"N": "10"}, {"N": "-1.25"}, {"NULL": True}, {"BOOL": True}]},
            "two": {"SS": ["é", "b"]},
        }
    },
    "text": text("t" * 1500),
}


def test_writes_that_no_operation_makes_cost_what_the_engine_reports(client: Any) -> None:  # noqa: ANN401 - botocore's
    table = os.environ["REQUESTS_TABLE"]
    keys: Item = {name: LISTED[name] for name in ("pk", "sk")}
    other = LISTED | {"sk": text("2")}
    moved: dict[str, Any] = {
        "TableName": table,
        "Key": keys,
        "ExpressionAttributeNames": {"#by": "requested_by"},
        "ExpressionAttributeValues": {":by": text("another")},
    }
    with compared(client) as calls:
        client.put_item(TableName=table, Item=LISTED)
        client.put_item(TableName=table, Item=LISTED)
        client.get_item(TableName=table, Key=keys, ConsistentRead=True)
        client.get_item(TableName=table, Key=keys)
        client.put_item(TableName=table, Item=LISTED | {"summary": {"B": b"s"}})
        client.update_item(**moved, UpdateExpression="SET #by = :by REMOVE supplier")
        client.delete_item(TableName=table, Key=keys)
        client.delete_item(TableName=table, Key=keys)
        client.batch_write_item(
            RequestItems={
                table: [{"PutRequest": {"Item": other}}, {"DeleteRequest": {"Key": keys}}],
            }
        )
        gone = {"TableName": table, "Key": {name: other[name] for name in keys}}
        put = {"TableName": table, "Item": LISTED}
        client.transact_write_items(TransactItems=[{"Delete": gone}, {"Put": put}])
        client.delete_item(TableName=table, Key=keys)

    assert not different(calls)
    assert {call.operation for call in calls} == WRITES | {"GetItem"}
