"""Transactions that meet others: tried again, and given up in words."""

import json
from typing import Any

import pytest
from pynamodb.exceptions import TransactWriteError

from chalicelib import bootstrap
from chalicelib.adapters import tables, transactions
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
def test_what_trying_again_does_not_help_is_not_tried_again() -> None:
    collisions = Collisions(times=10**6, code="ItemCollectionSizeLimitExceeded")

    with pytest.raises(TransactWriteError):
        commit_an_approval(collisions)

    assert len(collisions.bodies) == 1


@pytest.mark.usefixtures("aws")
def test_a_transaction_carries_a_token_so_that_a_repeat_of_it_is_known() -> None:
    calls = Collisions(times=0)

    commit_an_approval(calls)

    assert calls.bodies[0]["ClientRequestToken"]


@pytest.mark.usefixtures("aws")
def test_all_rows_share_one_client() -> None:
    bootstrap.requests()
    rows = (tables.RequestRow, tables.BudgetRow, tables.TotalsRow, tables.ReceiptRow)

    assert {id(tables.connection(row).client) for row in rows} == {id(tables.client())}
