"""Whether the parts that the service stands on answer: asked all at once, and not too often."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter

from chalicelib.domain.errors import UnhealthyError
from chalicelib.domain.metrics import Part

#: How long parts may take to answer, all together.
CHECK_SECONDS = 3.0

#: How long a process tells what it found, before it looks again: anyone may ask.
CHECKED_FOR = timedelta(seconds=5)

#: Asks one part for the least it can tell; raises where it does not.
Check = Callable[[], object]


@dataclass(frozen=True)
class Found:
    """How the parts did, and why some of them failed, which is for the log alone."""

    parts: tuple[Part, ...]
    reasons: Mapping[str, str]
    is_cached: bool = False

    def must_be_well(self) -> None:
        """Raise UnhealthyError where a part has failed."""
        failed = {part.name: part.duration_ms for part in self.parts if part.status == "failed"}
        if failed:
            raise UnhealthyError(failed)


class Probe:
    """Looks at every part, in this process at most once in CHECKED_FOR."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], datetime]) -> None:
        self._checks = checks
        self._clock = clock
        self._known: tuple[datetime, Found] | None = None

    def look(self) -> Found:
        """Return how the parts do, or did just now."""
        now = self._clock()
        if self._known and now - self._known[0] < CHECKED_FOR:
            known = self._known[1]
            return Found(known.parts, known.reasons, is_cached=True)
        found = _look(self._checks)
        self._known = (now, found)
        return found


def _look(checks: Mapping[str, Check]) -> Found:
    started = perf_counter()
    threads = ThreadPoolExecutor(len(checks) or 1)
    asked = {name: threads.submit(_timed, check) for name, check in checks.items()}
    wait(asked.values(), timeout=CHECK_SECONDS)
    threads.shutdown(wait=False, cancel_futures=True)  # what hangs is left to its own timeouts
    parts, reasons = [], {}
    for name, future in asked.items():
        took, reason = perf_counter() - started, "it did not answer in time"
        if future.done() and not future.cancelled():
            took, reason = future.result()
        if reason:
            reasons[name] = reason
        parts.append(
            Part(name=name, status="failed" if reason else "ok", duration_ms=round(took * 1000))
        )
    return Found(tuple(parts), reasons)


def _timed(check: Check) -> tuple[float, str]:
    """Return how long a check took in seconds, and what went wrong with it, if anything."""
    started = perf_counter()
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the part is not well
        return perf_counter() - started, repr(error)
    return perf_counter() - started, ""
