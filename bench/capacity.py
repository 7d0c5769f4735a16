"""What DynamoDB charges for calls, computed from what was sent (its documented rules).

A write costs a unit a started KB of the item, twice that in a transaction; every index row that
is put, changed or taken away costs its own KBs; a change of an index key is two such writes.
A read costs a unit a started 4 KB, half of it when eventually consistent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

KB = 1024
READ_KB = 4096

#: The list indexes of infra/template/tables.yaml; each also holds the keys and `summary`.
INDEXES = {
    "by_owner": ("requested_by", "listed"),
    "by_department": ("department", "listed"),
    "by_department_status": ("department_status", "listed"),
    "by_link": ("linked_to", "listed"),
    "by_due": ("due_for", "due_at"),
    "by_supplier": ("supplier", "listed"),
}

Item = Mapping[str, Mapping[str, Any]]


@dataclass
class Bill:
    """What was asked of DynamoDB: round trips, and units by what was sent and came back."""

    round_trips: int = 0
    write_units: float = 0.0
    read_units: float = 0.0
    rows_read: int = 0
    """Rows that queries looked at, whether or not they gave them back."""
    is_consistent: bool = False
    """Whether the call that is under way reads consistently."""
    known: dict[str, Item] = field(default_factory=dict)
    """Items as they were last put, to tell which index rows a put changes."""


@contextmanager
def billed(bill: Bill, client: BaseClient) -> Iterator[Bill]:
    """Count every call of `client` while the block runs."""

    def sent(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        bill.is_consistent = bool(params.get("ConsistentRead"))
        _write(bill, model.name, params)

    def came(parsed: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        bill.round_trips += 1
        _read(bill, model.name, parsed)

    client.meta.events.register("provide-client-params.dynamodb.*", sent)
    client.meta.events.register("after-call.dynamodb.*", came)
    try:
        yield bill
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb.*", sent)
        client.meta.events.unregister("after-call.dynamodb.*", came)


def _write(bill: Bill, operation: str, params: dict[str, Any]) -> None:
    if operation == "PutItem":
        bill.write_units += _put(bill, params["Item"], factor=1)
    elif operation == "UpdateItem":
        bill.write_units += 1  # the rows that are updated in place stay under a KB
    elif operation == "TransactWriteItems":
        for part in params["TransactItems"]:
            if "Put" in part:
                bill.write_units += _put(bill, part["Put"]["Item"], factor=2)
            else:
                bill.write_units += 2


def _put(bill: Bill, item: Item, *, factor: int) -> float:
    key = f"{item['pk']['S']}/{item['sk']['S']}"
    old = bill.known.get(key, {})
    bill.known[key] = item
    units = float(factor * _kbs(item))
    for index_keys in INDEXES.values():
        was, is_ = _row(old, index_keys), _row(item, index_keys)
        if was == is_:
            continue
        moved = was and is_ and any(was[name] != is_[name] for name in index_keys)
        units += _kbs(was) + _kbs(is_) if moved else _kbs(is_ or was)
    return units


def _row(item: Item, index_keys: tuple[str, ...]) -> Item:
    if not all(name in item for name in index_keys):
        return {}
    return {n: item[n] for n in ("pk", "sk", *index_keys, "summary") if n in item}


def _kbs(item: Item) -> int:
    return max(1, -(-_size(item) // KB))


def _size(item: Item) -> int:
    return sum(
        len(name) + (len(each) if isinstance(each, bytes) else len(str(each).encode()))
        for name, value in item.items()
        for each in value.values()
    )


def _read(bill: Bill, operation: str, parsed: dict[str, Any]) -> None:
    if operation == "GetItem":
        bill.read_units += max(1, -(-_size(parsed.get("Item", {})) // READ_KB))
    elif operation == "Query":
        bill.rows_read += parsed["ScannedCount"]
        size = sum(map(_size, parsed.get("Items", [])))
        bill.read_units += max(1, -(-size // READ_KB)) / (1 if bill.is_consistent else 2)
    elif operation == "BatchGetItem":
        for items in parsed.get("Responses", {}).values():
            bill.read_units += sum(max(1, -(-_size(item) // READ_KB)) for item in items)
