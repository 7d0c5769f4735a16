"""The contract of lists: what they show, and what departments come to."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import request_lists, tables
from chalicelib.domain import allocations, drafting, transitions
from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.changes import ARCHIVED_AT_ONCE, Change
from chalicelib.domain.content import ItemApproval
from chalicelib.domain.errors import ConflictError, InsufficientBudgetError
from chalicelib.domain.listing import ListQuery, Selection, position, select
from chalicelib.domain.requests import Status
from chalicelib.domain.totals import DepartmentTotals, Tally
from tests.adapters.conftest import Stores
from tests.botocore_answers import answering, calls_of
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    created,
    figures,
    finance_said,
    item_body,
    rejection,
)

HR_CLERK = actor("HR Clerk")


def selected(**query: object) -> Selection:
    found = select(ListQuery.model_validate(query), SUPERADMIN)
    assert found
    return found


def kept(stores: Stores, sequence: int, **fields: object) -> Change:
    """Keep a draft, each a minute after the one before, of the department in `fields`."""
    by = HR_CLERK if fields.get("department") == "hr" else CLERK
    at = AT + timedelta(minutes=sequence)
    change = created(by=by, at=at, sequence=sequence, **fields)
    stores.requests.commit(change)
    return change


def waiting(stores: Stores, sequence: int, **fields: object) -> Change:
    change = transitions.submit(kept(stores, sequence, **fields).after, CLERK, AT)
    stores.requests.commit(change)
    return change


def finance(stores: Stores) -> DepartmentTotals:
    (totals,) = stores.lists.totals(["finance"])
    return totals


def test_a_department_without_requests_comes_to_nothing(stores: Stores) -> None:
    assert stores.lists.totals(DEPARTMENTS) == tuple(
        DepartmentTotals(department=department, tally=Tally(), generation=0, changed_at=None)
        for department in DEPARTMENTS
    )


def test_totals_come_in_the_order_they_are_asked_for(stores: Stores) -> None:
    kept(stores, 1)
    kept(stores, 2, department="hr", amountRequested=7)

    hr, operations, of_finance = stores.lists.totals(["hr", "operations", "finance"])

    assert (hr.tally.pending_cents, of_finance.tally.pending_cents) == (700, 5_000_000)
    assert operations.tally == Tally()


def test_every_commit_raises_the_generation_by_one(stores: Stores) -> None:
    change = waiting(stores, 1, items=[item_body()])
    assert finance(stores).generation == 2

    stores.requests.commit(allocations.approve_item(change.after, 1, ItemApproval(), ADMIN, LATER))

    assert finance(stores).generation == 3
    assert finance(stores).changed_at is not None


def test_a_decision_moves_the_totals_with_the_request(stores: Stores) -> None:
    finance_said(stores.budgets, figures())
    first, second = waiting(stores, 1), waiting(stores, 2)

    body = approval(bufferPercentage=5)
    stores.requests.commit(transitions.approve(first.after, body, ADMIN, LATER))
    stores.requests.commit(transitions.reject(second.after, rejection(), ADMIN, LATER))

    assert finance(stores).tally == Tally(
        approved=1,
        rejected=1,
        approved_cents=5_000_000,
        rejected_cents=5_000_000,
        reserved_cents=5_250_000,
        decided=2,
        approved_ever=1,
        waited_seconds=120,
    )


def test_a_commit_of_many_is_one_generation(stores: Stores) -> None:
    finance_said(stores.budgets, figures())
    waits = [waiting(stores, 1), waiting(stores, 2), waiting(stores, 3)]
    before = finance(stores).generation

    stores.requests.commit(
        *(transitions.approve(each.after, approval(), ADMIN, LATER) for each in waits)
    )

    assert finance(stores).generation == before + 1
    assert finance(stores).tally.approved == 3


def test_a_commit_that_is_refused_moves_nothing(stores: Stores) -> None:
    finance_said(stores.budgets, figures(remaining=1))
    change = waiting(stores, 1)
    before = finance(stores)

    with pytest.raises(InsufficientBudgetError):
        stores.requests.commit(transitions.approve(change.after, approval(), ADMIN, LATER))
    with pytest.raises(ConflictError):
        stores.requests.commit(transitions.submit(created(sequence=1).after, ADMIN, LATER))

    assert finance(stores) == before


def test_a_retry_of_our_own_write_counts_once(stores: Stores) -> None:
    change = kept(stores, 1)

    stores.requests.commit(change)

    assert (finance(stores).tally.pending, finance(stores).generation) == (1, 1)


def test_what_was_deleted_is_in_no_list_and_no_total(stores: Stores) -> None:
    change = kept(stores, 1)

    stores.requests.commit(drafting.delete(change.after, CLERK, LATER))

    assert stores.lists.sift(selected(), rows=10).found == ()
    assert (finance(stores).tally, finance(stores).generation) == (Tally(), 2)


def test_rows_come_newest_first_out_of_all_departments(stores: Stores) -> None:
    for sequence, department in enumerate(("finance", "hr", "hr", "finance"), start=1):
        kept(stores, sequence, department=department)

    codes = [row.request_code for row in stores.lists.slice(selected(), limit=3)]

    assert codes == ["BR-2026-004", "BR-2026-003", "BR-2026-002"]


def test_a_slice_goes_on_after_a_position_and_passes_over_what_it_is_told(stores: Stores) -> None:
    changes = [kept(stores, sequence) for sequence in range(1, 6)]
    after = position(changes[3].after)

    rows = stores.lists.slice(selected(), after=after, limit=2)
    assert [row.id for row in rows] == [changes[2].after.id, changes[1].after.id]
    (row,) = stores.lists.slice(selected(), skip=3, limit=1)
    assert row.id == changes[1].after.id
    (row,) = stores.lists.slice(selected(), skip=1, limit=1, newest_first=False)
    assert row.id == changes[1].after.id


def test_each_filter_finds_its_own(stores: Stores) -> None:
    finance_said(stores.budgets, figures())
    kept(stores, 1, linkedPurchaseRequestId="pr-1", priority="high")
    kept(stores, 2, department="hr")
    stores.requests.commit(transitions.approve(waiting(stores, 3).after, approval(), ADMIN, LATER))

    def found(**query: object) -> list[int]:
        return [row.id % 10 for row in stores.lists.sift(selected(**query), rows=10).found]

    assert found(department="hr") == [2]
    assert found(status=Status.APPROVED) == [3]
    assert found(linkedPurchaseRequestId="pr-1") == [1]
    assert found(requestedBy=HR_CLERK.id) == [2]
    assert found(priority="high") == [1]
    assert found(dateFrom="2026-03-11") == []
    assert found(dateFrom="2026-03-10", dateTo="2026-03-10") == [3, 2, 1]


def test_sifting_stops_at_so_many_rows_or_matches_and_says_where(stores: Stores) -> None:
    priorities = ("high", "low", "high", "low", "low", "high")
    ids = [
        position(kept(stores, number, priority=each, department=department).after)
        for number, each in enumerate(priorities, start=1)
        for department in ["hr" if number % 2 else "finance"]
    ]
    high = selected(priority="high")

    def sifted(**limits: int | str) -> tuple[list[int], str | None]:
        found = stores.lists.sift(high, **limits)  # type: ignore[arg-type]  # each has its own
        return [row.id % 10 for row in found.found], found.stopped_at

    assert sifted(rows=6) == ([6, 3, 1], None)
    assert sifted(rows=5) == ([6, 3], ids[1])
    assert sifted(rows=2) == ([6], ids[4])
    assert sifted(rows=6, matches=2) == ([6, 3], ids[2])
    assert sifted(rows=2, after=ids[5]) == ([], ids[3])
    assert sifted(rows=3, after=ids[3]) == ([3, 1], None)


@pytest.mark.usefixtures("aws")
def test_sifting_an_owners_list_for_a_page_reads_that_page_and_asks_once() -> None:
    store, lists = bootstrap.requests(), bootstrap.request_lists()
    changes = [
        created(sequence=number, at=AT + timedelta(minutes=number)) for number in range(1, 31)
    ]
    for change in changes:
        store.commit(change)
    after = position(changes[25].after)

    with calls_of(tables.client()) as calls:
        found = lists.sift(selected(requestedBy=CLERK.id), after=after, matches=5, rows=2000)

    assert [row.id for row in found.found] == [change.after.id for change in changes[24:19:-1]]
    ((operation, asked),) = calls
    assert (operation, asked["Limit"]) == ("Query", 6)


@pytest.mark.usefixtures("aws")
def test_each_page_of_a_long_list_is_twice_as_long_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_lists, "_READ_AT_ONCE", 5)
    store, lists = bootstrap.requests(), bootstrap.request_lists()
    for number in range(1, 16):
        store.commit(created(sequence=number, at=AT + timedelta(minutes=number)))

    with calls_of(tables.client()) as calls:
        found = lists.sift(selected(department="finance", priority="low"), matches=1, rows=100)

    assert found.found == ()
    assert [asked["Limit"] for _, asked in calls] == [1, 2, 5, 5, 5]


@pytest.mark.usefixtures("aws")
def test_a_page_that_is_empty_and_goes_on_is_gone_on_from() -> None:
    store, lists = bootstrap.requests(), bootstrap.request_lists()
    store.commit(created())
    empty = {"Items": [], "Count": 0, "LastEvaluatedKey": {"pk": {"S": "x"}, "sk": {"S": "x"}}}
    limits: list[int] = []

    def first_an_empty_page(body: bytes) -> tuple[int, dict[str, Any]] | None:
        limits.append(json.loads(body)["Limit"])
        return (200, empty) if len(limits) == 1 else (200, {"Items": [], "Count": 0})

    with answering(tables.client(), "Query", first_an_empty_page):
        assert lists.slice(selected(department="finance"), limit=2) == []

    assert limits == [2, 1]


def test_requests_are_found_by_the_suppliers_they_have_or_had(stores: Stores) -> None:
    first = kept(stores, 1, items=[item_body(supplierId="s-1")])
    second = kept(stores, 2, items=[item_body(supplierId="s-1"), item_body(supplierId="s-2")])
    stores.requests.commit(drafting.remove_item(first.after, 1, CLERK, LATER))

    newer, older = position(second.after), position(first.after)
    assert stores.lists.of_supplier("s-1", DEPARTMENTS, limit=9) == [newer, older]
    assert stores.lists.of_supplier("s-1", DEPARTMENTS, limit=1) == [newer]
    assert stores.lists.of_supplier("s-1", DEPARTMENTS, first=older, limit=9) == [older]
    assert stores.lists.of_supplier("s-2", DEPARTMENTS, limit=9) == [newer]
    assert stores.lists.of_supplier("s-3", DEPARTMENTS, limit=9) == []


def test_the_suppliers_of_other_departments_are_not_looked_at(stores: Stores) -> None:
    own = kept(stores, 1, items=[item_body(supplierId="s-1")])
    other = kept(stores, 2, department="hr", items=[item_body(supplierId="s-1")])

    newer, older = position(other.after), position(own.after)
    assert stores.lists.of_supplier("s-1", ["finance"], limit=9) == [older]
    assert stores.lists.of_supplier("s-1", DEPARTMENTS, limit=9) == [newer, older]
    assert stores.lists.of_supplier("s-1", [], limit=9) == []


def test_older_history_is_read_chunk_by_chunk(stores: Stores) -> None:
    change = waiting(stores, 1, items=[item_body()])
    for number in range(60):
        change = allocations.approve_item(
            change.after, 1, ItemApproval(allocated_amount=Decimal(number + 1)), ADMIN, LATER
        )
        stores.requests.commit(change)
    request = stores.requests.get(change.after.id)

    older = stores.lists.archived_history(request.id, first=0, last=request.archived_history - 1)

    assert len(older) == request.archived_history == 2 * ARCHIVED_AT_ONCE
    assert [entry.action for entry in (*older, *request.history)][:3] == [
        "CREATED",
        "SUBMITTED",
        "ITEM_APPROVED",
    ]


@pytest.mark.usefixtures("aws")
def test_older_history_is_read_as_last_written() -> None:
    """As the request was that says how much of it there is."""
    lists = bootstrap.request_lists()

    with calls_of(tables.client()) as calls:
        lists.archived_history(20260000001, first=0, last=24)

    ((operation, asked),) = calls
    assert (operation, asked.get("ConsistentRead")) == ("Query", True)
