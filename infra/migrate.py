"""Migrating a stack's data beside its service: in pages, at a given rate, resumed where it was cut.

A row is rewritten on the condition that its guard is unchanged; whoever wrote it meanwhile wrote
it as today's code does. What has been done is kept after each page.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from chalicelib.adapters.packing import UnreadableError
from chalicelib.adapters.rows.work import MigrationRow
from chalicelib.domain.events import AuditAction
from infra import operator_audit
from infra.errors import OperatorError
from infra.migrations import MIGRATIONS, Migration
from infra.place import Place, told_clearly
from infra.progress import Report

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef

PAGE = 100
DEFAULT_RATE = 200.0
_REFUSED = "ConditionalCheckFailedException"


class State(BaseModel):
    """How far a migration has come; `position` is the key that was read last."""

    model_config = ConfigDict(frozen=True)

    id: str
    status: Literal["pending", "running", "done"] = "pending"
    position: dict[str, Any] | None = None
    read: int = 0
    rewritten: int = 0
    began_at: datetime | None = None
    done_at: datetime | None = None


def states(place: Place, migrations: Sequence[Migration] = MIGRATIONS) -> list[State]:
    """Return how far each migration has come, in order."""
    with told_clearly():
        return [_state(place, migration) for migration in migrations]


def run(
    place: Place,
    *,
    dry_run: bool = False,
    rate: float = DEFAULT_RATE,
    page: int = PAGE,
    report: Report = lambda _: None,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> list[State]:
    """Do what has not been done yet, in order, and return it; `rate` is rows a second.

    Audit is told of each before it begins, or goes on. A dry run counts from the first row on what
    would be rewritten, and writes nothing. Raises OperatorError; what was done until then is kept,
    and the next run goes on after it.
    """
    ended = []
    with told_clearly():
        for migration in migrations:
            state = _state(place, migration)
            if state.status == "done":
                continue
            if dry_run:
                state = State(id=migration.id)
            else:
                so_far = {"read": state.read, "rewritten": state.rewritten}
                operator_audit.tell(place, AuditAction.MIGRATE, migration.id, so_far)
            for step in _steps(place, migration, state, dry_run=dry_run, rate=rate, page=page):
                state = step
                report(line(state))
            ended.append(state)
    return ended


def line(state: State) -> str:
    """Return how far a migration has come as a line for people."""
    done = f", {state.done_at:%Y-%m-%d %H:%M} UTC" if state.done_at else ""
    to_do = "to be rewritten" if state.status == "pending" else "rewritten"
    counts = f"{state.read} rows read, {state.rewritten} {to_do}"
    return f"{state.id}: {state.status}{done}; {counts}"


def _steps(
    place: Place, migration: Migration, state: State, *, dry_run: bool, rate: float, page: int
) -> Iterator[State]:
    """Go through a table from where the state says, a page a step."""
    table = place.named(migration.table)
    began = datetime.now(UTC)
    state = state.model_copy(update={"began_at": state.began_at or began})
    while True:
        page_began = time.monotonic()
        items, position = _page(place.cloud.dynamodb, table, state.position, page)
        needy = [item for item in items if item["sk"]["S"] == migration.kind]
        rewritten = sum(
            _would_change(migration, item)
            if dry_run
            else _rewrite(place.cloud.dynamodb, table, migration, item)
            for item in needy
        )
        ended = position is None
        state = state.model_copy(
            update={
                "position": position,
                "read": state.read + len(needy),
                "rewritten": state.rewritten + rewritten,
            }
        )
        if not dry_run:
            done = {"status": "done", "done_at": datetime.now(UTC)} if ended else {}
            state = state.model_copy(update={"status": "running", **done})
            _keep(place, state)
        yield state
        if ended:
            return
        time.sleep(max(0.0, len(items) / rate - (time.monotonic() - page_began)))


def _page(
    dynamodb: "DynamoDBClient", table: str, after: dict[str, Any] | None, limit: int
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    asked: ScanInputTypeDef = {"TableName": table, "Limit": limit, "ConsistentRead": True}
    if after:
        asked["ExclusiveStartKey"] = after
    answer = dynamodb.scan(**asked)
    return answer["Items"], answer.get("LastEvaluatedKey")


def _would_change(migration: Migration, item: dict[str, Any]) -> bool:
    return bool(_changes(migration, item))


def _changes(migration: Migration, item: dict[str, Any]) -> dict[str, Any | None]:
    try:
        return migration.changes(item)
    except (ValueError, KeyError, UnreadableError) as error:
        raise OperatorError(
            f"{migration.id} cannot read the row {item['pk']['S']}"
            f" ({type(error).__name__}); nothing after it was done."
        ) from None


def _rewrite(
    dynamodb: "DynamoDBClient", table: str, migration: Migration, item: dict[str, Any]
) -> bool:
    """Rewrite a row that needs it, unless somebody else has written it since it was read."""
    changes = _changes(migration, item)
    if not changes:
        return False
    names = {f"#{n}": name for n, name in enumerate(sorted(changes))}
    sets = [key for key, name in names.items() if changes[name] is not None]
    gone = [key for key, name in names.items() if changes[name] is None]
    clauses = ["SET " + ", ".join(f"{key} = :{key[1:]}" for key in sets)] if sets else []
    clauses += ["REMOVE " + ", ".join(gone)] if gone else []
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression=" ".join(clauses),
            ConditionExpression="#guard = :guard",
            ExpressionAttributeNames=names | {"#guard": migration.guard},
            ExpressionAttributeValues={
                **{f":{key[1:]}": changes[names[key]] for key in sets},
                ":guard": item[migration.guard],
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != _REFUSED:
            raise
        return False
    return True


def _state(place: Place, migration: Migration) -> State:
    row = place.row(MigrationRow, "WorkTableName")
    kept = row.read(_pk(migration.id), "MIGRATION")
    return State.model_validate_json(kept.body) if kept else State(id=migration.id)


def _keep(place: Place, state: State) -> None:
    row = place.row(MigrationRow, "WorkTableName")
    row(_pk(state.id), body=state.model_dump_json()).save()


def _pk(migration_id: str) -> str:
    return f"MIGRATION#{migration_id}"
