"""Transactions that meet others: tried again, and given up in words."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import bootstrap
from chalicelib.adapters import tables, transactions
from chalicelib.adapters.rows.budgets import BudgetRow
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.adapters.rows.work import ReceiptRow
from chalicelib.adapters.transactions import Part, Said
from chalicelib.domain import transitions
from chalicelib.domain.errors import BusyError
from tests.botocore_answers import answering
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    approval,
    created,
    figures,
    finance_said,
)


class Collisions:
    """Cancels the first `times` transactions for `code`, and keeps every call's body."""

    def __init__(self, times: int, code: str = "TransactionConflict") -> None:
        self.bodies: list[dict[str, Any]] = []
        self._times = times
        self._code = code

    def __call__(self, body: bytes) -> tuple[int, dict[str, Any]] | None:
        self.bodies.append(json.loads(body))
        if len(self.bodies) > self._times:
            return None
        return 400, {
            "Error": {"Code": "TransactionCanceledException", "Message": self._code},
            "CancellationReasons": [{"Code": "None"}, {"Code": self._code, "Message": "wait"}],
        }


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries at once: the jitter's ceiling is nothing."""
    monkeypatch.setattr(transactions, "RETRY_CAP_SECONDS", 0.0)


def commit_an_approval(collisions: Collisions) -> int:
    store = bootstrap.requests()
    finance_said(bootstrap.budgets(), figures())
    store.commit(created())
    submitted = transitions.submit(created().after, CLERK, AT)
    store.commit(submitted)
    with answering(tables.client(), "TransactWriteItems", collisions):
        store.commit(transitions.approve(submitted.after, approval(), ADMIN, LATER))
    return submitted.after.id


@pytest.mark.usefixtures("aws", "no_waiting")
def test_a_transaction_that_collides_is_tried_until_it_fits() -> None:
    collisions = Collisions(times=3)

    request_id = commit_an_approval(collisions)

    assert len(collisions.bodies) == 4
    assert bootstrap.requests().get(request_id).is_reserved


@pytest.mark.usefixtures("aws", "no_waiting")
def test_a_transaction_that_always_collides_says_so_and_changes_nothing() -> None:
    collisions = Collisions(times=10**6)

    with pytest.raises(BusyError):
        commit_an_approval(collisions)

    assert len(collisions.bodies) == transactions.MAX_ATTEMPTS
    assert not bootstrap.requests().get(created().after.id).is_reserved


@pytest.mark.usefixtures("aws", "no_waiting")
@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_is_slowed_down_is_tried_until_it_fits(code: str) -> None:
    collisions = Collisions(times=2, code=code)

    request_id = commit_an_approval(collisions)

    assert len(collisions.bodies) == 3
    assert bootstrap.requests().get(request_id).is_reserved


@pytest.mark.usefixtures("aws", "no_waiting")
def test_a_refusal_without_reasons_is_not_tried_again() -> None:
    calls: list[bytes] = []

    def refuse(body: bytes) -> tuple[int, dict[str, Any]]:
        calls.append(body)
        return 400, {"Error": {"Code": "ValidationException", "Message": "no"}}

    with (
        answering(tables.client(), "TransactWriteItems", refuse),
        pytest.raises(ClientError, match="ValidationException"),
    ):
        bootstrap.requests().commit(created())

    assert len(calls) == 1


@pytest.mark.usefixtures("aws", "no_waiting")
def test_each_attempt_says_anew_when_the_totals_changed() -> None:
    collisions = Collisions(times=2)

    commit_an_approval(collisions)

    said = [
        part["Update"]["ExpressionAttributeValues"][":changed_at"]["S"]
        for body in collisions.bodies
        for part in body["TransactItems"]
        if ":changed_at" in part.get("Update", {}).get("ExpressionAttributeValues", {})
    ]
    assert len(said) == len(set(said)) == 3


@pytest.mark.usefixtures("aws", "no_waiting")
def test_what_trying_again_does_not_help_is_not_tried_again() -> None:
    collisions = Collisions(times=10**6, code="ItemCollectionSizeLimitExceeded")

    with pytest.raises(ClientError):
        commit_an_approval(collisions)

    assert len(collisions.bodies) == 1


@pytest.mark.usefixtures("aws")
def test_a_transaction_carries_a_token_so_that_a_repeat_of_it_is_known() -> None:
    calls = Collisions(times=0)

    commit_an_approval(calls)

    assert calls.bodies[0]["ClientRequestToken"]


@pytest.mark.usefixtures("aws")
def test_the_first_part_whose_condition_failed_says_why_and_sees_what_is_there() -> None:
    bootstrap.requests()
    BudgetRow("there", available_cents=7).save()
    seen: list[transactions.Item] = []

    def refused(item: transactions.Item) -> Exception:
        seen.append(item)
        return LookupError("second")

    with pytest.raises(LookupError, match="second"):
        transactions.transact(
            Part(lambda: transactions.put(BudgetRow("new")), lambda _: LookupError("first")),
            Part(
                lambda: transactions.update(
                    BudgetRow("there"),
                    [BudgetRow.fetches.set(1)],
                    BudgetRow.available_cents > 7,
                ),
                refused,
            ),
            Part(
                lambda: transactions.put(BudgetRow("there too"), BudgetRow.pk.exists()),
                lambda _: LookupError("third"),
            ),
        )

    assert [item["available_cents"] for item in seen] == [{"N": "7"}]
    with pytest.raises(BudgetRow.DoesNotExist):
        BudgetRow.get("new", "BUDGET")


@pytest.mark.usefixtures("aws")
def test_a_condition_on_an_item_that_is_not_there_is_refused_with_an_empty_one() -> None:
    bootstrap.requests()

    with pytest.raises(LookupError, match=r"^\{\}$"):
        transactions.transact(
            Part(
                lambda: transactions.put(BudgetRow("none"), BudgetRow.pk.exists()),
                lambda item: LookupError(str(item)),
            )
        )


@pytest.mark.usefixtures("aws")
def test_adding_does_what_updating_does() -> None:
    bootstrap.requests()
    by_adding, by_updating = TotalsRow("TOTALS#a"), TotalsRow("TOTALS#b")
    for row in (by_adding, by_updating):
        row.save()
    condition = TotalsRow.pending <= 5
    actions = [
        TotalsRow.pending.add(5),
        TotalsRow.pending_cents.add(-12),
        TotalsRow.changed_at.set("now"),
    ]

    for _ in range(2):
        transactions.transact(
            Part(
                lambda: transactions.add(
                    TotalsRow,
                    by_adding.pk,
                    {"pending": 5, "pending_cents": -12},
                    Said("pending <= :most", {":most": 5}),
                    changed_at="now",
                ),
                AssertionError,
            ),
            Part(lambda: transactions.update(by_updating, actions, condition), AssertionError),
        )

    read = [TotalsRow.get(row.pk, row.sk) for row in (by_adding, by_updating)]
    figures = [(row.pending, row.pending_cents, row.changed_at, row.approved) for row in read]
    assert figures == [(10, -24, "now", 0)] * 2


@pytest.mark.usefixtures("aws")
def test_all_rows_share_one_client() -> None:
    bootstrap.requests()
    rows = (RequestRow, BudgetRow, TotalsRow, ReceiptRow)

    assert {id(row._get_connection().connection.client) for row in rows} == {id(tables.client())}
