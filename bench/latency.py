"""Answer times on the embedded cloud: the first call of a new function, and warm calls."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from bench.queues import idleness
from infra.local import RunningStack
from infra.waiting import wait_for

WARM_CALLS = 20
#: Calls of each kind that are not counted: the workers start with the first ones.
WARM_UP = 3
#: How long the workers may take with the news of one call.
DRAIN_SECONDS = 20.0
#: Over one of these aims, which are as old as the first figures, `make bench` fails.
COLD_AIM_SECONDS = 2.0
WARM_AIM_SECONDS = 0.05

Figures = dict[str, float]


def cold(stack: RunningStack) -> float:
    """Return the seconds of the first call of a new function."""
    with stack.http() as http:
        return _seconds(lambda: http.get("/health").raise_for_status())


def warm(stack: RunningStack) -> Figures:
    """Return the median seconds of each call of the main job, one client, one after another."""
    times: dict[str, list[float]] = {}
    is_idle = idleness(stack)
    clerk = {"authorization": f"Bearer {stack.token('Finance Clerk', sub='u-1', name='clerk')}"}
    admin = {"authorization": f"Bearer {stack.token('Finance Admin', sub='u-2', name='admin')}"}
    new = {"department": "finance", "amountRequested": 10, "purpose": "A small thing for a desk"}
    with stack.http() as http:

        def timed(name: str, path: str, who: dict[str, str], body: object = None) -> Any:  # noqa: ANN401 - JSON
            started = perf_counter()
            method = "GET" if name == "get" else "POST"
            answer = http.request(method, path, headers=who, json=body)
            times.setdefault(name, []).append(perf_counter() - started)
            # The next call must not compete with the workers of this one for the machine's cores.
            wait_for(is_idle, deadline_seconds=DRAIN_SECONDS)
            return answer.raise_for_status().json()["data"]

        for number in range(WARM_CALLS):
            path = f"/budget-requests/{timed('create', '/budget-requests', clerk, new)['id']}"
            timed("submit", f"{path}/submit", clerk)
            timed("get", path, clerk)
            if number % 2:
                timed("approve", f"{path}/approve", admin, {"bufferPercentage": 5})
            else:
                timed("reject", f"{path}/reject", admin, {"reviewNotes": "Not now"})
    return {name: median(seconds[WARM_UP:]) for name, seconds in times.items()}


def _seconds(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return perf_counter() - started
