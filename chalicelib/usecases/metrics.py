"""What an operator looks at: requests, holds, caches and queues in figures."""

from datetime import datetime, timedelta

from chalicelib.domain import access
from chalicelib.domain.access import DEPARTMENTS, Actor
from chalicelib.domain.metrics import Metrics
from chalicelib.domain.money import ZERO
from chalicelib.usecases.hit_meter import HitMeter
from chalicelib.usecases.ports import DueRequests, HitCounts, Queues, RequestLists, RequestStore
from chalicelib.usecases.reservations import expired_in

#: The days whose hits of caches are shown, today included.
HIT_DAYS = 7


def metrics(
    *,
    by: Actor,
    at: datetime,
    lists: RequestLists,
    store: RequestStore,
    due: DueRequests,
    queues: Queues,
    meter: HitMeter,
    hit_counts: HitCounts,
) -> Metrics:
    """Return the service in figures; raises ForbiddenError.

    What has expired counts no more as held, swept or not; it is looked for after the totals were
    read, so that what is swept in between counts as held, and never twice as free.
    """
    access.may_see_metrics(by)
    meter.keep()
    totals = lists.totals(DEPARTMENTS)
    expired = sum(
        (
            request.reserved_amount or ZERO
            for department in DEPARTMENTS
            for request in expired_in(department, at, due=due, store=store)
        ),
        ZERO,
    )
    return Metrics.of(
        totals,
        expired=expired,
        hits=hit_counts.of([at.date() - timedelta(days=back) for back in range(HIT_DAYS)]),
        days=HIT_DAYS,
        depths=queues.depths(),
    )
