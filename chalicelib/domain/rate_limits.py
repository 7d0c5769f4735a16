"""Rate limits: fixed windows that count a principal's calls and creations (SPEC.md 10)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.domain.errors import CreateLimitExceededError, RateLimitExceededError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """One stretch of time in which calls are counted, from the first moment up to `ends_at`."""

    starts_at: datetime
    ends_at: datetime

    def seconds_left(self, at: datetime) -> int:
        """Return the whole seconds until the next window, at least one."""
        return max(1, -((at - self.ends_at) // timedelta(seconds=1)))


@dataclass(frozen=True)
class Limits:
    """How much each principal may do in one window."""

    window: timedelta
    max_calls: int
    max_creations: int

    def window_at(self, at: datetime) -> Window:
        """Return the window that `at` falls into; windows are the same for everyone."""
        starts_at = _EPOCH + (at - _EPOCH) // self.window * self.window
        return Window(starts_at=starts_at, ends_at=starts_at + self.window)


@dataclass(frozen=True)
class Allowance:
    """What a limit leaves, as the headers of an answer tell it."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(frozen=True)
class Usage:
    """What a principal has done in a window, the present call included."""

    calls: int
    creations: int
    limits: Limits
    window: Window
    at: datetime

    def check(self) -> None:
        """Refuse a call too many; raises RateLimitExceededError, CreateLimitExceededError.

        A refused call is counted like any other: whoever goes on asking gains nothing by it.
        """
        left = self.window.seconds_left(self.at)
        if self.calls > self.limits.max_calls:
            raise RateLimitExceededError(limit=self.limits.max_calls, retry_after_seconds=left)
        if self.creations > self.limits.max_creations:
            raise CreateLimitExceededError(
                limit=self.limits.max_creations, retry_after_seconds=left
            )

    @property
    def allowance(self) -> Allowance:
        """What is left of the calls; of the creations where it was these that were used up."""
        left = self.window.seconds_left(self.at)
        calls_left = self.limits.max_calls - self.calls
        if calls_left >= 0 and self.creations > self.limits.max_creations:
            return Allowance(self.limits.max_creations, 0, left)
        return Allowance(self.limits.max_calls, max(0, calls_left), left)
