"""What a change writes beside the request itself: totals, suppliers, archived history."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from chalicelib.adapters.keys import (
    department_supplier,
    history_sk,
    request_pk,
    supplier_sk,
    totals_pk,
)
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import HistoryRow, SupplierRow
from chalicelib.adapters.transactions import Part, Write, add, put
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.listing import position
from chalicelib.domain.requests import BudgetRequest
from chalicelib.domain.totals import Tally, moved


def totals(changes: Iterable[Change]) -> Iterator[Part]:
    """Yield the writes that keep the departments' totals exact: one a department.

    A commit that moves no figure raises the generation all the same: lists show it.
    """
    for department, tally in moved(changes).items():
        yield _totals(department, tally)


def rows_beside(change: Change) -> Iterator[Part]:
    """Yield the rows that a change adds beside its request."""
    if change.archived:
        yield _history(change)
    known = _suppliers(change.before) if change.before else set()
    for supplier in sorted(_suppliers(change.after) - known):
        yield _supplier(change.after, supplier)


def _suppliers(request: BudgetRequest) -> set[str]:
    return {item.supplier_id for item in request.item_allocations if item.supplier_id}


def _totals(department: str, tally: Tally) -> Part:
    added = {"generation": 1} | {name: by for name, by in tally if by}

    def write() -> Write:
        at = datetime.now(UTC).isoformat()  # of this attempt, however many were refused before
        return add(TotalsRow, totals_pk(department), added, changed_at=at)

    return Part(write, lambda _: ConflictError())


def _history(change: Change) -> Part:
    first = change.after.archived_history - len(change.archived)
    row = HistoryRow(
        request_pk(change.after.id),
        history_sk(first),
        body=json.dumps(
            [entry.model_dump(mode="json") for entry in change.archived], ensure_ascii=False
        ),
    )
    return Part(lambda: put(row), lambda _: ConflictError())


def _supplier(request: BudgetRequest, supplier: str) -> Part:
    row = SupplierRow(
        request_pk(request.id),
        supplier_sk(supplier),
        supplier=department_supplier(request.department, supplier),
        listed=position(request),
    )
    return Part(lambda: put(row), lambda _: ConflictError())
