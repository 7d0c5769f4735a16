"""Requests in DynamoDB: one item a request, one transaction a commit."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import CancellationReason
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.keys import NOTIFICATIONS, department_status, due_at, due_for, request_pk
from chalicelib.adapters.money_parts import HoldConfirmedError, money_parts
from chalicelib.adapters.receipts import receipt_part
from chalicelib.adapters.request_parts import rows_beside, totals
from chalicelib.adapters.tables import RequestRow, SequenceRow
from chalicelib.adapters.transactions import Part, transact
from chalicelib.domain.changes import Change
from chalicelib.domain.deadlines import due
from chalicelib.domain.errors import (
    ConflictError,
    FieldError,
    InvalidInputError,
    RequestNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.listing import Summary, position
from chalicelib.domain.messages import Outbox
from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import Stored

#: DynamoDB takes no more than 4 MB in one transaction; the rest is for what goes with the requests.
MAX_REQUESTS_BYTES = 3_800_000


class DynamoRequestStore:
    """The RequestStore on DynamoDB."""

    def next_sequence(self, year: int) -> int:
        """Raise the year's counter by one and return it."""
        row = SequenceRow(f"SEQUENCE#{year}")
        row.update(actions=[SequenceRow.last.add(1)])
        return int(row.last)

    def get(self, request_id: int) -> BudgetRequest:
        """Return a request as last committed; raises RequestNotFoundError."""
        try:
            row = RequestRow.get(request_pk(request_id), "REQUEST", consistent_read=True)
        except RequestRow.DoesNotExist:
            raise RequestNotFoundError from None
        return _parsed(row.body)

    def get_with_mails(self, request_id: int, *, mails: int) -> Stored:
        """Return a request with its newest mails, in one consistent query."""
        rows = RequestRow.query(
            request_pk(request_id),
            RequestRow.sk.between(NOTIFICATIONS, "REQUEST"),
            consistent_read=True,
            scan_index_forward=False,
            limit=1 + mails,
        )
        text = tuple(row.body for row in rows)
        if not text:
            raise RequestNotFoundError
        return Stored(text, lambda: (_parsed(text[0]), _notifications(text[1:])))

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        """Return those of the requests that exist, in one round trip."""
        keys = [(request_pk(request_id), "REQUEST") for request_id in request_ids]
        rows = RequestRow.batch_get(keys, consistent_read=True)
        requests = (BudgetRequest.model_validate_json(row.body) for row in rows)
        return {request.id: request for request in requests if not request.is_deleted}

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Write changes whole or not at all, in one transaction."""
        confirmed: set[str] = set()
        while True:  # once more, at most, for each hold that ends
            try:
                _write(changes, receipt, confirmed)
            except _AlreadyWrittenError:
                return
            except HoldConfirmedError as error:
                confirmed.add(error.event_id)
            else:
                return


class _AlreadyWrittenError(Exception):
    """A retry of our own write, whose answer was lost, has met itself: it is all there."""


def _parsed(body: str) -> BudgetRequest:
    request = BudgetRequest.model_validate_json(body)
    if request.is_deleted:
        raise RequestNotFoundError
    return request


def _notifications(bodies: Sequence[str]) -> tuple[Notification, ...]:
    return tuple(Notification.model_validate_json(body) for body in bodies)


def _write(changes: Sequence[Change], receipt: Receipt | None, confirmed: Collection[str]) -> None:
    puts: list[Part] = []
    if receipt:
        puts.append(receipt_part(receipt, datetime.now(UTC)))
    rows = [request_row(change) for change in changes]
    if len(rows) > 1 and sum(map(_size, rows)) > MAX_REQUESTS_BYTES:
        wrong = "name requests that are too large to be written together; name fewer"
        raise InvalidInputError((FieldError("ids", wrong),))
    for change, row in zip(changes, rows, strict=True):
        puts += [_request_part(change, row), *rows_beside(change)]
    transact(puts, updates=[*money_parts(changes, confirmed), *totals(changes)])


def _request_part(change: Change, row: RequestRow) -> Part:
    condition = _unchanged_since(change)

    def add(transaction: TransactWrite) -> None:
        transaction.save(row, condition=condition, return_values=ALL_OLD)

    def refused(reason: CancellationReason) -> Exception:
        known = (reason.raw_item or {}).get("body", {}).get("S")
        return _AlreadyWrittenError() if known == row.body else ConflictError()

    return Part(add, refused)


def _size(row: RequestRow) -> int:
    """Return how large a row is, but for its names and keys (bytes)."""
    return sum(len(text.encode()) for text in (row.body, row.outbox, row.summary or ""))


def request_row(change: Change) -> RequestRow:
    """Return the item that a change makes of its request."""
    after = change.after
    row = RequestRow(
        pk=request_pk(after.id),
        version=after.version,
        status=after.status.value,
        department=after.department,
        requested_by=after.requested_by,
        body=after.model_dump_json(exclude_none=True),  # most fields of most requests are none
        outbox=Outbox(events=change.events, audit=change.audit).model_dump_json(),
    )
    if not after.is_deleted:  # what is deleted leaves the list indexes
        row.listed = position(after)
        row.department_status = department_status(after.department, after.status)
        row.linked_to = after.linked_purchase_request_id
        row.summary = Summary.of(after).model_dump_json(exclude_none=True)
    next_look = due(after)
    if next_look:
        row.due_for = due_for(after.department, next_look.kind)
        row.due_at = due_at(next_look.at, after.id)
    return row


def _unchanged_since(change: Change) -> Condition:
    if change.before is None:
        return RequestRow.pk.does_not_exist()
    return RequestRow.version == change.before.version
