"""What a process remembers between calls: bounded, for a while, and never in place of a write.

A cache holds what was computed, not what is true: each use first reads, consistently, whether it
still is, and what was computed from index rows is kept only when these have had the time to
follow what was committed. So an answer from a cache hides no write that was finished before.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from chalicelib.domain.access import Department
from chalicelib.domain.totals import DepartmentTotals

Kept = TypeVar("Kept")
Clock = Callable[[], datetime]

#: How long what was computed may be used again (SPEC.md 10).
CACHED_FOR = timedelta(minutes=5)

#: Pages of lists, and requests in full, that a process keeps: some tens of megabytes at the most.
MAX_CACHED_PAGES = 100
MAX_CACHED_REQUESTS = 100

#: Index rows follow their request within moments; after this time they certainly have.
INDEX_SETTLES = timedelta(seconds=5)

#: What another process says it wrote this long ago was written longer ago than INDEX_SETTLES,
#: however wrong that one's clock is and however often its call had to be sent.
LONG_AGO = timedelta(minutes=1)


class Cache(Generic[Kept]):
    """At most `size` values, each for CACHED_FOR; the one that was not used the longest goes.

    A value is kept with the `tag` of what it was computed from, and found for no other.
    """

    def __init__(self, size: int, clock: Clock) -> None:
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[Hashable, datetime, Kept]] = OrderedDict()

    def find(self, key: Hashable, tag: Hashable) -> Kept | None:
        """Return what is kept under `key`; None where nothing is, of another tag, or too old."""
        if key not in self._kept:
            return None
        known_tag, since, value = self._kept[key]
        if known_tag != tag or self._clock() - since >= CACHED_FOR:
            return None
        self._kept.move_to_end(key)
        return value

    def keep(self, key: Hashable, tag: Hashable, value: Kept) -> None:
        """Keep a value in place of what was kept under `key`."""
        self._kept[key] = (tag, self._clock(), value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


class ListCache(Generic[Kept]):
    """Pages of lists, each with the generations of the departments it was read from."""

    def __init__(self, clock: Clock) -> None:
        self._pages: Cache[Kept] = Cache(MAX_CACHED_PAGES, clock)
        self._clock = clock
        self._seen: dict[Department, tuple[int, datetime]] = {}

    def find(self, question: Hashable, totals: Sequence[DepartmentTotals]) -> Kept | None:
        """Return the page kept for `question`, where nothing was committed since it was read."""
        return self._pages.find(question, _generations(totals))

    def keep(self, question: Hashable, totals: Sequence[DepartmentTotals], page: Kept) -> None:
        """Keep a page; only where `is_settled` said so before the page was read."""
        self._pages.keep(question, _generations(totals), page)

    def is_settled(self, totals: Sequence[DepartmentTotals]) -> bool:
        """Whether index rows show by now all that is in the totals, which were just read.

        Ask it of all totals that are read, as it counts from when it first saw a generation: this
        process's own clock, because another's may be wrong. That is believed of LONG_AGO alone.
        """
        now = self._clock()
        for each in totals:
            if self._seen.get(each.department, (None,))[0] != each.generation:
                self._seen[each.department] = (each.generation, now)
        return all(
            now - self._seen[each.department][1] >= INDEX_SETTLES
            or each.changed_at is None
            or now - each.changed_at >= LONG_AGO
            for each in totals
        )


def _generations(totals: Sequence[DepartmentTotals]) -> tuple[tuple[Department, int], ...]:
    return tuple((each.department, each.generation) for each in totals)
