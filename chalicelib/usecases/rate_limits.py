"""A call is counted before anything else is done for it."""

from datetime import datetime

from chalicelib.domain.access import Actor
from chalicelib.domain.rate_limits import Limits, Usage
from chalicelib.usecases.ports import RateCounters


def count(
    by: Actor, *, at: datetime, is_creation: bool, limits: Limits, counters: RateCounters
) -> Usage:
    """Count a call of `by` and return how many it makes in this window, in one write."""
    window = limits.window_at(at)
    calls, creations = counters.count(by.principal, window, is_creation=is_creation)
    # Of a call that creates nothing, the creations are not asked about.
    return Usage(
        calls=calls,
        creations=creations if is_creation else 0,
        limits=limits,
        window=window,
        at=at,
    )
