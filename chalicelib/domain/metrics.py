"""What an operator looks at: how the service is used, and how its parts do."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, Self

from chalicelib.domain import money
from chalicelib.domain.calculator import Rate
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money
from chalicelib.domain.requests import Status
from chalicelib.domain.totals import DepartmentTotals, Tally

#: What dead-letter queues are called: as the queue they belong to, and this.
DEAD_LETTERS = "-dlq"


class Hits(Value):
    """How often caches had what was asked for, and how often they had not."""

    hits: int = 0
    misses: int = 0

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(hits=self.hits + other.hits, misses=self.misses + other.misses)

    @property
    def questions(self) -> int:
        """How often caches were asked."""
        return self.hits + self.misses


class Depth(Value):
    """How many messages a queue has, approximately: waiting, at work, and to come later."""

    waiting: int
    in_flight: int
    delayed: int

    @property
    def messages(self) -> int:
        """All of them."""
        return self.waiting + self.in_flight + self.delayed


class QueueMetrics(Value):
    """A worker's queue, and how many messages it gave up; null where there is no such queue."""

    name: str
    waiting: int | None
    in_flight: int | None
    delayed: int | None
    dead_letters: int | None


class RequestMetrics(Value):
    """How many requests there are; `pending` has `drafts` among it.

    `approvalRate` is what is approved in per cent of all, and `decisionApprovalRate` what was
    approved in per cent of all that was decided.
    """

    total: int
    pending: int
    approved: int
    rejected: int
    cancelled: int
    drafts: int
    overdue: int
    approval_rate: Rate
    decision_approval_rate: Rate | None


class BudgetMetrics(Value):
    """What all requests hold together."""

    total_reserved: Money


class CacheMetrics(Value):
    """How caches did on the last days; `hitRate` is per cent, null where nobody asked."""

    hits: int
    misses: int
    hit_rate: Rate | None
    days: int


class Metrics(Value):
    """How the service is used, and how its parts do."""

    requests: RequestMetrics
    budget: BudgetMetrics
    cache: CacheMetrics
    queues: tuple[QueueMetrics, ...]

    @classmethod
    def of(
        cls,
        totals: Iterable[DepartmentTotals],
        *,
        expired: Decimal,
        hits: Hits,
        days: int,
        depths: dict[str, Depth],
    ) -> Self:
        """Return the metrics; `expired` of what the totals hold counts no more."""
        tally = sum((each.tally for each in totals), Tally())
        return cls(
            requests=requests(tally),
            budget=BudgetMetrics(total_reserved=tally.reserved - expired),
            cache=CacheMetrics(
                **dict(hits), hit_rate=_per_cent(hits.hits, hits.questions), days=days
            ),
            queues=queues(depths),
        )


def requests(tally: Tally) -> RequestMetrics:
    """Return what there is to tell of a tally."""
    return RequestMetrics(
        total=tally.requests,
        pending=tally.pending,
        approved=tally.approved,
        rejected=tally.rejected,
        cancelled=tally.cancelled,
        drafts=tally.drafts,
        overdue=tally.overdue,
        approval_rate=_per_cent(tally.count(Status.APPROVED), tally.requests) or money.ZERO,
        decision_approval_rate=_per_cent(tally.approved_ever, tally.decided),
    )


def queues(depths: dict[str, Depth]) -> tuple[QueueMetrics, ...]:
    """Return each queue with its dead letters, by name."""
    names = sorted({name.removesuffix(DEAD_LETTERS) for name in depths})
    found = []
    for name in names:
        depth, dead = depths.get(name), depths.get(name + DEAD_LETTERS)
        found.append(
            QueueMetrics(
                name=name,
                waiting=depth.waiting if depth else None,
                in_flight=depth.in_flight if depth else None,
                delayed=depth.delayed if depth else None,
                dead_letters=dead.messages if dead else None,
            )
        )
    return tuple(found)


def _per_cent(part: int, whole: int) -> Decimal | None:
    return money.share(Decimal(part), Decimal(whole))


class Part(Value):
    """A part the service stands on, and how long it took to answer, or to be given up."""

    name: str
    status: Literal["ok", "failed"]
    duration_ms: int


class Health(Value):
    """That the service is up, and where it stands; with `deep=1`, each of its `parts`."""

    status: Literal["ok"]
    stage: str
    parts: tuple[Part, ...] = ()
