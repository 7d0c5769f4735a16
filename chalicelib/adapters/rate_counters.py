"""Counters of calls in DynamoDB: one item a principal and window, one atomic write a call."""

from datetime import timedelta

from chalicelib.adapters.tables import RateRow
from chalicelib.domain.rate_limits import Window

#: A window that has ended is kept a little longer, for functions whose clocks are behind.
KEEP_ENDED = timedelta(hours=1)


class DynamoRateCounters:
    """The RateCounters on DynamoDB; each window has an item of its own, so TTL may be late."""

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        """Count one call, and return the window's (calls, creations) with it, in one write."""
        row = RateRow(f"RATE#{principal}#{window.starts_at.isoformat()}")
        row.update(
            actions=[
                RateRow.calls.add(1),
                RateRow.creations.add(1 if is_creation else 0),
                RateRow.expires_at.set(int((window.ends_at + KEEP_ENDED).timestamp())),
            ]
        )
        return int(row.calls), int(row.creations)
