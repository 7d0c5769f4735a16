"""What a change writes beside the request itself: counts, suppliers, archived history."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.keys import count_pk, history_sk, request_pk, supplier_sk
from chalicelib.adapters.tables import CountRow, HistoryRow, SupplierRow
from chalicelib.adapters.transactions import Part
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.listing import position
from chalicelib.domain.requests import BudgetRequest, Change


def counts(changes: Iterable[Change]) -> Iterator[Part]:
    """Yield the writes that keep the counts of departments and statuses exact."""
    moved: dict[str, Counter[str]] = {}
    for change in changes:
        for request, step in ((change.before, -1), (change.after, 1)):
            if request is not None and not request.is_deleted:
                moved.setdefault(request.department, Counter())[request.status.value] += step
    for department, deltas in moved.items():
        actions: list[Action] = [
            getattr(CountRow, status).add(delta) for status, delta in deltas.items() if delta
        ]
        if actions:
            yield _count(department, actions)


def rows_beside(change: Change) -> Iterator[Part]:
    """Yield the rows that a change adds beside its request."""
    if change.archived:
        yield _history(change)
    known = _suppliers(change.before) if change.before else set()
    for supplier in sorted(_suppliers(change.after) - known):
        yield _supplier(change.after, supplier)


def _suppliers(request: BudgetRequest) -> set[str]:
    return {item.supplier_id for item in request.item_allocations if item.supplier_id}


def _count(department: str, actions: list[Action]) -> Part:
    def add(transaction: TransactWrite) -> None:
        transaction.update(CountRow(count_pk(department)), actions=actions)

    return Part(add, lambda _: ConflictError())


def _history(change: Change) -> Part:
    first = change.after.archived_history - len(change.archived)
    row = HistoryRow(
        request_pk(change.after.id),
        history_sk(first),
        body=json.dumps([entry.model_dump(mode="json") for entry in change.archived]),
    )
    return Part(lambda transaction: transaction.save(row), lambda _: ConflictError())


def _supplier(request: BudgetRequest, supplier: str) -> Part:
    row = SupplierRow(
        request_pk(request.id),
        supplier_sk(supplier),
        supplier=supplier,
        listed=position(request),
    )
    return Part(lambda transaction: transaction.save(row), lambda _: ConflictError())
