"""Lists of requests from the index rows, merged by position."""

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from chalicelib.adapters.keys import (
    department_status,
    department_supplier,
    history_sk,
    request_pk,
    totals_pk,
)
from chalicelib.adapters.request_rows import summary_in
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import HistoryRow, RequestRow, SupplierRow
from chalicelib.adapters.tables import client
from chalicelib.domain.access import Department
from chalicelib.domain.listing import Selection, Sifted, Summary, position
from chalicelib.domain.requests import HistoryEntry
from chalicelib.domain.totals import DepartmentTotals, Tally

#: The most rows a query asks for after the first of its partition: some hundred kilobytes.
_READ_AT_ONCE = 500

_IN_SPAN = "listed BETWEEN :first AND :last"

#: Sort before and after every position.
_BEFORE_ALL, _AFTER_ALL = "0", "~"


class DynamoRequestLists:
    """The RequestLists on DynamoDB; index rows follow their request within moments."""

    def slice(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        skip: int = 0,
        limit: int,
        newest_first: bool = True,
    ) -> list[Summary]:
        """Return up to `limit` rows after the first `skip`, reading no more than these."""
        wanted = skip + limit
        at_once = wanted if after is None else wanted + 1  # the row at `after` is passed over
        rows = _merged(selection, after, at_once=at_once, newest_first=newest_first)
        return list(islice(rows, skip, wanted))

    def totals(self, departments: Sequence[Department]) -> tuple[DepartmentTotals, ...]:
        """Return what each department's requests come to, as of their last commit."""
        keys = {totals_pk(department): department for department in departments}
        rows = TotalsRow.read_many((pk, "TOTALS") for pk in keys)
        found = {keys[row.pk]: row for row in rows}
        return tuple(_totals(department, found.get(department)) for department in departments)

    def sift(
        self,
        selection: Selection,
        *,
        after: str | None = None,
        matches: int | None = None,
        rows: int,
    ) -> Sifted:
        """Look at up to `rows` rows after position `after`, or until `matches` are asked for."""
        # Told apart from a list that goes on by one row more than may be looked at.
        at_once = rows // len(_partitions(selection)) + 1
        if matches is not None:
            at_once = min(at_once, matches) + (after is not None)
        found: list[Summary] = []
        stopped_at = None
        for number, row in enumerate(_merged(selection, after, at_once=at_once)):
            if number == rows:
                return Sifted(found=tuple(found), stopped_at=stopped_at)
            stopped_at = position(row)
            if selection.takes(row):
                found.append(row)
                if len(found) == matches:
                    return Sifted(found=tuple(found), stopped_at=stopped_at)
        return Sifted(found=tuple(found), stopped_at=None)

    def of_supplier(
        self,
        supplier: str,
        departments: Sequence[Department],
        *,
        first: str | None = None,
        limit: int,
    ) -> list[str]:
        """Return where requests of the departments are that have, or had, a line of a supplier.

        Newest first, up to `limit` from position `first` on.
        """
        partitions = [
            SupplierRow.by_supplier.query(
                department_supplier(department, supplier),
                None if first is None else SupplierRow.listed <= first,
                scan_index_forward=False,
                limit=limit,
            )
            for department in departments
        ]
        rows = heapq.merge(*partitions, key=lambda row: row.listed, reverse=True)
        return [row.listed for row in islice(rows, limit)]

    def archived_history(self, request_id: int, *, first: int, last: int) -> list[HistoryEntry]:
        """Return the chunks of archived history that begin with entries `first` to `last`."""
        rows = HistoryRow.query(
            request_pk(request_id),
            HistoryRow.sk.between(history_sk(first), history_sk(last)),
            consistent_read=True,  # as the request was that says how many there are
        )
        return [
            HistoryEntry.model_validate(entry) for row in rows for entry in json.loads(row.body)
        ]


def _totals(department: Department, row: TotalsRow | None) -> DepartmentTotals:
    known = TotalsRow() if row is None else row
    return DepartmentTotals(
        department=department,
        tally=Tally(**{name: getattr(known, name) for name in Tally.model_fields}),
        generation=known.generation,
        changed_at=datetime.fromisoformat(known.changed_at) if known.changed_at else None,
    )


def _merged(
    selection: Selection, after: str | None, *, at_once: int, newest_first: bool = True
) -> Iterator[Summary]:
    streams = [
        _rows_of(each, selection, after, at_once=at_once, newest_first=newest_first)
        for each in _partitions(selection)
    ]
    return heapq.merge(*streams, key=position, reverse=newest_first)


@dataclass(frozen=True)
class _Partition:
    """A partition of an index: what the index is partitioned by, and its value here."""

    index: str
    attribute: str
    value: str


def _partitions(selection: Selection) -> Sequence[_Partition]:
    """Return the narrowest partitions that hold all of a selection."""
    if selection.linked_purchase_request_id is not None:
        return [_Partition("by_link", "linked_to", selection.linked_purchase_request_id)]
    if selection.requested_by is not None:
        return [_Partition("by_owner", "requested_by", selection.requested_by)]
    if selection.status is not None:
        return [
            _Partition(
                "by_department_status",
                "department_status",
                department_status(each, selection.status),
            )
            for each in selection.departments
        ]
    return [_Partition("by_department", "department", each) for each in selection.departments]


def _rows_of(
    partition: _Partition,
    selection: Selection,
    after: str | None,
    *,
    at_once: int,
    newest_first: bool,
) -> Iterator[Summary]:
    """Yield what one partition of an index has of a span of time, page by page.

    Without PynamoDB, that makes a row of each item: a list has many, and shows but one attribute.
    """
    first, last = _span(selection, after)
    asked: dict[str, Any] = {
        "TableName": RequestRow.Meta.table_name,
        "IndexName": partition.index,
        "ProjectionExpression": "summary, listed",
        "KeyConditionExpression": f"{partition.attribute} = :value AND {_IN_SPAN}",
        "ExpressionAttributeValues": {
            ":value": {"S": partition.value},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ScanIndexForward": not newest_first,
        "Limit": at_once,
    }
    read = 0
    while True:
        page = client().query(**asked)
        for item in page["Items"]:
            if "summary" in item and item["listed"]["S"] != after:
                (summary,) = item["summary"].values()
                yield summary_in(summary)
        if "LastEvaluatedKey" not in page:
            return
        # Whoever goes on after what was asked for sifts, and may have far to go.
        read += len(page["Items"])
        asked["Limit"] = min(max(1, 2 * read), _READ_AT_ONCE)
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _span(selection: Selection, after: str | None) -> tuple[str, str]:
    first = _instant(selection.first) if selection.first else _BEFORE_ALL
    # Positions are a moment and an id, so that a bare moment stands before all of its own: the
    # end of a span is not in it. The row at `after` is read again, and passed over.
    last = _instant(selection.last) if selection.last else _AFTER_ALL
    return first, last if after is None else min(last, after)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
