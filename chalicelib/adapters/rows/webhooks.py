"""Rows of subscriptions, and of events on their way to them."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.adapters.tables import InWebhooks, WholeAttribute


class SubscriptionRow(InWebhooks):
    """A webhook subscription, its signing secrets included: the table is encrypted at rest.

    `outbox` is what is told of its last change, and all of the row that the relay passes on. One
    that was removed has no secrets, and leaves by itself.
    """

    version = WholeAttribute(null=True)
    body = UnicodeAttribute()
    secret = UnicodeAttribute(null=True)
    old_secrets = UnicodeAttribute(null=True)
    outbox = UnicodeAttribute()
    expires_at = WholeAttribute(null=True)


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

    version = WholeAttribute()
    body = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    expires_at = WholeAttribute()

    by_due = ByDueDelivery()


class EventRow(InWebhooks):
    """An event that somebody subscribed to, for its deliveries."""

    sk = UnicodeAttribute(range_key=True, default="EVENT")
    body = UnicodeAttribute()
    expires_at = WholeAttribute()
