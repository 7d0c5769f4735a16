"""Windows and limits: who is refused, when, and what everybody is told."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.domain.access import Actor
from chalicelib.domain.errors import CreateLimitExceededError, RateLimitExceededError
from chalicelib.domain.rate_limits import Allowance, Limits, Usage
from chalicelib.usecases import rate_limits
from tests.factories import ADMIN, AT, CLERK
from tests.fakes import FakeRateCounters

LIMITS = Limits(window=timedelta(minutes=15), max_calls=5, max_creations=2)
MOMENT = timedelta(microseconds=1)


def usage(calls: int, creations: int = 0, at: datetime = AT) -> Usage:
    return Usage(
        calls=calls, creations=creations, limits=LIMITS, window=LIMITS.window_at(at), at=at
    )


@pytest.mark.parametrize("minute", [0, 15, 30, 45])
def test_windows_begin_every_quarter_of_an_hour(minute: int) -> None:
    starts_at = datetime(2026, 3, 10, 12, minute, tzinfo=UTC)

    for at in (starts_at, starts_at + timedelta(minutes=15) - MOMENT):
        window = LIMITS.window_at(at)
        assert (window.starts_at, window.ends_at) == (starts_at, starts_at + timedelta(minutes=15))


@pytest.mark.parametrize("window_ms", [1000, 1500, 60_000, 900_000, 86_400_000])
def test_every_moment_is_in_the_window_it_falls_into(window_ms: int) -> None:
    limits = Limits(timedelta(milliseconds=window_ms), max_calls=1, max_creations=1)

    window = limits.window_at(AT + timedelta(milliseconds=999))

    assert window.starts_at <= AT + timedelta(milliseconds=999) < window.ends_at
    assert limits.window_at(window.ends_at).starts_at == window.ends_at


@pytest.mark.parametrize(
    ("before_the_end", "seconds"),
    [
        (timedelta(minutes=15), 900),
        (timedelta(seconds=2), 2),
        (timedelta(seconds=1, microseconds=1), 2),
        (timedelta(seconds=1), 1),
        (MOMENT, 1),
    ],
)
def test_who_waits_as_told_comes_in_the_next_window(
    before_the_end: timedelta, seconds: int
) -> None:
    window = LIMITS.window_at(AT)
    at = window.ends_at - before_the_end

    assert window.seconds_left(at) == seconds
    assert at + timedelta(seconds=seconds) >= window.ends_at


def test_the_last_call_allowed_is_allowed_and_the_next_is_not() -> None:
    usage(5).check()

    with pytest.raises(RateLimitExceededError, match="5 are allowed") as caught:
        usage(6).check()
    assert caught.value.code == "RATE_LIMIT_EXCEEDED"
    assert caught.value.retry_after_seconds == 900


def test_the_last_creation_allowed_is_allowed_and_the_next_is_not() -> None:
    usage(2, creations=2).check()

    with pytest.raises(CreateLimitExceededError, match="2 are allowed") as caught:
        usage(3, creations=3).check()
    assert caught.value.code == "CREATE_LIMIT_EXCEEDED"


def test_too_many_calls_are_told_before_too_many_creations() -> None:
    with pytest.raises(RateLimitExceededError) as caught:
        usage(6, creations=3).check()

    assert caught.value.code == "RATE_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("told_of", "limit", "remaining"),
    [
        (usage(1), 5, 4),
        (usage(5), 5, 0),
        (usage(9), 5, 0),
        (usage(1, creations=1), 5, 4),
        (usage(3, creations=3), 2, 0),
        (usage(6, creations=3), 5, 0),
    ],
)
def test_calls_are_told_unless_it_was_the_creations_that_were_used_up(
    told_of: Usage, limit: int, remaining: int
) -> None:
    assert told_of.allowance == Allowance(limit, remaining, 900)


def count(by: Actor, counters: FakeRateCounters, *, creates: bool = False, late: int = 0) -> Usage:
    at = AT + timedelta(minutes=late)
    return rate_limits.count(by, at=at, is_creation=creates, limits=LIMITS, counters=counters)


def test_each_principal_has_a_count_of_its_own_in_each_window() -> None:
    counters = FakeRateCounters()

    assert [count(CLERK, counters).calls for _ in range(3)] == [1, 2, 3]
    assert count(ADMIN, counters).calls == 1
    assert count(CLERK, counters, late=15).calls == 1
    assert count(CLERK, counters, late=14).calls == 4


def test_creations_used_up_do_not_keep_anyone_from_reading() -> None:
    counters = FakeRateCounters()
    for _ in range(2):
        count(CLERK, counters, creates=True).check()

    with pytest.raises(CreateLimitExceededError):
        count(CLERK, counters, creates=True).check()
    reading = count(CLERK, counters)
    reading.check()

    assert reading.allowance.remaining == 1
