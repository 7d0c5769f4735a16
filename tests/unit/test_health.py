"""A deep look at the parts: all at once, briefly, and not too often."""

from datetime import datetime, timedelta
from threading import Event

import pytest

from chalicelib.domain.errors import UnhealthyError
from chalicelib.usecases import health
from chalicelib.usecases.health import CHECKED_FOR, Check, Probe
from tests.factories import AT


class Clock:
    """A clock that a test sets."""

    time = AT

    def __call__(self) -> datetime:
        return self.time


class Parts:
    """Parts that answer, and count how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0

    def well(self) -> None:
        self.asked += 1

    def ill(self) -> None:
        raise OSError("no route to host secret.example.com")


@pytest.fixture
def parts() -> Parts:
    return Parts()


def probe(clock: Clock | None = None, **checks: Check) -> Probe:
    return Probe(checks, clock or Clock())


def test_parts_that_answer_are_well_and_told_how_long_they_took(parts: Parts) -> None:
    found = probe(table=parts.well, queue=parts.well).look()

    assert [(part.name, part.status) for part in found.parts] == [("table", "ok"), ("queue", "ok")]
    assert all(part.duration_ms >= 0 for part in found.parts)
    found.must_be_well()


def test_a_part_that_fails_is_named_without_a_word_of_why(parts: Parts) -> None:
    found = probe(table=parts.well, queue=parts.ill).look()

    with pytest.raises(UnhealthyError) as caught:
        found.must_be_well()
    (error,) = caught.value.errors
    assert error.field == "queue"
    assert "secret" not in error.message
    assert "secret" in found.reasons["queue"]


def test_a_part_that_hangs_has_failed_when_time_is_up(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    hangs = Event()

    found = probe(table=parts.well, queue=hangs.wait).look()

    hangs.set()
    assert [part.status for part in found.parts] == ["ok", "failed"]
    assert found.reasons == {"queue": "it did not answer in time"}
    assert found.parts[1].duration_ms >= 50


def test_parts_are_asked_again_only_after_a_while(parts: Parts) -> None:
    clock = Clock()
    asked = probe(clock, table=parts.well)

    first, again = asked.look(), asked.look()
    assert (parts.asked, first.is_cached, again.is_cached) == (1, False, True)
    assert first.parts == again.parts
    clock.time += CHECKED_FOR - timedelta(milliseconds=1)
    asked.look()
    assert parts.asked == 1
    clock.time += timedelta(milliseconds=1)
    asked.look()
    assert parts.asked == 2


def test_a_failure_is_remembered_as_well(parts: Parts) -> None:
    asked = probe(queue=parts.ill)
    asked.look()

    with pytest.raises(UnhealthyError):
        asked.look().must_be_well()
