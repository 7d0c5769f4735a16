"""How often an answer came from a cache: counted at the edge, for every route that has one."""

from chalicelib import bootstrap
from chalicelib.observability import Metric, logger, measure


def count(*, is_hit: bool) -> None:
    """Count an answer; where the counts cannot be kept, the answer is as good."""
    measure({Metric.CACHE_HITS: int(is_hit), Metric.CACHE_MISSES: int(not is_hit)})
    try:
        bootstrap.hit_meter().count(is_hit=is_hit)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not the caller's fault
        logger().warning("the hit rate was not kept", extra={"reason": repr(error)})
