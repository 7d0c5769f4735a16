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
from pynamodb.models import Model

from chalicelib.adapters.aws import CONNECT_TIMEOUT_SECONDS, MAX_ATTEMPTS, READ_TIMEOUT_SECONDS

#: Tables get their names from the settings when the process composes itself (`use`).
UNNAMED = "unnamed"


class _Meta:
    table_name = UNNAMED
    connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS
    read_timeout_seconds = READ_TIMEOUT_SECONDS
    max_retry_attempts = MAX_ATTEMPTS - 1


class RequestRow(Model):
    """A request: its state as JSON, and in `outbox` what is told of its last change."""

    class Meta(_Meta):
        """Named by `use`."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="REQUEST")
    version = NumberAttribute()
    status = UnicodeAttribute()
    department = UnicodeAttribute()
    requested_by = UnicodeAttribute()
    body = UnicodeAttribute()
    outbox = UnicodeAttribute()


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
