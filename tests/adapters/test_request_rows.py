"""The rows of requests: small; the form before packing is read as today's and can be rewritten."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.keys import request_pk
from chalicelib.adapters.packing import text_of
from chalicelib.adapters.request_rows import request_in, rewritten, row_of, summary_in, told_by
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain import drafting, transitions
from chalicelib.domain.changes import Change
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.listing import Selection, Summary
from chalicelib.domain.messages import Outbox
from tests.conftest import Aws, client
from tests.factories import ADMIN, AT, CLERK, approved, created, item_body, rejection, submitted
from tests.stored import unpacked

#: Three lines of two suppliers, and why: what a request is as a rule.
USUAL: dict[str, Any] = {
    "justification": "The machines of the team are seven years old and get no more updates. " * 2,
    "items": [
        item_body(itemName=f"Laptop {size}", supplierId=f"s-{size % 2}", supplierName="Desks & Co")
        for size in (13, 14, 15)
    ],
}


def told(change: Change) -> Outbox:
    return Outbox(events=change.events, audit=change.audit)


def read(change: Change) -> RequestRow:
    return RequestRow.get(request_pk(change.after.id), "REQUEST", consistent_read=True)


def keep_unpacked(change: Change) -> None:
    """Keep a request in the form before packing."""
    bootstrap.requests()
    item = unpacked(row_of(change.after, told(change)).serialize())
    client("dynamodb").put_item(TableName="test-requests", Item=item)


@pytest.fixture
def old(aws: Aws) -> Change:  # noqa: ARG001 - the tables
    """A request that waits for review, in a row of the form before packing."""
    change = submitted(**USUAL)
    keep_unpacked(change)
    assert isinstance(read(change).body, str)
    return change


@pytest.mark.parametrize("change", [created(**USUAL), submitted(**USUAL), approved(**USUAL)])
def test_a_usual_request_and_what_is_told_of_it_fit_a_kilobyte(change: Change) -> None:
    row = row_of(change.after, told(change))

    attributes = row.serialize()
    size = sum(len(name) + len(*typed.values()) for name, typed in attributes.items())
    assert size <= 1024
    shown = {"pk", "sk", "listed", "department_status", "summary"}
    listed = sum(len(name) + len(*attributes[name].values()) for name in shown)
    assert 20 * listed <= 8192  # a page of 20 in one read unit


@pytest.mark.parametrize(
    "change",
    [
        created(**USUAL),
        created(category="capital", linkedPurchaseRequestId="pr-1", linkedPurchaseRequestRefNo="7"),
        submitted(),
        approved(),
    ],
)
def test_a_summary_is_that_of_the_request(change: Change) -> None:
    row = row_of(change.after, told(change))

    assert text_of(row.summary) == Summary.of(change.after).model_dump_json(exclude_none=True)
    assert summary_in(row.summary) == Summary.of(change.after)


def test_a_row_of_the_form_before_packing_is_read_as_any_other(old: Change) -> None:
    store, lists = bootstrap.requests(), bootstrap.request_lists()

    assert store.get(old.after.id) == old.after
    assert store.get_with_mails(old.after.id, mails=5).open() == (old.after, ())
    assert store.get_many([old.after.id]) == {old.after.id: old.after}
    everything = Selection.created_on(AT.date(), "finance")
    assert lists.slice(everything, limit=9) == [Summary.of(old.after)]
    until = AT + timedelta(days=99)
    (due,) = bootstrap.due_requests().page("finance", DueKind.REVIEW, until=until, limit=9)
    assert due.summary == Summary.of(old.after)


def test_a_change_of_such_a_row_packs_it(old: Change) -> None:
    bootstrap.requests().commit(transitions.reject(old.after, rejection(), ADMIN, AT))

    row = read(old)
    assert isinstance(row.body, bytes)
    assert row.serialize()["summary"].keys() == {"B"}
    assert "outbox" not in row.serialize()


def test_such_a_row_can_be_packed_and_says_and_tells_the_same(old: Change) -> None:
    rewritten(read(old)).save()

    again = read(old)
    assert isinstance(again.body, bytes)
    assert (request_in(again), told_by(again)) == (old.after, told(old).model_dump_json())
    assert again.serialize().keys() == row_of(old.after, told(old)).serialize().keys()


def test_a_deleted_one_can_be_packed_as_well(aws: Aws) -> None:  # noqa: ARG001 - the tables
    change = drafting.delete(created().after, CLERK, AT)
    keep_unpacked(change)

    rewritten(read(change)).save()

    again = read(change)
    assert (request_in(again), told_by(again)) == (change.after, told(change).model_dump_json())
    assert again.serialize().keys() == row_of(change.after, told(change)).serialize().keys()
