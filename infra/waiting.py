"""Waiting for a condition with a deadline, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.05


def wait_for(condition: Callable[[], T], *, deadline_seconds: float) -> T:
    """Ask until the answer is truthy; the last answer when the deadline passes first."""
    ends = time.monotonic() + deadline_seconds
    while True:
        answer = condition()
        if answer or time.monotonic() >= ends:
            return answer
        time.sleep(_PAUSE_SECONDS)
