"""Rows as they are read: what PynamoDB itself would make of an item."""

import json
from typing import Any

import pytest
from pynamodb.models import Model

from chalicelib import bootstrap
from chalicelib.adapters.rows.budgets import BudgetRow
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.adapters.tables import Row, client
from tests.botocore_answers import answering, calls_of

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


@pytest.mark.usefixtures("aws")
def test_rows_are_read_as_they_were_last_written() -> None:
    bootstrap.budgets()

    with calls_of(client()) as calls:
        assert BudgetRow.read("none", "BUDGET") is None
        assert list(BudgetRow.read_many([("none", "BUDGET")] * 2)) == []

    (_, one), (_, many) = calls
    (asked,) = many["RequestItems"].values()
    assert (one["ConsistentRead"], asked["ConsistentRead"]) == (True, True)


@pytest.mark.usefixtures("aws")
def test_more_rows_than_one_batch_reads_are_all_read() -> None:
    bootstrap.budgets()
    pks = [str(number) for number in range(250)]
    with BudgetRow.batch_write() as batch:
        for pk in pks:
            batch.save(BudgetRow(pk))

    read = BudgetRow.read_many((pk, "BUDGET") for pk in ["none", *pks])

    assert sorted(row.pk for row in read) == sorted(pks)


@pytest.mark.usefixtures("aws")
def test_what_one_batch_left_over_is_read_by_another() -> None:
    bootstrap.budgets()
    BudgetRow("first").save()
    BudgetRow("second").save()
    asked: list[list[str]] = []

    def leaves_one_over(body: bytes) -> tuple[int, dict[str, Any]] | None:
        ((table, wanted),) = json.loads(body)["RequestItems"].items()
        asked.append([key["pk"]["S"] for key in wanted["Keys"]])
        if len(asked) > 1:
            return None
        first, *others = wanted["Keys"]
        return 200, {
            "Responses": {table: [first]},
            "UnprocessedKeys": {table: {"Keys": others, "ConsistentRead": True}},
        }

    with answering(client(), "BatchGetItem", leaves_one_over):
        read = list(BudgetRow.read_many([("first", "BUDGET"), ("second", "BUDGET")]))

    assert asked == [["first", "second"], ["second"]]
    assert [row.pk for row in read] == ["first", "second"]


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_a_row_that_was_read_has_what_pynamodb_reads(kind: type[Row], item: dict[str, Any]) -> None:
    read = kind.from_raw_data(item)
    by_pynamodb = Model.from_raw_data.__func__(kind, item)  # type: ignore[attr-defined]  # its own

    assert type(read) is kind
    assert vars(read) == vars(by_pynamodb)
