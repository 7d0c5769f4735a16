"""Rows of work that is being done, or was: claims, receipts, jobs, and the like."""

from pynamodb.attributes import UnicodeAttribute

from chalicelib.adapters.tables import InWork, WholeAttribute


class ClaimRow(InWork):
    """A worker's claim on an event: held until its lease ends, or done for good."""

    sk = UnicodeAttribute(range_key=True, default="CLAIM")
    state = UnicodeAttribute()
    lease_until = WholeAttribute()
    expires_at = WholeAttribute()


class ReceiptRow(InWork):
    """The answer of a call that came with an idempotency key."""

    sk = UnicodeAttribute(range_key=True, default="RECEIPT")
    body = UnicodeAttribute()
    expires_at = WholeAttribute()


class JobRunRow(InWork):
    """One run of a job; `open_parts` counts its parts, and is missing once it has ended."""

    body = UnicodeAttribute()
    open_parts = WholeAttribute(null=True)
    expires_at = WholeAttribute()


class JobLeaseRow(InWork):
    """Which run may work on a job, until its lease ends; `token` is that of its current part.

    `task` is what the run was asked.
    """

    sk = UnicodeAttribute(range_key=True, default="LEASE")
    run_id = UnicodeAttribute()
    task = UnicodeAttribute()
    token = UnicodeAttribute()
    lease_until = WholeAttribute()


class ParkedRow(InWork):
    """A message of a partner that was refused, for who looks into it."""

    body = UnicodeAttribute()
    expires_at = WholeAttribute()


class HitsRow(InWork):
    """How often caches had what they were asked for on one day."""

    sk = UnicodeAttribute(range_key=True, default="HITS")
    hits = WholeAttribute()
    misses = WholeAttribute()
    expires_at = WholeAttribute()


class MigrationRow(InWork):
    """How far a migration of the data has come (`python -m infra migrate`)."""

    sk = UnicodeAttribute(range_key=True, default="MIGRATION")
    body = UnicodeAttribute()
