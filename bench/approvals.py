"""How many approvals of one department the embedded cloud gets through, its workers running."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from statistics import median
from threading import Lock
from time import perf_counter

import httpx

from bench.operations import compose
from bench.queues import idleness
from chalicelib import bootstrap
from chalicelib.adapters.request_rows import row_of
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain import transitions
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import NewRequest
from chalicelib.domain.messages import Outbox
from infra.front import AT_ONCE
from infra.local import RunningStack
from infra.waiting import wait_for

SECONDS = 8.0
#: Approvals that are not counted: they start the processes of all functions.
WARM_UP = 8 * AT_ONCE
WARM_UP_SECONDS = 30.0
#: More than a machine of today approves in that time.
WAITING = 2000
#: Above the numbers of all other requests here.
FIRST_SEQUENCE = 500_000

CLERK = Actor(id="u-1", name="clerk", role="Operations Clerk", level=Level.USER,
              department="operations")  # fmt: skip
NEW = NewRequest(
    department="operations", amount_requested=Decimal(1), purpose="Gloves for the loading ramp"
)


@dataclass(frozen=True)
class Pace:
    """How fast one department's requests were approved; `heard` is what Finance knew at the end."""

    approved: int
    heard: int
    seconds: float
    median_seconds: float

    @property
    def per_second(self) -> float:
        """Approvals a second."""
        return self.approved / self.seconds


def measure(stack: RunningStack) -> Pace:
    """Approve for SECONDS and return how it went; raises RuntimeError on any refusal."""
    compose(stack)
    ids = iter(_waiting())
    admin = stack.token("Operations Admin", sub="u-2", name="admin")
    with stack.http(admin) as http, ThreadPoolExecutor(AT_ONCE) as threads:
        http.get("/budgets/operations").raise_for_status()  # Finance is asked once, now
        list(threads.map(lambda number: _approve(http, number), islice(ids, WARM_UP)))
        wait_for(idleness(stack), deadline_seconds=WARM_UP_SECONDS)
        stack.finance.forget()
        turn, times = Lock(), list[float]()
        began = perf_counter()

        def review(_: int) -> None:
            while perf_counter() - began < SECONDS:
                with turn:
                    number = next(ids)
                times.append(_approve(http, number))

        list(threads.map(review, range(AT_ONCE)))
        seconds = perf_counter() - began
    heard = sum(call.method == "POST" and call.accepted for call in stack.finance.received())
    return Pace(len(times), heard, seconds, median(times))


def _approve(http: httpx.Client, number: int) -> float:
    started = perf_counter()
    answer = http.post(f"/budget-requests/{number}/approve")
    if answer.status_code != HTTPStatus.OK:
        raise RuntimeError(f"An approval was refused: {answer.text}")
    return perf_counter() - started


def _waiting() -> Iterator[int]:
    """Put requests that wait for review into the table, of which nothing is told; yield ids."""
    bootstrap.requests()
    calendar, days, at = bootstrap.calendar(), bootstrap.review_days(), datetime.now(UTC)
    picture = BudgetPicture(budget=None)
    ids = []
    with RequestRow.batch_write() as writes:
        for number in range(FIRST_SEQUENCE, FIRST_SEQUENCE + WAITING):
            made = transitions.create(
                NEW, CLERK, at, sequence=number, calendar=calendar, budget=picture
            )
            submitted = transitions.submit(made.after, CLERK, at, days)
            writes.save(row_of(submitted.after, Outbox()))
            ids.append(submitted.after.id)
    return iter(ids)
