"""Slow subscribers take up a part of a worker's time, and no more."""

from datetime import datetime, timedelta

from chalicelib.domain.deliveries import RESTS, SLOW


class Patience:
    """Whom this process leaves alone for a while, having waited for them.

    Kept in memory: each process waits once and then knows, which costs no write and no read.
    """

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    def note(self, subscription_id: str, took: timedelta, at: datetime) -> None:
        """Take in how long an attempt took that began at `at`."""
        if took >= SLOW:
            self._until[subscription_id] = at + took * (1 + RESTS)

    def is_out(self, subscription_id: str, at: datetime) -> bool:
        """Whether a subscriber is to be left alone."""
        until = self._until.get(subscription_id)
        return until is not None and at < until
