"""What DynamoDB charges for calls, computed from what was sent (its documented rules).

A write costs a unit a started KB of the item, before it or after, whichever is larger; twice that
in a transaction. Every index row that is put, changed or taken away costs its own KBs; a change of
an index key is two such writes. A read costs a unit a started 4 KB, half of it when eventually
consistent. tests/e2e/test_units.py holds these rules beside what an engine of its own reports.

What an item was is known of the writes and whole reads of the same bill: one that it has not seen
before counts as new. Of updates, values that are computed there (`a + :b`, paths into maps) stand
as they were; no index has such a key. A condition that fails costs what its write would have. A
read is as large as what came back; a query that leaves out some of what it reads is made without
leaving it out, since all of it is paid for.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from botocore.client import BaseClient

from infra.template import whole
from infra.template.parts import TABLES

KB = 1024
READ_KB = 4096

#: Where a transaction's parts are twice as dear as they are alone; its index rows are not.
IN_A_TRANSACTION = 2
#: What a list or map adds to what is in it, and each of its members.
NESTING_BYTES, MEMBER_BYTES = 3, 1

Item = Mapping[str, Mapping[str, Any]]
Params = Mapping[str, Any]
#: A table's name, and the values of its keys.
Key = tuple[str, ...]


@dataclass
class Bill:
    """What was asked of DynamoDB: round trips, and units by what was sent and came back."""

    round_trips: int = 0
    write_units: float = 0.0
    read_units: float = 0.0
    rows_read: int = 0
    """Rows that queries looked at, whether or not they gave them back."""
    known: dict[Key, Item] = field(default_factory=dict)
    """Items as they were last seen, to tell which index rows a write changes."""


@dataclass(frozen=True)
class Index:
    """One index of a table; it holds all attributes where `held` is None."""

    keys: tuple[str, ...]
    held: frozenset[str] | None

    def row(self, item: Item) -> Item:
        """Return the row that it has of an item; it is empty where the item is not in it."""
        if not all(name in item for name in self.keys):
            return {}
        return {n: value for n, value in item.items() if self.held is None or n in self.held}

    def units(self, old: Item, new: Item) -> int:
        """Return what it takes to have it follow a change of an item."""
        was, is_ = self.row(old), self.row(new)
        if was == is_:
            return 0
        if was and is_ and any(was[name] != is_[name] for name in self.keys):
            return _kbs(was) + _kbs(is_)
        return max(_kbs(was), _kbs(is_))


@dataclass(frozen=True)
class Table:
    """What writes of one table depend on, as infra/template/tables.yaml declares it."""

    name: str
    keys: tuple[str, ...]
    indexes: tuple[Index, ...]

    def key(self, item: Item) -> Key:
        """Return what tells an item from all others."""
        return (self.name, *(str(item[name]) for name in self.keys))


@dataclass(frozen=True)
class Write:
    """One item put, changed or taken away, or only looked at by a condition."""

    table: Table
    key: Key
    old: Item
    new: Item
    factor: int

    @property
    def units(self) -> int:
        """What it costs, with its index rows."""
        alone = self.factor * max(_kbs(self.old), _kbs(self.new))
        return alone + sum(index.units(self.old, self.new) for index in self.table.indexes)


def declared() -> dict[str, Table]:
    """Return the tables of the template, by the names that this process knows them by."""
    resources = whole.template()["Resources"]
    names = {name: os.environ.get(f"{name.upper()}_TABLE") for name in TABLES}
    return {
        known: _table(known, resources[f"{name}Table"]["Properties"])
        for name, known in names.items()
        if known is not None
    }


def _table(name: str, properties: Params) -> Table:
    keys = _names(properties["KeySchema"])
    indexes = (
        Index(of_index, _held(each["Projection"], (*keys, *of_index)))
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for each in properties.get(kind, [])
        for of_index in [_names(each["KeySchema"])]
    )
    return Table(name, keys, tuple(indexes))


def _names(schema: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(each["AttributeName"] for each in schema)


def _held(projection: Params, keys: tuple[str, ...]) -> frozenset[str] | None:
    if projection["ProjectionType"] == "ALL":
        return None
    return frozenset((*keys, *projection.get("NonKeyAttributes", [])))


@contextmanager
def billed(bill: Bill, client: BaseClient) -> Iterator[Bill]:
    """Count every call of `client` while the block runs."""
    tables, alone = declared(), Lock()

    def sent(
        params: dict[str, Any],
        model: Any,  # noqa: ANN401 - botocore's
        context: dict[str, Any],
        **_: object,
    ) -> None:
        if model.name == "Query":
            params.pop("ProjectionExpression", None)
        context[__name__] = params

    def came(
        parsed: dict[str, Any],
        model: Any,  # noqa: ANN401 - botocore's
        context: dict[str, Any],
        **_: object,
    ) -> None:
        with alone:  # a worker makes calls in threads
            bill.round_trips += 1
            _count(bill, tables, model.name, context[__name__], parsed)

    client.meta.events.register("provide-client-params.dynamodb.*", sent)
    client.meta.events.register("after-call.dynamodb.*", came)
    try:
        yield bill
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb.*", sent)
        client.meta.events.unregister("after-call.dynamodb.*", came)


def _count(
    bill: Bill, tables: Mapping[str, Table], operation: str, params: Params, parsed: Params
) -> None:
    match operation:
        case "GetItem" | "Query" | "BatchGetItem" if "Error" in parsed:
            pass  # nothing was read
        case "GetItem":
            item = parsed.get("Item", {})
            bill.read_units += _reads(_size(item), params)
            if "ProjectionExpression" not in params:
                bill.known[tables[params["TableName"]].key(params["Key"])] = item
        case "Query":
            bill.rows_read += parsed["ScannedCount"]
            bill.read_units += _reads(sum(map(_size, parsed.get("Items", []))), params)
        case "BatchGetItem":
            for name, asked in params["RequestItems"].items():
                found = parsed["Responses"].get(name, [])
                left = parsed["UnprocessedKeys"].get(name, {}).get("Keys", [])
                missing = len(asked["Keys"]) - len(found) - len(left)
                sizes = [*map(_size, found), *[0] * missing]
                bill.read_units += sum(_reads(size, asked) for size in sizes)
        case "DescribeTable":
            pass  # costs no units
        case _:
            has_failed = "Error" in parsed
            for write in list(_writes(bill.known, tables, operation, params, parsed)):
                bill.write_units += write.units
                if not has_failed:
                    bill.known[write.key] = write.new


def _reads(size: int, params: Params) -> float:
    return max(1, -(-size // READ_KB)) / (1 if params.get("ConsistentRead") else 2)


def _writes(
    known: Mapping[Key, Item],
    tables: Mapping[str, Table],
    operation: str,
    params: Params,
    parsed: Params,
) -> Iterator[Write]:
    """Yield what a call writes; raises ValueError for one that is not counted here."""
    for kind, factor, said in _parts(operation, params, parsed):
        table = tables[said["TableName"]]
        key = table.key(said["Item"] if kind == "Put" else said["Key"])
        old = known.get(key, {})
        yield Write(table, key, old, _after(kind, old, said), factor)


def _parts(operation: str, params: Params, parsed: Params) -> Iterator[tuple[str, int, Params]]:
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            yield operation.removesuffix("Item"), 1, params
        case "TransactWriteItems":
            for part in params["TransactItems"]:
                ((kind, said),) = part.items()
                yield kind, IN_A_TRANSACTION, said
        case "BatchWriteItem":
            left = parsed.get("UnprocessedItems", {})
            for name, asked in params["RequestItems"].items():
                for each in asked:
                    if each not in left.get(name, []):
                        ((kind, said),) = each.items()
                        yield kind.removesuffix("Request"), 1, {"TableName": name, **said}
        case _:
            raise ValueError(f"what {operation} costs is not known here")


def _after(kind: str, old: Item, said: Params) -> Item:
    """Return what an item is after a write."""
    match kind:
        case "Put":
            item: Item = said["Item"]
            return item
        case "Update":
            return _updated({**old, **said["Key"]}, said)
        case "Delete":
            return {}
        case "ConditionCheck":
            return old
        case _:
            raise ValueError(f"what {kind} does is not known here")


_CLAUSE = re.compile(r"(?:^|\s)(SET|REMOVE|ADD|DELETE)\s")
_SET = re.compile(r"(?:^|,)\s*([#\w]+)\s*=\s*(:\w+)\s*(?=,|$)")
_ADDED = re.compile(r"(?:^|,)\s*([#\w]+)\s+(:\w+)\s*(?=,|$)")
_REMOVED = re.compile(r"(?:^|,)\s*([#\w]+)\s*(?=,|$)")


def _updated(item: dict[str, Mapping[str, Any]], said: Params) -> Item:
    names = said.get("ExpressionAttributeNames", {})
    values = said.get("ExpressionAttributeValues", {})
    _, *parts = _CLAUSE.split(said["UpdateExpression"])
    for clause, body in zip(parts[::2], parts[1::2], strict=True):
        if clause == "SET":
            for name, value in _SET.findall(body):
                item[names.get(name, name)] = values[value]
        elif clause == "ADD":  # a sum is as long as what is added to, but for a byte or so
            for name, value in _ADDED.findall(body):
                item.setdefault(names.get(name, name), values[value])
        elif clause == "REMOVE":
            for name in _REMOVED.findall(body):
                item.pop(names.get(name, name), None)
    return item


def _kbs(item: Item) -> int:
    return max(1, -(-_size(item) // KB))


def _size(item: Item) -> int:
    return sum(len(name.encode()) + _size_of(value) for name, value in item.items())


def _size_of(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "B":
            return len(held)
        case "N":
            return _size_of_number(held)
        case "SS" | "NS" | "BS":
            return sum(_size_of({kind[0]: each}) for each in held)
        case "L":
            return NESTING_BYTES + sum(MEMBER_BYTES + _size_of(each) for each in held)
        case "M":
            return NESTING_BYTES + len(held) * MEMBER_BYTES + _size(held)
        case _:  # a truth value, or none
            return 1


def _size_of_number(text: str) -> int:
    """Return two digits a byte, one byte more, and one for a sign."""
    digits = re.sub(r"\D", "", text.partition("E")[0]).strip("0")
    return 1 + -(-len(digits) // 2) + text.startswith("-")
