"""The tables as PynamoDB models: keys and what conditions read are attributes, the rest is JSON.

A request is one JSON text, packed (packing.py): it is read and written as a whole, by code that
parses it into a model anyway, and a map of attributes would cost a Python call a field in both
directions.
Amounts are whole cents: DynamoDB numbers are exact, PynamoDB's way through floats is not.
"""

from typing import Any, Self

from pynamodb.attributes import (
    Attribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection, TableConnection
from pynamodb.constants import BINARY, NULL, STRING
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.adapters import aws

#: Tables get their names from the settings when the process composes itself (bootstrap).
UNNAMED = "unnamed"


class _Meta:
    table_name = UNNAMED


class PackedAttribute(Attribute[bytes | str]):
    """JSON as packed bytes; in rows of the form before that, the text itself."""

    attr_type = BINARY

    def get_value(self, value: dict[str, Any]) -> bytes | str:
        """Return what a row has, whichever of the two it is."""
        found: bytes | str = value[BINARY] if BINARY in value else value[STRING]
        return found


class Row(Model):
    """An item of one of our tables.

    All rows share one client: PynamoDB would make one for each kind of row, each with connections
    of its own and some 50 ms of CPU.
    """

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        made = super()._get_connection()
        if made.connection.host is None:  # the command line's rows are elsewhere
            made.connection._client = client()  # noqa: SLF001 - PynamoDB has no public way to it
        return made

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """Return the row of an item that was read, each attribute set once.

        PynamoDB itself sets every default twice before the values: half of the CPU that a page of
        a list had beyond botocore's.
        """
        row = cls.__new__(cls)
        row.attribute_values = values = {}
        for name, attribute in cls.get_attributes().items():
            stored = data.get(attribute.attr_name)
            if stored and NULL not in stored:
                values[name] = attribute.deserialize(attribute.get_value(stored))
            elif attribute.default is not None:
                values[name] = attribute.default
        return row


class InRequests(Row):
    """Requests, with their child rows and mails."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InBudgets(Row):
    """Budgets, and what is held of them."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InWebhooks(Row):
    """Subscriptions and deliveries, and other rows that are told of and end by themselves."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InKeys(Row):
    """API keys and partners' keys."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class InTold(Row):
    """What was told of changes."""

    class Meta(_Meta):
        """Named by the operator's command line alone."""


class InWork(Row):
    """Sequences, totals, claims, receipts, runs of jobs, and the like."""

    class Meta(_Meta):
        """Named when the process composes itself."""


class ListIndex(GlobalSecondaryIndex["RequestRow"]):
    """Requests in the order of creation; each kind is named as in infra/template/tables.yaml."""

    listed = UnicodeAttribute(range_key=True)

    def __init_subclass__(cls, *, index_name: str) -> None:
        projection = IncludeProjection(["summary"])
        cls.Meta = type("Meta", (), {"index_name": index_name, "projection": projection})
        super().__init_subclass__()  # type: ignore[no-untyped-call]  # PynamoDB gives it no types


class ByOwner(ListIndex, index_name="by_owner"):
    """One person's requests."""

    requested_by = UnicodeAttribute(hash_key=True)


class ByDepartment(ListIndex, index_name="by_department"):
    """A department's requests."""

    department = UnicodeAttribute(hash_key=True)


class ByDepartmentAndStatus(ListIndex, index_name="by_department_status"):
    """A department's requests of one status."""

    department_status = UnicodeAttribute(hash_key=True)


class ByLink(ListIndex, index_name="by_link"):
    """The requests linked to one purchase request."""

    linked_to = UnicodeAttribute(hash_key=True)


class ByDue(GlobalSecondaryIndex["RequestRow"]):
    """The requests that time changes something about, by when it does; sparse."""

    class Meta:
        """Named as in infra/template/tables.yaml."""

        index_name = "by_due"
        projection = IncludeProjection(["summary"])

    due_for = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class BySupplier(GlobalSecondaryIndex["SupplierRow"]):
    """A department's requests that have had a line of one supplier: `department#supplier`."""

    class Meta:
        """Named as in infra/template/tables.yaml."""

        index_name = "by_supplier"
        projection = KeysOnlyProjection()

    supplier = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class RequestRow(InRequests):
    """A request: in `body` its state and what is told of its last change (request_rows.py).

    `listed` is its place in the lists, `summary` what they show of it; a deleted one has neither.
    `due_for` and `due_at` say what is to be looked at next, and when; most have neither. What is
    told stands in `outbox` in rows of the form before packing.
    """

    sk = UnicodeAttribute(range_key=True, default="REQUEST")
    version = NumberAttribute()
    department = UnicodeAttribute()
    requested_by = UnicodeAttribute()
    department_status = UnicodeAttribute(null=True)
    linked_to = UnicodeAttribute(null=True)
    listed = UnicodeAttribute(null=True)
    due_for = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    summary = PackedAttribute(null=True)
    body = PackedAttribute()
    outbox = UnicodeAttribute(null=True)

    by_owner = ByOwner()
    by_department = ByDepartment()
    by_department_status = ByDepartmentAndStatus()
    by_link = ByLink()
    by_due = ByDue()


class SupplierRow(InRequests):
    """That a request has, or had, a line of a supplier; the lines themselves are the request's."""

    supplier = UnicodeAttribute()
    listed = UnicodeAttribute()

    by_supplier = BySupplier()


class HistoryRow(InRequests):
    """Older history of a request, a chunk a row."""

    body = UnicodeAttribute()


class TotalsRow(InWork):
    """What a department's requests come to, a number a figure; written with every commit."""

    sk = UnicodeAttribute(range_key=True, default="TOTALS")
    generation = NumberAttribute(default=0)
    changed_at = UnicodeAttribute(null=True)
    pending = NumberAttribute(default=0)
    approved = NumberAttribute(default=0)
    rejected = NumberAttribute(default=0)
    cancelled = NumberAttribute(default=0)
    drafts = NumberAttribute(default=0)
    pending_cents = NumberAttribute(default=0)
    approved_cents = NumberAttribute(default=0)
    rejected_cents = NumberAttribute(default=0)
    cancelled_cents = NumberAttribute(default=0)
    reserved_cents = NumberAttribute(default=0)
    decided = NumberAttribute(default=0)
    approved_ever = NumberAttribute(default=0)
    waited_seconds = NumberAttribute(default=0)
    overdue = NumberAttribute(default=0)


class NotificationRow(InRequests):
    """A mail that was to be sent for a request; beside the request, so that one query has both.

    `lease_until` is until when a worker is at it, and absent where nobody is to send it any more.
    """

    body = UnicodeAttribute()
    lease_until = NumberAttribute(null=True)


class BudgetRow(InBudgets):
    """A department's budget for a period: what Finance said, and what is left to promise.

    Without `figures` the budget is unknown, however much an override holds of it. `fetches` counts
    the fetches that began, `figures_fetch` is the one that brought these figures.

    What is claimed is held, or was begun to be released at Finance; what is reserved was confirmed
    by it. The amounts of all it was begun to be told are sent, of all it confirmed, heard; the last
    three only grow, but that what it refuses was not sent. So `remaining + reserved - claimed` is
    what is available, where what Finance knew when it looked is known to us.
    """

    sk = UnicodeAttribute(range_key=True, default="BUDGET")
    figures = UnicodeAttribute(null=True)
    figures_version = NumberAttribute(null=True)
    figures_fetch = NumberAttribute(null=True)
    fetches = NumberAttribute(null=True)
    remaining_cents = NumberAttribute(null=True)
    claimed_cents = NumberAttribute(null=True)
    reserved_cents = NumberAttribute(null=True)
    sent_cents = NumberAttribute(null=True)
    heard_cents = NumberAttribute(null=True)
    available_cents = NumberAttribute(null=True)
    doubt_cents = NumberAttribute(null=True)
    last_synced_at = UnicodeAttribute(null=True)
    is_stale = BooleanAttribute(null=True)
    failed_at = UnicodeAttribute(null=True)
    failure = UnicodeAttribute(null=True)
    over_committed_since = UnicodeAttribute(null=True)
    events_so_far = NumberAttribute(null=True)


class FiguresRow(InBudgets):
    """What Finance once said of a budget, one row for each time it said something different."""

    body = UnicodeAttribute()


class BudgetOutboxRow(InBudgets):
    """What is told of the last sync of a budget.

    Apart from the budget itself, whose every hold would wake the relay with it again.
    """

    sk = UnicodeAttribute(range_key=True, default="OUTBOX")
    outbox = UnicodeAttribute()


class HoldRow(InBudgets):
    """How far a hold, named by its approval's event, has come with Finance; no row for nothing."""

    stage = NumberAttribute()


class SubscriptionRow(InWebhooks):
    """A webhook subscription, its signing secrets included: the table is encrypted at rest.

    `outbox` is what is told of its last change, and all of the row that the relay passes on. One
    that was removed has no secrets, and leaves by itself.
    """

    version = NumberAttribute(null=True)
    body = UnicodeAttribute()
    secret = UnicodeAttribute(null=True)
    old_secrets = UnicodeAttribute(null=True)
    outbox = UnicodeAttribute()
    expires_at = NumberAttribute(null=True)


class ApiKeyRow(InKeys):
    """An API key under its hash: what never changes of it as JSON, what does as attributes.

    `outbox` is what is told of its making, then of its end.
    """

    body = UnicodeAttribute()
    outbox = UnicodeAttribute()
    last_used_at = UnicodeAttribute(null=True)
    revoked_by = UnicodeAttribute(null=True)
    revoked_at = UnicodeAttribute(null=True)


class BusKeyRow(InKeys):
    """A partner's key on the bus: what never changes of it as JSON, what does as attributes.

    `outbox` is what is told of its making, then of its end.
    """

    body = UnicodeAttribute()
    outbox = UnicodeAttribute()
    revoked_by = UnicodeAttribute(null=True)
    revoked_at = UnicodeAttribute(null=True)


class ByDueDelivery(GlobalSecondaryIndex["DeliveryRow"]):
    """The deliveries whose next attempt is not in the queue, by subscription and when it is due.

    Sparse; a partition a subscription, so that whoever reads them can give each its turn.
    """

    class Meta:
        """Named as in infra/template/tables.yaml."""

        index_name = "by_due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = UnicodeAttribute(range_key=True)


class DeliveryRow(InWebhooks):
    """One event on its way to one subscriber, with its attempts."""

    version = NumberAttribute()
    body = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()

    by_due = ByDueDelivery()


class EventRow(InWebhooks):
    """An event that somebody subscribed to, for its deliveries."""

    sk = UnicodeAttribute(range_key=True, default="EVENT")
    body = UnicodeAttribute()
    expires_at = NumberAttribute()


class AuditOutboxRow(InWebhooks):
    """What Audit is to be told and its queue did not take: the relay takes it from the stream."""

    sk = UnicodeAttribute(range_key=True, default="OUTBOX")
    outbox = UnicodeAttribute()
    expires_at = NumberAttribute()


class ToldRow(InTold):
    """What was told of one change: the outbox of its row, as it was then."""

    outbox = UnicodeAttribute()
    expires_at = NumberAttribute()


class ClaimRow(InWork):
    """A worker's claim on an event: held until its lease ends, or done for good."""

    sk = UnicodeAttribute(range_key=True, default="CLAIM")
    state = UnicodeAttribute()
    lease_until = NumberAttribute()
    expires_at = NumberAttribute()


class ReceiptRow(InWork):
    """The answer of a call that came with an idempotency key."""

    sk = UnicodeAttribute(range_key=True, default="RECEIPT")
    body = UnicodeAttribute()
    expires_at = NumberAttribute()


class JobRunRow(InWork):
    """One run of a job; `open_parts` counts its parts, and is missing once it has ended."""

    body = UnicodeAttribute()
    open_parts = NumberAttribute(null=True)
    expires_at = NumberAttribute()


class JobLeaseRow(InWork):
    """Which run may work on a job, until its lease ends; `token` is that of its current part.

    `task` is what the run was asked.
    """

    sk = UnicodeAttribute(range_key=True, default="LEASE")
    run_id = UnicodeAttribute()
    task = UnicodeAttribute()
    token = UnicodeAttribute()
    lease_until = NumberAttribute()


class ParkedRow(InWork):
    """A message of a partner that was refused, for who looks into it."""

    body = UnicodeAttribute()
    expires_at = NumberAttribute()


class HitsRow(InWork):
    """How often caches had what they were asked for on one day."""

    sk = UnicodeAttribute(range_key=True, default="HITS")
    hits = NumberAttribute()
    misses = NumberAttribute()
    expires_at = NumberAttribute()


class AggregateRow(InWork):
    """What the requests that a department created on a day came to."""

    body = UnicodeAttribute()


class MigrationRow(InWork):
    """How far a migration of the data has come (`python -m infra migrate`)."""

    sk = UnicodeAttribute(range_key=True, default="MIGRATION")
    body = UnicodeAttribute()


class SequenceRow(InWork):
    """A year's counter of requests."""

    sk = UnicodeAttribute(range_key=True, default="SEQUENCE")
    last = NumberAttribute()


def client() -> Any:  # noqa: ANN401 - botocore makes its clients' classes at run time
    """Return the client that all rows share."""
    return aws.client("dynamodb")


def connection(row: type[Row]) -> Connection:
    """Return the connection `row` uses, for transactions."""
    return row._get_connection().connection  # noqa: SLF001 - PynamoDB has no public way to it
