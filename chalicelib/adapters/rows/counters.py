"""Rows that count requests: what departments come to, the sequence of a year, days."""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.adapters.tables import InWork, WholeAttribute


class TotalsRow(InWork):
    """What a department's requests come to, a number a figure; written with every commit."""

    sk = UnicodeAttribute(range_key=True, default="TOTALS")
    generation = WholeAttribute(default=0)
    changed_at = UnicodeAttribute(null=True)
    pending = WholeAttribute(default=0)
    approved = WholeAttribute(default=0)
    rejected = WholeAttribute(default=0)
    cancelled = WholeAttribute(default=0)
    drafts = WholeAttribute(default=0)
    pending_cents = WholeAttribute(default=0)
    approved_cents = WholeAttribute(default=0)
    rejected_cents = WholeAttribute(default=0)
    cancelled_cents = WholeAttribute(default=0)
    reserved_cents = WholeAttribute(default=0)
    decided = WholeAttribute(default=0)
    approved_ever = WholeAttribute(default=0)
    waited_seconds = WholeAttribute(default=0)
    overdue = WholeAttribute(default=0)


class SequenceRow(InWork):
    """A year's counter of requests."""

    sk = UnicodeAttribute(range_key=True, default="SEQUENCE")
    last = WholeAttribute()


class AggregateRow(InWork):
    """What the requests that a department created on a day came to."""

    body = UnicodeAttribute()
