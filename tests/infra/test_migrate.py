"""Data are migrated beside the service: each row once, whatever else happens meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.request_rows import summary_in
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.adapters.streams import told_in
from chalicelib.domain import transitions
from infra import migrate
from infra.cloud import Cloud
from infra.errors import OperatorError
from infra.migrations import MIGRATIONS, Item, Migration
from infra.place import Place
from tests.conftest import REGION, Aws, client
from tests.factories import LATER, actor, approval, created
from tests.infra.operated import told_to_audit
from tests.stored import unpacked

TABLE = "test-requests"


@pytest.fixture
def place(aws: Aws) -> Place:  # noqa: ARG001 - it is there
    outputs = {
        "RequestsTableName": TABLE,
        "WorkTableName": "test-work",
        "WebhooksTableName": "test-webhooks",
    }
    return Place(Cloud(region=REGION), "some-stack", outputs, "operator")


@pytest.fixture
def stored(place: Place) -> list[int]:  # noqa: ARG001 - in its tables
    """Requests of each kind: drafts, one waiting, one approved, one deleted."""
    store = bootstrap.requests()
    drafts = [created(sequence=store.next_sequence(2026)) for _ in range(4)]
    for draft in drafts:
        store.commit(draft)
    submitted = transitions.submit(drafts[1].after, actor(), LATER)
    store.commit(submitted)
    return [draft.after.id for draft in drafts]


def rows() -> dict[str, Item]:
    found = client("dynamodb").scan(TableName=TABLE)["Items"]
    return {item["pk"]["S"]: item for item in found if item["sk"]["S"] == "REQUEST"}


def spoil(request_id: int, **attributes: str) -> None:
    """Have a row be as an older release would have written it."""
    client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"REQUEST#{request_id}"}, "sk": {"S": "REQUEST"}},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
        ExpressionAttributeValues={f":{name}": {"S": v} for name, v in attributes.items()},
    )


def unpack(request_id: int) -> None:
    """Have a row be in the form before packing."""
    client("dynamodb").put_item(
        TableName=TABLE, Item=unpacked(dict(rows()[f"REQUEST#{request_id}"]))
    )


def read(request_id: int) -> RequestRow:
    return RequestRow.get(f"REQUEST#{request_id}", "REQUEST", consistent_read=True)


def test_what_is_as_today_needs_nothing(place: Place, stored: list[int]) -> None:
    before = rows()
    (state,) = migrate.run(place)
    assert (state.status, state.read, state.rewritten) == ("done", len(stored), 0)
    assert rows() == before


def test_audit_hears_of_each_migration_before_it_goes_on_and_of_no_dry_run(
    place: Place, stored: list[int], aws: Aws
) -> None:
    migrate.run(place, dry_run=True)
    assert told_to_audit(aws) == []

    migrate.run(place)
    migrate.run(place)  # there is nothing left to do

    (entry,) = told_to_audit(aws)
    assert (entry.action, entry.record_id) == ("MIGRATE", MIGRATIONS[0].id)
    assert entry.new_values == {"read": 0, "rewritten": 0}
    assert len(stored) == len(rows())


def test_what_an_older_release_wrote_becomes_as_today_and_nobody_is_told(
    place: Place, stored: list[int], aws: Aws
) -> None:
    before = rows()
    unpack(stored[0])
    spoil(stored[1], due_for="nobody", department_status="nowhere#AT_ALL")
    spoil(stored[2], linked_to="PR-that-it-lost")
    told = len(aws.streamed("requests")["Records"])

    (state,) = migrate.run(place)

    assert (state.status, state.rewritten) == ("done", 3)
    assert rows() == before
    for record in aws.streamed("requests", after=told)["Records"]:
        images = record["dynamodb"]
        assert told_in(images["NewImage"]) == told_in(images["OldImage"])


def test_attributes_of_a_newer_release_stay(place: Place, stored: list[int]) -> None:
    spoil(stored[0], due_for="nobody", from_tomorrow="kept")
    migrate.run(place)
    assert rows()[f"REQUEST#{stored[0]}"]["from_tomorrow"] == {"S": "kept"}


def test_a_dry_run_counts_and_writes_nothing(place: Place, stored: list[int]) -> None:
    spoil(stored[0], due_for="nobody")
    before = rows()
    (state,) = migrate.run(place, dry_run=True)
    assert (state.read, state.rewritten) == (len(stored), 1)
    assert rows() == before
    assert [each.status for each in migrate.states(place)] == ["pending"]


def test_done_is_done(place: Place, stored: list[int]) -> None:
    migrate.run(place)
    spoil(stored[0], due_for="nobody")
    assert migrate.run(place) == []
    assert [each.status for each in migrate.states(place)] == ["done"]
    assert rows()[f"REQUEST#{stored[0]}"]["due_for"] == {"S": "nobody"}


def test_cut_off_it_goes_on_where_it_was(place: Place, stored: list[int]) -> None:
    for request_id in stored:
        spoil(request_id, due_for="nobody")

    def cut_off(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate.run(place, page=1, report=cut_off)
    (half,) = migrate.states(place)
    assert (half.status, half.rewritten) == ("running", 1)

    (state,) = migrate.run(place, page=1, rate=10_000)
    assert (state.status, state.read, state.rewritten) == ("done", len(stored), len(stored))


def doing_first(migration: Migration, act: Callable[[], None]) -> Migration:
    """Return a migration that is overtaken between its reading a row and its writing it."""

    def rewrite(item: Item) -> Item:
        act()
        return migration.rewrite(item)

    return replace(migration, rewrite=rewrite)


def test_whoever_writes_meanwhile_is_not_undone(place: Place, stored: list[int]) -> None:
    request_id = stored[1]
    spoil(request_id, due_for="nobody")
    store = bootstrap.requests()
    waiting = store.get(request_id)
    body = approval(override=True, overrideReason="It cannot wait")
    change = transitions.approve(waiting, body, actor("SuperAdmin"), LATER)
    pending = [lambda: store.commit(change)]

    def approve_once() -> None:
        if pending:
            pending.pop()()

    (state,) = migrate.run(place, migrations=(doing_first(MIGRATIONS[0], approve_once),))

    assert state.status == "done"
    assert store.get(request_id) == change.after
    assert summary_in(read(request_id).summary).status == "APPROVED"


def test_a_row_that_cannot_be_read_stops_it_by_name(place: Place, stored: list[int]) -> None:
    spoil(stored[2], body='{"a secret": "as it were"}')
    with pytest.raises(OperatorError, match=f"0001-rewrite-requests.*REQUEST#{stored[2]}") as why:
        migrate.run(place)
    assert "secret" not in str(why.value)
    assert [each.status for each in migrate.states(place)] == ["pending"]


def test_numbers_are_in_order_and_names_tell_them_apart() -> None:
    numbers: list[Any] = [migration.number for migration in MIGRATIONS]
    assert numbers == list(range(1, len(MIGRATIONS) + 1))
    assert len({migration.id for migration in MIGRATIONS}) == len(MIGRATIONS)
