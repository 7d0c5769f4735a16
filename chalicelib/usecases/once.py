"""Claim → act → complete: an event's effect happens once, however often it is delivered."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.usecases.ports import Claim, Claims


def once(
    claims: Claims, consumer: str, event_id: str, now: datetime, act: Callable[[], object]
) -> None:
    """Run `act` unless `consumer` has done it for this event before.

    Raises ClaimHeldError while another worker is at it, and whatever `act` raises, having given
    the claim back: the message returns to its queue and is tried again.
    """
    if claims.claim(consumer, event_id, now) is Claim.DONE:
        return
    try:
        act()
    except BaseException:
        claims.release(consumer, event_id)
        raise
    claims.complete(consumer, event_id, now)
