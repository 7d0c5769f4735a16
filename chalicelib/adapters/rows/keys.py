"""Rows of the table of keys: those of the API and those of partners on the bus."""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.adapters.tables import InKeys


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
