"""Rows go to a file and come back as they were; what is not whole is refused whole."""

import gzip
import stat
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.handlers.relay import relay
from infra import backup
from infra.cloud import Cloud
from infra.errors import OperatorError
from infra.place import Place
from tests import stored
from tests.conftest import REGION, TABLES, Aws, client, make_tables
from tests.factories import created
from tests.infra.operated import told_to_audit


@pytest.fixture
def place(aws: Aws) -> Place:  # noqa: ARG001 - it is there
    outputs = {f"{name.capitalize()}TableName": f"test-{name}" for name in TABLES}
    return Place(Cloud(region=REGION), "some-stack", outputs, "operator")


@pytest.fixture
def file(place: Place, tmp_path: Path) -> Path:
    """A backup of forty requests and a row with bytes."""
    store = bootstrap.requests()
    for _ in range(40):
        store.commit(created(sequence=store.next_sequence(2026)))
    row = {"pk": {"S": "x"}, "sk": {"S": "x"}, "packed": {"B": b"\x00\xff"}}
    client("dynamodb").put_item(TableName="test-webhooks", Item=row)
    told = {"pk": {"S": "TOLD#day"}, "sk": {"S": "time#id"}, "outbox": {"S": "{}"}}
    client("dynamodb").put_item(TableName="test-told", Item=told)
    path = tmp_path / "rows.gz"
    counts = backup.write(place, path, suffix="", report=lambda _: None)
    assert counts == {"Budgets": 0, "Keys": 0, "Requests": 40, "Told": 1, "Webhooks": 1, "Work": 2}
    return path


def everything(aws: Aws) -> list[dict[str, Any]]:
    """Return all rows, but for what they tell: of requests what they say is read."""
    rows = [(name, row) for name in TABLES for row in aws.rows(name)]
    return sorted(({"table": name} | _said(name, row) for name, row in rows), key=str)


def _said(table: str, row: dict[str, Any]) -> dict[str, Any]:
    if table == "requests" and row["sk"]["S"] == "REQUEST":
        return row | {"body": stored.state(row)}
    return row if table == "told" else {k: v for k, v in row.items() if k != "outbox"}


def test_what_comes_back_is_what_was_there_and_tells_nobody(
    place: Place, aws: Aws, file: Path, environment: dict[str, str]
) -> None:
    before = everything(aws)
    make_tables(environment)

    backup.restore(place, file, report=lambda _: None)

    (entry,) = told_to_audit(aws)
    assert (entry.action, entry.record_id) == ("RESTORE", "some-stack")
    assert entry.new_values == {"file": "rows.gz", "rows": 44}
    assert [row for row in everything(aws) if row["pk"]["S"] != f"AUDIT#{entry.id}"] == before
    relay(aws.streamed("requests"), None)
    assert aws.on_the_bus() == []
    store = bootstrap.requests()
    assert store.next_sequence(2026) == 41
    assert store.get(20260000007).request_code == "BR-2026-007"


def test_a_backup_is_for_its_owner_and_never_overwrites(place: Place, file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        backup.write(place, file, suffix="", report=lambda _: None)


def test_a_backup_that_fails_leaves_no_file(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "none.gz"
    with pytest.raises(OperatorError, match="not found"):
        backup.write(place, path, suffix="-restored", report=lambda _: None)
    assert not path.exists()


def test_a_stack_that_has_requests_takes_none(place: Place, aws: Aws, file: Path) -> None:
    before = everything(aws)
    with pytest.raises(OperatorError, match="some-stack has requests"):
        backup.restore(place, file, report=lambda _: None)
    assert everything(aws) == before


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_file_that_was_cut_off_is_refused_before_anything_is_written(
    place: Place, aws: Aws, file: Path, environment: dict[str, str], kept: int
) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    make_tables(environment)
    with pytest.raises(OperatorError, match=r"rows\.gz (cannot be read|is no backup)"):
        backup.restore(place, file, report=lambda _: None)
    assert everything(aws) == []


def test_a_file_that_lacks_its_last_rows_is_refused_before_anything_is_written(
    place: Place, aws: Aws, file: Path, environment: dict[str, str]
) -> None:
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[:-5])))
    make_tables(environment)
    with pytest.raises(OperatorError, match="is not whole"):
        backup.restore(place, file, report=lambda _: None)
    assert everything(aws) == []


def test_another_file_is_no_backup(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "rows.gz"
    other.write_text("budget,amount\n")
    with pytest.raises(OperatorError, match="cannot be read"):
        backup.restore(place, other, report=lambda _: None)
