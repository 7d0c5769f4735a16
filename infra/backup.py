"""A stack's rows in a file, and back: for a local stack, and for rows that AWS restored elsewhere.

A file is gzipped lines of JSON: a head, then a row each. It holds what the tables hold, hashes of
keys and secrets of webhooks included, and is readable by its owner alone. It is no point in time:
what is written while it is made may be in one table and not in another.
"""

import base64
import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from chalicelib.adapters.packing import UnreadableError
from chalicelib.adapters.request_rows import silent
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain.events import AuditAction
from infra import operator_audit
from infra.errors import OperatorError
from infra.place import Place, told_clearly
from infra.progress import Report

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

FORMAT = "budget-requests-backup-1"
_OUTPUT = "TableName"
#: The sequences of ids come last: whatever was numbered meanwhile, no number is used again.
_LAST = "Work"
_AT_ONCE = 25
_MAX_ATTEMPTS = 10
_PAUSE_SECONDS = 0.2
_ROWS_A_REPORT = 500

#: What is told of a row. Rows that come back tell nothing: everyone has heard it.
_OUTBOX = "outbox"

#: The table of what was told: of it nobody is told, and it keeps what it has.
_TOLD = "Told"


def write(place: Place, path: Path, *, suffix: str, report: Report) -> dict[str, int]:
    """Write all rows of a stack to a new file; return how many by table.

    With a `suffix` those of the tables that are called like the stack's and end with it. Raises
    OperatorError, OSError where the file is there already.
    """
    tables = _tables(place)
    counts: Counter[str] = Counter()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with told_clearly(), os.fdopen(handle, "wb") as raw, gzip.open(raw, "wt") as file:
            head = {"format": FORMAT, "stack": place.stack_name, "at": str(datetime.now(UTC))}
            _line(file, head | {"tables": sorted(tables)})
            for name, table in tables.items():
                for item in _rows(place.cloud.dynamodb, table + suffix):
                    _line(file, {"table": name, "item": item})
                    counts[name] += 1
                    if counts.total() % _ROWS_A_REPORT == 0:
                        report(f"{counts.total()} rows")
            _line(file, {"rows": counts.total()})
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return {name: counts[name] for name in tables}


def restore(place: Place, path: Path, *, report: Report) -> dict[str, int]:
    """Put the rows of a file into a stack that has no requests; return how many by table.

    Nobody is told of them; Audit is, that they are restored. Cut off, it may be done again with
    `down` and `up`, or on another stack. Raises OperatorError, also before anything is written
    where the file is not whole.
    """
    tables = _tables(place)
    expected = sum(1 for _ in _items(path))  # looked through whole before anything is written
    counts: Counter[str] = Counter()
    dynamodb = place.cloud.dynamodb
    with told_clearly():
        if dynamodb.scan(TableName=tables["Requests"], Limit=1)["Items"]:
            raise OperatorError(
                f"The stack {place.stack_name} has requests; rows are restored to a new one only."
            )
        told = {"file": path.name, "rows": expected}
        operator_audit.tell(place, AuditAction.RESTORE, place.stack_name, told)
        rows = _items(path)
        while batch := list(islice(rows, _AT_ONCE)):
            unknown = {name for name, _ in batch} - tables.keys()
            if unknown:
                raise OperatorError(f"The stack has no table {', '.join(sorted(unknown))}.")
            _put(dynamodb, [(tables[name], item) for name, item in batch])
            counts.update(name for name, _ in batch)
            report(f"{counts.total()} of {expected} rows")
    return {name: counts[name] for name in tables}


def _tables(place: Place) -> dict[str, str]:
    """Return the stack's tables by name, in the order they are read in."""
    found = {
        output.removesuffix(_OUTPUT): name
        for output, name in place.outputs.items()
        if output.endswith(_OUTPUT)
    }
    if "Requests" not in found:
        raise OperatorError("The stack tells of no RequestsTableName; deploy it again.")
    return dict(sorted(found.items(), key=lambda each: (each[0] == _LAST, each[0])))


def _rows(dynamodb: "DynamoDBClient", table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


def _items(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row with its table, as it comes back; raises OperatorError at the first fault."""
    try:
        with gzip.open(path, "rt") as file:
            lines = (json.loads(line, object_hook=_from_json) for line in file)
            head: dict[str, Any] = next(lines, {})
            if head.get("format") != FORMAT:
                raise OperatorError(f"{path} is no backup of a stack.")
            last: Mapping[str, Any] = {}
            read = 0
            for last in lines:
                if "item" not in last:
                    continue
                read += 1
                item = last["item"] if last["table"] == _TOLD else _silent(last["item"])
                if item is not None:
                    yield last["table"], item
            if last.get("rows") != read:
                raise OperatorError(f"{path} is not whole; nothing can be relied on in it.")
    except (EOFError, gzip.BadGzipFile, ValueError, KeyError, UnreadableError) as error:
        raise OperatorError(f"{path} cannot be read: {type(error).__name__}.") from None


def _silent(item: dict[str, Any]) -> dict[str, Any] | None:
    """Return a row that tells nothing; None where it did nothing else. Raises UnreadableError."""
    quiet = {name: value for name, value in item.items() if name != _OUTBOX}
    if item["sk"]["S"] == "OUTBOX":
        return None
    if item["sk"]["S"] == "REQUEST" and "B" in item["body"]:
        row = RequestRow()
        row.deserialize(dict(item))
        quiet["body"] = silent(row).serialize()["body"]
    return quiet


def _put(dynamodb: "DynamoDBClient", rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
    waiting: dict[str, list[WriteRequestTypeDef]] = {}
    for table, item in rows:
        waiting.setdefault(table, []).append({"PutRequest": {"Item": item}})
    for attempt in range(_MAX_ATTEMPTS):
        answer = dynamodb.batch_write_item(RequestItems=waiting)
        left = answer.get("UnprocessedItems")
        if not left:
            return
        waiting = cast("dict[str, list[WriteRequestTypeDef]]", left)
        time.sleep(_PAUSE_SECONDS * 2**attempt)
    raise OperatorError("The tables take no more rows now; begin again with a new stack.")


def _line(file: IO[str], value: object) -> None:
    file.write(json.dumps(value, default=_to_json, ensure_ascii=False) + "\n")


def _to_json(value: object) -> dict[str, str]:
    """Write bytes, which JSON has not."""
    if not isinstance(value, bytes):
        raise TypeError(f"a row holds a {type(value).__name__}")
    return {"base64": base64.b64encode(value).decode()}


def _from_json(value: dict[str, Any]) -> Any:  # noqa: ANN401 - what JSON stands for
    if value.keys() == {"base64"} and isinstance(value["base64"], str):
        return base64.b64decode(value["base64"])
    return value
