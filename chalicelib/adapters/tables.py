"""The tables, and what their rows (rows/) have in common as PynamoDB models.

Keys and what conditions read are attributes, the rest is JSON.

A request is one JSON text, packed (packing.py): it is read and written as a whole, by code that
parses it into a model anyway, and a map of attributes would cost a Python call a field in both
directions.
Amounts are whole cents: DynamoDB's numbers are exact, and so are Python's whole ones.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Self

from pynamodb.attributes import (
    Attribute,
    UnicodeAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.constants import BINARY, NULL, NUMBER, STRING
from pynamodb.models import Model

from chalicelib.adapters import aws

#: Tables get their names from the settings when the process composes itself (bootstrap).
UNNAMED = "unnamed"

#: As many items as DynamoDB reads in one batch.
_MAX_READ_AT_ONCE = 100


class _Meta:
    table_name = UNNAMED


class PackedAttribute(Attribute[bytes | str]):
    """JSON as packed bytes; in rows of the form before that, the text itself."""

    attr_type = BINARY

    def get_value(self, value: dict[str, Any]) -> bytes | str:
        """Return what a row has, whichever of the two it is."""
        found: bytes | str = value[BINARY] if BINARY in value else value[STRING]
        return found


class WholeAttribute(Attribute[int]):
    """A whole number; PynamoDB's own are floats to it, and go through JSON."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        """Return the number as DynamoDB takes it."""
        return str(value)

    def deserialize(self, value: str) -> int:
        """Return the number that DynamoDB gave."""
        return int(value)


class Row(Model):
    """An item of one of our tables.

    All rows share one client: PynamoDB would make one for each kind of row, each with connections
    of its own and some 50 ms of CPU.
    """

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        made = super()._get_connection()
        if made.connection.host is None:  # the command line's rows are elsewhere
            made.connection._client = client()  # noqa: SLF001 - PynamoDB has no public way to it
        return made

    @classmethod
    def _client(cls) -> Any:  # noqa: ANN401 - botocore makes its clients' classes at run time
        return cls._get_connection().connection.client

    @classmethod
    def read(cls, pk: str, sk: str) -> Self | None:
        """Return the row that has these keys, as it was last written; None where there is none."""
        answer = cls._client().get_item(
            TableName=cls.Meta.table_name,
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            ConsistentRead=True,
        )
        return cls.from_raw_data(answer["Item"]) if "Item" in answer else None

    @classmethod
    def read_many(cls, keys: Iterable[tuple[str, str]]) -> Iterator[Self]:
        """Yield those of the rows that exist, as they were last written, in any order."""
        table = cls.Meta.table_name
        left = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys)]
        while left:
            asked = {"Keys": left[:_MAX_READ_AT_ONCE], "ConsistentRead": True}
            answer = cls._client().batch_get_item(RequestItems={table: asked})
            yield from map(cls.from_raw_data, answer["Responses"][table])
            # What would be more than 16 MB in one answer is left over.
            left_over = answer["UnprocessedKeys"].get(table, {}).get("Keys", [])
            left = left_over + left[_MAX_READ_AT_ONCE:]

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """Return the row of an item that was read, each attribute set once.

        PynamoDB itself sets every default twice before the values.
        """
        row = cls.__new__(cls)
        attributes, row.attribute_values = cls.get_attributes(), dict(_defaults(cls))
        for name, stored in data.items():
            # What a later release wrote is not known here.
            if name in attributes and NULL not in stored:
                attribute = attributes[name]
                row.attribute_values[name] = attribute.deserialize(attribute.get_value(stored))
        return row


@cache
def _defaults(kind: type[Row]) -> Mapping[str, Any]:
    attributes = kind.get_attributes().items()
    return {name: each.default for name, each in attributes if each.default is not None}


class InRequests(Row):
    """Requests, with their child rows and mails."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InBudgets(Row):
    """Budgets, and what is held of them."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InWebhooks(Row):
    """Subscriptions and deliveries, and other rows that are told of and end by themselves."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InKeys(Row):
    """API keys and partners' keys."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InTold(Row):
    """What was told of changes."""

    class Meta(_Meta):
        """Named by the operator's command line alone."""


class InWork(Row):
    """Sequences, totals, claims, receipts, runs of jobs, and the like."""

    class Meta(_Meta):
        """Named when the process composes itself."""


def client() -> Any:  # noqa: ANN401 - botocore makes its clients' classes at run time
    """Return the client that all rows share."""
    return aws.client("dynamodb")
