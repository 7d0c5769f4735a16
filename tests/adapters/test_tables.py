"""Rows as they are read: what PynamoDB itself would make of an item."""

from typing import Any

import pytest
from pynamodb.models import Model

from chalicelib import bootstrap
from chalicelib.adapters.rows.budgets import BudgetRow
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.adapters.tables import Row

KEY = {"pk": {"S": "1"}, "sk": {"S": "2"}}

ITEMS: list[tuple[type[Row], dict[str, Any]]] = [
    (RequestRow, KEY | {"listed": {"S": "2026#1"}, "summary": {"B": b"\x01packed"}}),
    (RequestRow, KEY | {"version": {"N": "3"}, "body": {"S": "{}"}}),
    (RequestRow, {"pk": {"S": "1"}}),
    (TotalsRow, KEY | {"pending": {"N": "2"}, "generation": {"N": "41"}}),
    (BudgetRow, KEY | {"is_stale": {"BOOL": False}, "remaining_cents": {"N": "-5"}}),
    (BudgetRow, KEY | {"failure": {"NULL": True}}),
    (BudgetRow, KEY | {"of_a_later_release": {"S": "x"}}),
]


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("cents", [0, -1, 2**53 + 1, 10**37 + 1])
def test_whole_numbers_come_back_as_they_were_written(cents: int) -> None:
    bootstrap.budgets()
    BudgetRow("there", available_cents=cents).save()

    found = BudgetRow.get("there", "BUDGET").available_cents

    assert (found, type(found)) == (cents, int)


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_a_row_that_was_read_has_what_pynamodb_reads(kind: type[Row], item: dict[str, Any]) -> None:
    read = kind.from_raw_data(item)
    by_pynamodb = Model.from_raw_data.__func__(kind, item)  # type: ignore[attr-defined]  # its own

    assert type(read) is kind
    assert vars(read) == vars(by_pynamodb)
