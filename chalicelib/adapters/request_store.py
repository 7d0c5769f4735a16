"""Requests in DynamoDB: one item a request, one conditional write or transaction a commit."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from pynamodb.constants import ALL_OLD
from pynamodb.exceptions import CancellationReason, PutError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.budget_store import confirmation
from chalicelib.adapters.keys import budget_pk, department_status, request_pk
from chalicelib.adapters.receipts import receipt_part
from chalicelib.adapters.request_parts import counts, rows_beside
from chalicelib.adapters.tables import BudgetRow, ConfirmationRow, RequestRow, SequenceRow
from chalicelib.adapters.transactions import Part, transact
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey, Release
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    ConflictError,
    InsufficientBudgetError,
    RequestNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.listing import Summary, position
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest, Change


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
        request = BudgetRequest.model_validate_json(row.body)
        if request.is_deleted:
            raise RequestNotFoundError
        return request

    def get_many(self, request_ids: Sequence[int]) -> dict[int, BudgetRequest]:
        """Return those of the requests that exist, in one round trip."""
        keys = [(request_pk(request_id), "REQUEST") for request_id in request_ids]
        rows = RequestRow.batch_get(keys, consistent_read=True)
        requests = (BudgetRequest.model_validate_json(row.body) for row in rows)
        return {request.id: request for request in requests if not request.is_deleted}

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        """Write changes whole or not at all: one conditional put, or one transaction."""
        try:
            try:
                _write(changes, receipt, still_unconfirmed=True)
            except _AlreadyConfirmedError:
                _write(changes, receipt, still_unconfirmed=False)
        except _AlreadyWrittenError:
            return


class _AlreadyWrittenError(Exception):
    """A retry of our own write, whose answer was lost, has met itself: it is all there."""


class _AlreadyConfirmedError(Exception):
    """Finance has confirmed a hold that is being released."""


def _put(change: Change) -> None:
    row = request_row(change)
    try:
        row.save(condition=_unchanged_since(change))
    except PutError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        if _body_of(row.pk) == row.body:
            raise _AlreadyWrittenError from None
        raise ConflictError from None


def _write(changes: Sequence[Change], receipt: Receipt | None, *, still_unconfirmed: bool) -> None:
    puts: list[Part] = []
    updates: list[Part] = []
    holds: dict[BudgetKey, Decimal] = defaultdict(Decimal)
    if receipt:
        puts.append(receipt_part(receipt, datetime.now(UTC)))
    for change in changes:
        puts += [_request_part(change), *rows_beside(change)]
        if change.hold:
            holds[change.hold.key] += change.hold.amount
        if change.release:
            if still_unconfirmed:
                puts.append(_confirmation_part(change.release))
            updates.append(_release_part(change.release, still_unconfirmed=still_unconfirmed))
    # A transaction takes an item once: holds on one budget are one write.
    updates += [_hold_part(key, amount) for key, amount in holds.items()]
    updates += counts(changes)
    if len(puts) == 1 and not updates:
        _put(changes[0])  # one item is half the price outside a transaction
    else:
        transact(puts, updates)


def _request_part(change: Change) -> Part:
    row, condition = request_row(change), _unchanged_since(change)

    def add(transaction: TransactWrite) -> None:
        transaction.save(row, condition=condition, return_values=ALL_OLD)

    def refused(reason: CancellationReason) -> Exception:
        known = (reason.raw_item or {}).get("body", {}).get("S")
        return _AlreadyWrittenError() if known == row.body else ConflictError()

    return Part(add, refused)


def _hold_part(key: BudgetKey, amount: Decimal) -> Part:
    cents = money.to_cents(amount)

    def add(transaction: TransactWrite) -> None:
        transaction.update(
            BudgetRow(budget_pk(key)),
            actions=[
                BudgetRow.available_cents.set(BudgetRow.available_cents - cents),
                BudgetRow.unconfirmed_cents.set(BudgetRow.unconfirmed_cents + cents),
            ],
            condition=BudgetRow.available_cents >= cents,
            return_values=ALL_OLD,
        )

    def refused(reason: CancellationReason) -> BudgetRequestsError:
        if not reason.raw_item:
            return BudgetUnknownError(str(key))
        available = money.from_cents(int(reason.raw_item["available_cents"]["N"]))
        return InsufficientBudgetError(needed=str(amount), available=str(available))

    return Part(add, refused)


def _release_part(release: Release, *, still_unconfirmed: bool) -> Part:
    """Give money back; what Finance never confirmed is no longer to be counted as unconfirmed.

    What Finance did confirm stays in its figures until it has heard of the release: a sync in
    between makes `available` too small until the next one, never too large.
    """
    cents = money.to_cents(release.amount)
    actions: list[Action] = [BudgetRow.available_cents.set(BudgetRow.available_cents + cents)]
    if still_unconfirmed:
        actions.append(BudgetRow.unconfirmed_cents.set(BudgetRow.unconfirmed_cents - cents))

    def add(transaction: TransactWrite) -> None:
        row = BudgetRow(budget_pk(release.key))
        transaction.update(row, actions=actions, condition=BudgetRow.pk.exists())

    return Part(add, lambda _: BudgetUnknownError(str(release.key)))


def _confirmation_part(release: Release) -> Part:
    """Mark the hold as settled, so that a confirmation that comes late does not count it again."""
    row = confirmation(release.key, release.hold_event_id)

    def add(transaction: TransactWrite) -> None:
        transaction.save(row, condition=ConfirmationRow.pk.does_not_exist())

    return Part(add, lambda _: _AlreadyConfirmedError())


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
    return row


def _unchanged_since(change: Change) -> Condition:
    if change.before is None:
        return RequestRow.pk.does_not_exist()
    return RequestRow.version == change.before.version


def _body_of(pk: str) -> str | None:
    try:
        return RequestRow.get(pk, "REQUEST", consistent_read=True).body
    except RequestRow.DoesNotExist:
        return None
