"""What goes wrong in a storm: functions that die, and whatever else is asked of one seed."""

from collections import Counter
from dataclasses import dataclass, field
from functools import wraps
from random import Random
from typing import Any


class Crash(BaseException):
    """The function died: no `except Exception` catches it, and nothing is done after."""


@dataclass
class Weather:
    """What goes wrong, and how often; `seen` counts what did."""

    chance: Random
    roughness: float
    seen: Counter[str] = field(default_factory=Counter)
    is_dead: bool = False

    def strikes(self, what: str, share: float = 1.0) -> bool:
        """Say whether this goes wrong now."""
        struck = self.chance.random() < self.roughness * share
        self.seen[what] += struck
        return struck

    def may_kill(self, when: str) -> None:
        """Have the function that runs die here, or be dead already; raises Crash."""
        if self.is_dead or self.strikes(f"died {when} a call", 0.3):
            self.is_dead = True
            raise Crash

    def exposed(self, port: Any) -> Any:  # noqa: ANN401 - stands for any port
        """Return `port` such that whoever calls it may die before or after."""
        return _Exposed(port, self)


class _Exposed:
    def __init__(self, port: object, weather: Weather) -> None:
        self._port, self._weather = port, weather

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        call = getattr(self._port, name)

        @wraps(call)
        def exposed(*given: object, **more: object) -> object:
            self._weather.may_kill("before")
            made = call(*given, **more)
            self._weather.may_kill("after")
            return made

        return exposed
