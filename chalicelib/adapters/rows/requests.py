"""Rows of the table of requests: the request, its older history, its mails, its suppliers."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.adapters.tables import InRequests, PackedAttribute, WholeAttribute


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
    version = WholeAttribute()
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

    by_due = ByDue()


class SupplierRow(InRequests):
    """That a request has, or had, a line of a supplier; the lines themselves are the request's."""

    supplier = UnicodeAttribute()
    listed = UnicodeAttribute()

    by_supplier = BySupplier()


class HistoryRow(InRequests):
    """Older history of a request, a chunk a row."""

    body = UnicodeAttribute()


class NotificationRow(InRequests):
    """A mail that was to be sent for a request; beside the request, so that one query has both.

    `lease_until` is until when a worker is at it, and absent where nobody is to send it any more.
    """

    body = UnicodeAttribute()
    lease_until = WholeAttribute(null=True)
