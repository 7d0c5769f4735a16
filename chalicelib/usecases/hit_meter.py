"""How often caches have what they are asked for."""

from datetime import timedelta

from chalicelib.domain.metrics import Hits
from chalicelib.usecases.caching import Clock
from chalicelib.usecases.ports import HitCounts

#: How often a process writes down how its caches do.
KEEP_HITS_EVERY = timedelta(minutes=1)


class HitMeter:
    """How often caches had what was asked for: counted here, kept by day and once in a while.

    What a process counted since it last kept its counts is lost with it: the rate is a measure,
    and not worth a write a call.
    """

    def __init__(self, counts: HitCounts, clock: Clock) -> None:
        self._counts = counts
        self._clock = clock
        self._kept_at = clock()
        self._pending = Hits()

    def count(self, *, is_hit: bool) -> None:
        """Count one question to a cache; raises what keeping the counts raises."""
        self._pending += Hits(hits=int(is_hit), misses=int(not is_hit))
        if self._clock() - self._kept_at >= KEEP_HITS_EVERY:
            self.keep()

    def keep(self) -> None:
        """Keep what was counted; where that fails, it is tried again with the next."""
        now = self._clock()
        self._kept_at = now
        if self._pending.questions:
            self._counts.add(now.date(), self._pending)
            self._pending = Hits()
