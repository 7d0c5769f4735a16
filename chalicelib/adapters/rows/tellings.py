"""Rows that are there to be told, or were."""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.adapters.tables import InTold, InWebhooks, PackedAttribute, WholeAttribute


class AuditOutboxRow(InWebhooks):
    """What Audit is to be told and its queue did not take: the relay takes it from the stream."""

    sk = UnicodeAttribute(range_key=True, default="OUTBOX")
    outbox = UnicodeAttribute()
    expires_at = WholeAttribute()


class ToldRow(InTold):
    """What was told of one change: the outbox of its row, as it was then, packed."""

    outbox = PackedAttribute()
    expires_at = WholeAttribute()
