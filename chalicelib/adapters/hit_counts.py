"""How caches do, in DynamoDB: one item a day, to which every process adds."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from chalicelib.adapters.rows.work import HitsRow
from chalicelib.domain.metrics import Hits

#: How long a day's counts are kept.
REMEMBER = timedelta(days=30)


class DynamoHitCounts:
    """The HitCounts on DynamoDB."""

    def add(self, day: date, hits: Hits) -> None:
        """Add to a day's counts, in one write."""
        ends = datetime.combine(day, time(), UTC) + REMEMBER
        HitsRow(_pk(day)).update(
            actions=[
                HitsRow.hits.add(hits.hits),
                HitsRow.misses.add(hits.misses),
                HitsRow.expires_at.set(int(ends.timestamp())),
            ]
        )

    def of(self, days: Sequence[date]) -> Hits:
        """Return what was counted on these days in all, in one read."""
        found = Hits()
        for row in HitsRow.batch_get([(_pk(day), "HITS") for day in days]):
            found += Hits(hits=row.hits, misses=row.misses)
        return found


def _pk(day: date) -> str:
    return f"HITS#{day.isoformat()}"
