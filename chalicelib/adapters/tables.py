"""The tables as PynamoDB models: keys and what conditions read are attributes, the rest is JSON.

A request's body is one JSON text: it is read and written as a whole, by code that parses it into
a model anyway, and a map of attributes would cost a Python call a field in both directions.
Amounts are whole cents: DynamoDB numbers are exact, PynamoDB's way through floats is not.
"""

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.adapters.aws import CONNECT_TIMEOUT_SECONDS, MAX_ATTEMPTS, READ_TIMEOUT_SECONDS

#: Tables get their names from the settings when the process composes itself (`use`).
UNNAMED = "unnamed"


class _Meta:
    table_name = UNNAMED
    connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS
    read_timeout_seconds = READ_TIMEOUT_SECONDS
    max_retry_attempts = MAX_ATTEMPTS - 1


class ByOwner(GlobalSecondaryIndex["RequestRow"]):
    """One person's requests in the order of creation."""

    class Meta:
        """Named as in infra/template.yaml."""

        index_name = "by_owner"
        projection = IncludeProjection(["summary"])

    requested_by = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class ByDepartment(GlobalSecondaryIndex["RequestRow"]):
    """A department's requests in the order of creation."""

    class Meta:
        """Named as in infra/template.yaml."""

        index_name = "by_department"
        projection = IncludeProjection(["summary"])

    department = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class ByDepartmentAndStatus(GlobalSecondaryIndex["RequestRow"]):
    """A department's requests of one status in the order of creation."""

    class Meta:
        """Named as in infra/template.yaml."""

        index_name = "by_department_status"
        projection = IncludeProjection(["summary"])

    department_status = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class ByLink(GlobalSecondaryIndex["RequestRow"]):
    """The requests linked to one purchase request."""

    class Meta:
        """Named as in infra/template.yaml."""

        index_name = "by_link"
        projection = IncludeProjection(["summary"])

    linked_to = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class BySupplier(GlobalSecondaryIndex["SupplierRow"]):
    """The requests that have had a line of one supplier."""

    class Meta:
        """Named as in infra/template.yaml."""

        index_name = "by_supplier"
        projection = KeysOnlyProjection()

    supplier = UnicodeAttribute(hash_key=True)
    listed = UnicodeAttribute(range_key=True)


class RequestRow(Model):
    """A request: its state as JSON, and in `outbox` what is told of its last change.

    `listed` is its place in the lists, `summary` what they show of it; a deleted one has neither.
    """

    class Meta(_Meta):
        """Named by `use`."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="REQUEST")
    version = NumberAttribute()
    status = UnicodeAttribute()
    department = UnicodeAttribute()
    requested_by = UnicodeAttribute()
    department_status = UnicodeAttribute(null=True)
    linked_to = UnicodeAttribute(null=True)
    listed = UnicodeAttribute(null=True)
    summary = UnicodeAttribute(null=True)
    body = UnicodeAttribute()
    outbox = UnicodeAttribute()

    by_owner = ByOwner()
    by_department = ByDepartment()
    by_department_status = ByDepartmentAndStatus()
    by_link = ByLink()


class SupplierRow(Model):
    """That a request has, or had, a line of a supplier; the lines themselves are the request's."""

    class Meta(_Meta):
        """Named by `use`; the requests table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    supplier = UnicodeAttribute()
    listed = UnicodeAttribute()

    by_supplier = BySupplier()


class HistoryRow(Model):
    """Older history of a request, a chunk a row."""

    class Meta(_Meta):
        """Named by `use`; the requests table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()


class CountRow(Model):
    """How many requests a department has of each status; written with every change of that."""

    class Meta(_Meta):
        """Named by `use`; the work table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="COUNT")
    PENDING = NumberAttribute(default=0)
    APPROVED = NumberAttribute(default=0)
    REJECTED = NumberAttribute(default=0)
    CANCELLED = NumberAttribute(default=0)


class NotificationRow(Model):
    """A mail that was to be sent for a request; beside the request, so that one query has both."""

    class Meta(_Meta):
        """Named by `use`; the requests table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()


class BudgetRow(Model):
    """A department's budget for a period: what Finance said, and what is left to promise."""

    class Meta(_Meta):
        """Named by `use`."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="BUDGET")
    figures = UnicodeAttribute()
    remaining_cents = NumberAttribute()
    unconfirmed_cents = NumberAttribute()
    available_cents = NumberAttribute()
    confirmations = NumberAttribute()
    last_synced_at = UnicodeAttribute()
    is_stale = BooleanAttribute()
    failed_at = UnicodeAttribute(null=True)


class ConfirmationRow(Model):
    """The mark that Finance has confirmed the hold of one event."""

    class Meta(_Meta):
        """Named by `use`; the budgets table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class SubscriptionRow(Model):
    """A webhook subscription, its signing secret included: the table is encrypted at rest."""

    class Meta(_Meta):
        """Named by `use`; the webhooks table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()
    secret = UnicodeAttribute()


class ApiKeyRow(Model):
    """An API key under its hash: what never changes of it as JSON, what does as attributes."""

    class Meta(_Meta):
        """Named by `use`."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()
    last_used_at = UnicodeAttribute(null=True)
    revoked_by = UnicodeAttribute(null=True)
    revoked_at = UnicodeAttribute(null=True)


class DeliveryRow(Model):
    """One attempt to bring one event to one subscriber."""

    class Meta(_Meta):
        """Named by `use`; the webhooks table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = UnicodeAttribute()
    expires_at = NumberAttribute()


class ClaimRow(Model):
    """A worker's claim on an event: held until its lease ends, or done for good."""

    class Meta(_Meta):
        """Named by `use`; the work table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="CLAIM")
    state = UnicodeAttribute()
    lease_until = NumberAttribute()
    expires_at = NumberAttribute()


class ReceiptRow(Model):
    """The answer of a call that came with an idempotency key."""

    class Meta(_Meta):
        """Named by `use`; the work table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="RECEIPT")
    body = UnicodeAttribute()
    expires_at = NumberAttribute()


class RateRow(Model):
    """What a principal has done in one window."""

    class Meta(_Meta):
        """Named by `use`; the work table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="RATE")
    calls = NumberAttribute()
    creations = NumberAttribute()
    expires_at = NumberAttribute()


class SequenceRow(Model):
    """A year's counter of requests."""

    class Meta(_Meta):
        """Named by `use`; the work table."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="SEQUENCE")
    last = NumberAttribute()


def use(row: type[Model], table_name: str) -> None:
    """Point `row` at the table it lives in."""
    row.Meta.table_name = table_name


def connection(row: type[Model]) -> Connection:
    """Return the connection `row` uses, for transactions."""
    return row._get_connection().connection  # noqa: SLF001 - PynamoDB has no public way to it
