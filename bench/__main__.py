"""`make bench`: the figures, measured on stacks of their own on the embedded cloud."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench import approvals, functions, latency, lists, operations, stream, whole_change
from bench.approvals import Pace
from bench.capacity import Bill
from bench.functions import WARM_PROCESSES, Costs, Found, Measured, Ratio
from bench.prices import MESSAGE_PRICES_READ, PRICES_SINCE, dollars_a_million
from bench.stream import Flow
from bench.whole_change import Step
from infra import local
from infra.front import AT_ONCE

RESULTS = Path(__file__).with_name("results.json")
COLD_STARTS = 3
#: Columns of the output, be it a terminal or a file.
WIDTH = 120
#: One client makes more calls here than a person may.
ENVIRONMENT = {"RATE_LIMIT_MAX_REQUESTS": "100000", "RATE_LIMIT_MAX_CREATIONS": "100000"}

#: What is the same whatever is asked for, and so in none of the rows.
EACH_CALL = (
    "Each call over HTTP adds a round trip and a write unit: it is counted for its limit. A read of"
    " one request adds a message to a queue, for Audit. Dollars are of the call at DynamoDB alone."
)

#: What of a change is in no row, and how its messages are counted.
WITH_ALL = (
    "As if each message were alone in its batch: a poller takes up to ten at once. Dollars are of"
    f" DynamoDB, SQS and the bus (prices read {MESSAGE_PRICES_READ}), without functions, the API's"
    " gateway, mails, logs and secrets."
)

Rows = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Figures:
    """All that one run found; `times` are seconds by call, with their aims."""

    times: list[tuple[str, float, float]]
    found: Found
    bills: dict[str, Bill]
    pace: Pace
    flow: Flow
    pages: list[tuple[int, str, Bill]]
    whole: dict[str, list[Step]]


def main() -> int:
    """Measure, print and keep the figures; 1 where an answer time misses its aim."""
    console = Console(width=WIDTH)
    cold, warm = _latencies(console)
    # One stack for all of these: this process composes itself as the service once.
    with _stack() as stack, functions.unpacked() as package:
        with console.status("Following changes to their ends …"):
            whole = whole_change.measure(stack, package)
        with console.status("Starting and calling each function, by turns with its floor …"):
            found = functions.measure(stack, package)
        with console.status("Counting round trips and units …"):
            operations.compose(stack)
            bills = operations.measure()
        with console.status("Approving …"):
            pace = approvals.measure(stack)
        with console.status("Having changes told …"):
            flow = stream.measure(stack)
        with console.status("Filling the table and reading lists …"):
            pages = lists.measure(stack)

    times = [("cold GET /health", cold, latency.COLD_AIM_SECONDS)]
    times += [(f"warm {name}", s, latency.WARM_AIM_SECONDS) for name, s in warm.items()]
    console.print(_times(times))
    console.print(_starts(found))
    console.print(_calls(found))
    console.print(_trials(found.trials))
    megabytes, aim = found.zip_bytes / 1e6, functions.ZIP_MEGABYTES_AIM
    console.print(f"\nThe zip of all functions: {megabytes:.2f} MB (aim {aim})\n")
    console.print(_operations(bills))
    console.print(EACH_CALL, style="dim")
    console.print(_whole(whole))
    console.print(WITH_ALL, style="dim")
    console.print(_pace(pace, bills["approve"]))
    console.print(_flow(flow, found))
    console.print(_pages(pages))
    _keep(Figures(times, found, bills, pace, flow, pages, whole))
    missed = [name for name, seconds, aim in times if seconds > aim]
    if missed:
        console.print(f"Over its aim: {', '.join(missed)}", style="red")
    return 1 if missed else 0


def _stack() -> AbstractContextManager[local.RunningStack]:
    return local.running("bench", environment=ENVIRONMENT)


def _latencies(console: Console) -> tuple[float, latency.Figures]:
    cold: list[float] = []
    warm: latency.Figures = {}
    for number in range(1, COLD_STARTS + 1):
        with console.status(f"Answer times, stack {number} of {COLD_STARTS} …"), _stack() as stack:
            cold.append(latency.cold(stack))
            if number == COLD_STARTS:
                warm = latency.warm(stack)
    return median(cold), warm


def _times(rows: list[tuple[str, float, float]]) -> Table:
    shown = [(n, f"{s * 1000:.1f}", f"{aim * 1000:.0f}") for n, s, aim in rows]
    return _table("Answer times on the embedded cloud (medians)", ("call", "ms", "aim"), shown)


def _starts(found: Found) -> Table:
    shown: list[tuple[str, ...]] = []
    for name, costs in found.functions.items():
        aim = functions.COLD_AIMS.get(name, functions.COLD_AIM_OF_WORKERS)
        answered = _ratio(costs.answered, aim)
        megabytes = _beside_its_aim(round(costs.megabytes), functions.MEGABYTES_AIM)
        imported = f"{costs.imported * 1000:.2f}"
        validating = f"{costs.validating.times:.2f}"
        shown.append(
            (name, imported, *_ratio(costs.ready, aim), validating, *answered[:3], *megabytes)
        )
    columns = (
        *("function", "imported\nms", "ready\nms", "floor", "times", "aim", "with\npydantic"),
        *("first\nanswer ms", "floor", "times", "resident\nMB", "aim"),
    )
    return _table("CPU of a cold start, by turns with botocore and one client", columns, shown)


def _calls(found: Found) -> Table:
    shown = []
    for name, costs in found.functions.items():
        for call, measured in costs.warm.items():
            ratio = measured.middle
            each = f"{costs.records / ratio.ours:.0f}"
            called = call if name == "api" else name
            ours, floor, *times = _ratio(ratio, functions.WARM_AIMS.get(call))
            lean = f"{costs.lean[call].middle.times:.2f}"
            shown.append((called, ours, floor, *times, _spread(measured), lean, each))
    columns = (
        *("call", "CPU ms", "floor", "times", "aim", "lowest -\nhighest"),
        *("lean\nfloor", "a second\nof CPU"),
    )
    title = f"CPU of a warm call, by turns with raw botocore, in {WARM_PROCESSES} processes"
    return _table(title, columns, shown)


def _spread(measured: Measured) -> str:
    return f"{measured.lowest:.2f} - {measured.highest:.2f}"


def _trials(trials: dict[str, Ratio]) -> Table:
    shown = [(name, *_ratio(ratio, None)[:3]) for name, ratio in trials.items()]
    columns = ("function", "first answer ms", "as it is", "times")
    return _table("Tried on the first answer of the API", columns, shown)


def _ratio(ratio: Ratio, aim: float | None) -> tuple[str, ...]:
    times = _beside_its_aim(round(ratio.times, 2), aim, ".2f")
    return f"{ratio.ours * 1000:.2f}", f"{ratio.floor * 1000:.2f}", *times


def _operations(bills: dict[str, Bill]) -> Table:
    shown: list[tuple[str, ...]] = []
    for name, bill in bills.items():
        trips, units, reads = operations.AIMS[name]
        shown.append(
            (
                name,
                *_beside_its_aim(bill.round_trips, trips),
                *_beside_its_aim(bill.write_units, units),
                *_beside_its_aim(bill.read_units, reads),
                f"{dollars_a_million(bill):.2f}",
            )
        )
    columns = (
        *("operation", "round trips", "aim", "write units", "aim", "read units", "aim"),
        "$ a million",
    )
    title = f"What an operation asks of DynamoDB (prices since {PRICES_SINCE})"
    return _table(title, columns, shown)


def _whole(changes: dict[str, list[Step]]) -> Table:
    shown = []
    for change, steps in changes.items():
        called = change
        for step in [*steps, whole_change.total(steps)]:
            others = ", ".join(f"{name} {count}" for name, count in step.others.items())
            shown.append(
                (
                    *(called, step.name, f"{step.write_units:g}", f"{step.read_units:g}"),
                    *(f"{step.queue_requests}", f"{step.events}", others or "-"),
                    f"{step.dollars_a_million:.2f}",
                )
            )
            called = ""
    columns = (
        *("change", "step", "write units", "read units", "SQS requests", "events on\nthe bus"),
        *("other\ncalls", "$ a million"),
    )
    return _table("What a change costs with all that follows", columns, shown)


def _beside_its_aim(found: float, aim: float | None, form: str = "g") -> tuple[str, str]:
    """Return a figure and its aim; red where it misses it."""
    shown = format(found, form)
    if aim is None:
        return shown, "-"
    return (f"[red]{shown}[/red]" if found > aim else shown), f"{aim:g}"


def _pace(pace: Pace, bill: Bill) -> str:
    return (
        f"\n{pace.per_second:.0f} approvals of one department a second, by {AT_ONCE} reviewers at"
        f" once for {pace.seconds:.0f} s: {bill.write_units:g} write units each, median"
        f" {pace.median_seconds * 1000:.0f} ms; of {pace.approved}, the workers had told Finance of"
        f" {pace.heard} by then\n"
    )


def _flow(flow: Flow, found: Found) -> str:
    return (
        f"{flow.per_second:.0f} changes a second from the table through the relay, the bus and the"
        f" worker of audit to Audit ({flow.changes} at once); of CPU alone,"
        f" {_reckoned(found):.0f} a second on one core\n"
    )


def _reckoned(found: Found) -> float:
    """Return how many changes a second of CPU takes from the relay to Audit, warm."""
    parts = (found.functions[name] for name in ("relay", "audit"))
    return 1 / sum(costs.warm["batch"].middle.ours / costs.records for costs in parts)


def _pages(pages: list[tuple[int, str, Bill]]) -> Table:
    shown = [
        (f"{size:,}", name, f"{cost.round_trips}", f"{cost.rows_read}", f"{cost.read_units:g}")
        for size, name, cost in pages
    ]
    columns = ("requests", "page of 20", "calls", "index rows read", "read units")
    return _table("What a page of the list costs", columns, shown)


def _table(title: str, columns: tuple[str, ...], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        is_name = name in {"call", "function", "operation", "change", "step"}
        # Too long for the console it is folded; by itself it would be cut off.
        table.add_column(name, justify="left" if is_name else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _keep(of: Figures) -> None:
    kept = {
        "measured": _how(),
        "aims": _aims(of),
        "zipBytes": of.found.zip_bytes,
        "functions": {name: _kept(costs) for name, costs in of.found.functions.items()},
        "answerMilliseconds": {name: round(s * 1000, 1) for name, s, _ in of.times},
        "operations": {
            name: {
                "roundTrips": bill.round_trips,
                "writeUnits": bill.write_units,
                "readUnits": bill.read_units,
                "dollarsAMillion": round(dollars_a_million(bill), 3),
            }
            for name, bill in of.bills.items()
        },
        "wholeChanges": {
            change: {step.name: _asked(step) for step in [*steps, whole_change.total(steps)]}
            for change, steps in of.whole.items()
        },
        "approvals": {
            "perSecond": round(of.pace.per_second, 1),
            "reviewersAtOnce": AT_ONCE,
            "seconds": round(of.pace.seconds, 1),
            "heardByFinance": of.pace.heard,
            "medianMilliseconds": round(of.pace.median_seconds * 1000, 1),
            "writeUnitsEach": of.bills["approve"].write_units,
        },
        "pages": [
            {
                "requests": size,
                "page": name,
                "roundTrips": cost.round_trips,
                "rows": cost.rows_read,
                "readUnits": cost.read_units,
            }
            for size, name, cost in of.pages
        ],
        "changes": {
            "perSecond": round(of.flow.per_second, 1),
            "perSecondOfCpu": round(_reckoned(of.found), 1),
            "atOnce": of.flow.changes,
        },
        "tried": {name: _milliseconds(ratio) for name, ratio in of.found.trials.items()},
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n")


def _how() -> dict[str, object]:
    """Return what the figures depend on besides the code."""
    return {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "answerStarts": COLD_STARTS,
        "answerRounds": latency.WARM_CALLS,
        "coldStarts": functions.COLD_STARTS,
        "warmProcesses": functions.WARM_PROCESSES,
        "warmCallsOfEachProcess": functions.WARM_CALLS,
    }


def _aims(of: Figures) -> dict[str, object]:
    """Return the aims of what has one, by the names of the figures."""
    names = ("roundTrips", "writeUnits", "readUnits")
    operations_aims = {
        operation: {name: aim for name, aim in zip(names, aims, strict=True) if aim is not None}
        for operation, aims in operations.AIMS.items()
    }
    return {
        "answerMilliseconds": {name: round(aim * 1000, 1) for name, _, aim in of.times},
        "startTimes": {
            name: functions.COLD_AIMS.get(name, functions.COLD_AIM_OF_WORKERS)
            for name in of.found.functions
        },
        "warmTimes": functions.WARM_AIMS,
        "residentMegabytes": functions.MEGABYTES_AIM,
        "zipBytes": round(functions.ZIP_MEGABYTES_AIM * 1e6),
        "operations": {name: aims for name, aims in operations_aims.items() if aims},
    }


def _asked(step: Step) -> dict[str, object]:
    return {
        "writeUnits": step.write_units,
        "readUnits": step.read_units,
        "queueRequests": step.queue_requests,
        "events": step.events,
        "otherCalls": dict(step.others),
        "dollarsAMillion": round(step.dollars_a_million, 3),
    }


def _kept(costs: Costs) -> dict[str, object]:
    return {
        "importedMilliseconds": round(costs.imported * 1000, 2),
        "ready": _milliseconds(costs.ready),
        "readyBesideAFloorWithPydantic": _milliseconds(costs.validating),
        "firstAnswer": _milliseconds(costs.answered),
        "residentMegabytes": round(costs.megabytes),
        "warm": {
            call: _milliseconds(measured.middle) | _lowest_and_highest(measured)
            for call, measured in costs.warm.items()
        },
        "besideLeanFloor": {
            call: {"times": round(measured.middle.times, 2)} | _lowest_and_highest(measured)
            for call, measured in costs.lean.items()
        },
    }


def _lowest_and_highest(measured: Measured) -> dict[str, float]:
    """Return the fewest and the most times that a process found."""
    return {
        "lowestTimes": round(measured.lowest, 2),
        "highestTimes": round(measured.highest, 2),
    }


def _milliseconds(ratio: Ratio) -> dict[str, float]:
    return {
        "milliseconds": round(ratio.ours * 1000, 2),
        "floorMilliseconds": round(ratio.floor * 1000, 2),
        "times": round(ratio.times, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
