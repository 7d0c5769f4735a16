"""Rate limits at the edge: every call of somebody we know is counted, and told what is left."""

from datetime import datetime

from chalicelib import bootstrap
from chalicelib.domain.access import Actor
from chalicelib.domain.rate_limits import Usage
from chalicelib.observability import logger
from chalicelib.usecases import rate_limits


def count(actor: Actor, at: datetime, *, is_creation: bool) -> Usage | None:
    """Count a call; None where it cannot be counted. Raises ConfigurationError.

    Limits keep the service from being worn out, not anybody from the data: a counter out of reach
    is no reason to turn people away.
    """
    limits, counters = bootstrap.limits(), bootstrap.rate_counters()
    try:
        return rate_limits.count(
            actor, at=at, is_creation=is_creation, limits=limits, counters=counters
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not the caller's fault
        logger().warning("a call was not counted", extra={"reason": repr(error)})
        return None


def headers(usage: Usage) -> dict[str, str]:
    """Return the headers that tell a caller what is left, in calls and seconds."""
    left = usage.allowance
    return {
        "RateLimit-Limit": str(left.limit),
        "RateLimit-Remaining": str(left.remaining),
        "RateLimit-Reset": str(left.reset_seconds),
    }
