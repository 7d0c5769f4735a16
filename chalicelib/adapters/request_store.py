"""Requests in DynamoDB: one item a request, one transaction a commit."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from chalicelib.adapters.keys import NOTIFICATIONS, request_pk
from chalicelib.adapters.money_parts import money_parts
from chalicelib.adapters.outbox import outbox
from chalicelib.adapters.receipts import receipt_part
from chalicelib.adapters.request_parts import rows_beside, totals
from chalicelib.adapters.request_rows import request_in, row_of
from chalicelib.adapters.rows.counters import SequenceRow
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.adapters.tables import client
from chalicelib.adapters.transactions import Item, Part, Said, put, transact
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import (
    ConflictError,
    FieldError,
    InvalidInputError,
    RequestNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import Stored

#: DynamoDB takes no more than 4 MB in one transaction; the rest is for what goes with the requests.
MAX_REQUESTS_BYTES = 3_800_000

_SK = "REQUEST"


class DynamoRequestStore:
    """The RequestStore on DynamoDB."""

    def next_sequence(self, year: int) -> int:
        """Raise the year's counter by one and return it."""
        answer = client().update_item(
            TableName=SequenceRow.Meta.table_name,
            Key={"pk": {"S": f"SEQUENCE#{year}"}, "sk": {"S": "SEQUENCE"}},
            UpdateExpression="ADD #last :one",
            ExpressionAttributeNames={"#last": "last"},
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["last"]["N"])

    def get(self, request_id: int) -> BudgetRequest:
        """Return a request as last committed; raises RequestNotFoundError."""
        row = RequestRow.read(request_pk(request_id), _SK)
        if row is None:
            raise RequestNotFoundError
        return _existing(row)

    def get_with_mails(self, request_id: int, *, mails: int) -> Stored:
        """Return a request with its newest mails, in one consistent query."""
        found = client().query(
            TableName=RequestRow.Meta.table_name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :mails AND :request",
            ExpressionAttributeValues={
                ":pk": {"S": request_pk(request_id)},
                ":mails": {"S": NOTIFICATIONS},
                ":request": {"S": _SK},
            },
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=1 + mails,
        )
        rows = [RequestRow.from_raw_data(item) for item in found["Items"]]
        if not rows:
            raise RequestNotFoundError
        return Stored(
            tuple(row.body for row in rows), lambda: (_existing(rows[0]), _notifications(rows[1:]))
        )

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        """Return those of the requests that exist, in one round trip."""
        keys = [(request_pk(request_id), _SK) for request_id in request_ids]
        rows = RequestRow.read_many(keys)
        requests = map(request_in, rows)
        return {request.id: request for request in requests if not request.is_deleted}

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Write changes whole or not at all, in one transaction."""
        with suppress(_AlreadyWrittenError):
            _write(changes, receipt)


class _AlreadyWrittenError(Exception):
    """A retry of our own write, whose answer was lost, has met itself: it is all there."""


def _existing(row: RequestRow) -> BudgetRequest:
    request = request_in(row)
    if request.is_deleted:
        raise RequestNotFoundError
    return request


def _notifications(rows: Sequence[RequestRow]) -> tuple[Notification, ...]:
    return tuple(Notification.model_validate_json(row.body) for row in rows)


def _write(changes: Sequence[Change], receipt: Receipt | None) -> None:
    parts: list[Part] = []
    if receipt:
        parts.append(receipt_part(receipt, datetime.now(UTC)))
    rows = [row_of(change.after, outbox(change.events, change.audit)) for change in changes]
    if len(rows) > 1 and sum(map(_size, rows)) > MAX_REQUESTS_BYTES:
        wrong = "name requests that are too large to be written together; name fewer"
        raise InvalidInputError((FieldError("ids", wrong),))
    for change, row in zip(changes, rows, strict=True):
        parts += [_request_part(change, row), *rows_beside(change)]
    transact(*parts, *money_parts(changes), *totals(changes))


def _request_part(change: Change, row: RequestRow) -> Part:
    condition = _unchanged_since(change)

    def refused(known: Item) -> Exception:
        is_ours = known.get("body", {}).get("B") == row.body
        return _AlreadyWrittenError() if is_ours else ConflictError()

    return Part(lambda: put(row, condition), refused)


def _size(row: RequestRow) -> int:
    """Return how large a row is, but for its names and keys (bytes)."""
    return len(row.body) + len(row.summary or b"")


def _unchanged_since(change: Change) -> Said:
    if change.before is None:
        return Said("attribute_not_exists(pk)")
    return Said("version = :before", {":before": change.before.version})
