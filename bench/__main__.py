"""`make bench`: the figures, measured on a stack of its own on the embedded cloud."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from infra import local
from infra.local import RunningStack

RESULTS = Path(__file__).with_name("results.json")
COLD_STARTS = 3
WARM_CALLS = 40
#: DESIGN.md's aims for the first figures.
COLD_AIM_SECONDS = 2.0
WARM_AIM_SECONDS = 0.05

Figures = dict[str, float]


def main() -> int:
    """Measure, print and keep the figures; 1 where an aim is missed."""
    console = Console()
    cold: list[float] = []
    warm: Figures = {}
    for number in range(COLD_STARTS):
        console.print(f"Stack {number + 1} of {COLD_STARTS} …", style="dim")
        with local.running("bench") as stack:
            cold.append(_cold(stack))
            if number == COLD_STARTS - 1:
                warm = _warm(stack)
    rows = [("cold GET /health", median(cold), COLD_AIM_SECONDS)]
    rows += [(f"warm {name}", seconds, WARM_AIM_SECONDS) for name, seconds in warm.items()]
    _show(console, rows)
    RESULTS.write_text(
        json.dumps({name: round(s * 1000, 1) for name, s, _ in rows}, indent=2) + "\n"
    )
    missed = [name for name, seconds, aim in rows if seconds > aim]
    if missed:
        console.print(f"Over its aim: {', '.join(missed)}", style="red")
    return 1 if missed else 0


def _cold(stack: RunningStack) -> float:
    with stack.http() as http:
        return _seconds(lambda: http.get("/health").raise_for_status())


def _warm(stack: RunningStack) -> Figures:
    """Return the median seconds of each call of the main job, one client, one after another."""
    times: dict[str, list[float]] = {}
    clerk = {"authorization": f"Bearer {stack.token('Finance Clerk', sub='u-1', name='clerk')}"}
    admin = {"authorization": f"Bearer {stack.token('Finance Admin', sub='u-2', name='admin')}"}
    new = {"department": "finance", "amountRequested": 10, "purpose": "A small thing for a desk"}
    with stack.http() as http:

        def timed(name: str, path: str, who: dict[str, str], body: object = None) -> Any:  # noqa: ANN401 - JSON
            started = perf_counter()
            method = "GET" if name == "get" else "POST"
            answer = http.request(method, path, headers=who, json=body)
            times.setdefault(name, []).append(perf_counter() - started)
            return answer.raise_for_status().json()["data"]

        for number in range(WARM_CALLS):
            path = f"/budget-requests/{timed('create', '/budget-requests', clerk, new)['id']}"
            timed("submit", f"{path}/submit", clerk)
            timed("get", path, clerk)
            if number % 2:
                timed("approve", f"{path}/approve", admin, {"bufferPercentage": 5})
            else:
                timed("reject", f"{path}/reject", admin, {"reviewNotes": "Not now"})
    return {name: median(seconds) for name, seconds in times.items()}


def _seconds(act: Callable[[], object]) -> float:
    started = perf_counter()
    act()
    return perf_counter() - started


def _show(console: Console, rows: list[tuple[str, float, float]]) -> None:
    table = Table(title="Answer times on the embedded cloud (medians)")
    table.add_column("call")
    table.add_column("ms", justify="right")
    table.add_column("aim, ms", justify="right")
    for name, seconds, aim in rows:
        table.add_row(name, f"{seconds * 1000:.1f}", f"{aim * 1000:.0f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
