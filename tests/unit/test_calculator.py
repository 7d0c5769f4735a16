"""What a budget's figures come to: the guide's calculator."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.calculator import Calculation, NoteCode, calculate
from tests.factories import AT, budget, figures

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = datetime(2026, 3, 31, tzinfo=UTC)
#: 68 days and a half into the period.
NOW = AT


def calculated(
    at: datetime = NOW, *, available: int | str = 380_000, **more: object
) -> Calculation:
    given: dict[str, Any] = {"period_start": BEGAN, "period_end": ENDS} | more
    said = figures(**given)
    return calculate(budget(figures=said, available=Decimal(available)), at)


def notes(found: Calculation) -> list[NoteCode]:
    return [note.code for note in found.notes]


def test_a_budget_under_way_has_every_figure() -> None:
    found = calculated()

    assert (found.utilization_rate, found.available_rate) == (Decimal("24.00"), Decimal("76.00"))
    assert found.burn_rate == Decimal("1764.71")  # 120 000 in 68 whole days
    assert found.projected_depletion == date(2026, 3, 10) + timedelta(days=215)
    assert (found.is_over_budget, found.is_nearing_limit, found.notes) == (False, False, ())


def test_our_own_holds_count_as_reserved() -> None:
    found = calculated(available=330_000)

    assert (found.utilization_rate, found.available_rate) == (Decimal("34.00"), Decimal("66.00"))


@pytest.mark.parametrize(("available", "nearing"), [("100000", False), ("99999.99", True)])
def test_above_eighty_per_cent_a_budget_is_nearing_its_limit(
    available: str, *, nearing: bool
) -> None:
    found = calculated(available=available)

    assert found.utilization_rate == Decimal("80.00")
    assert found.is_nearing_limit is nearing


def test_a_budget_that_promised_more_than_it_has_is_over() -> None:
    found = calculated(available=-1)

    assert (found.is_over_budget, found.projected_depletion) == (True, None)
    assert notes(found) == [NoteCode.NOTHING_LEFT]
    assert not calculated(available=0).is_over_budget


def test_the_first_day_counts_as_a_day() -> None:
    found = calculated(BEGAN + timedelta(hours=1))

    assert found.burn_rate == Decimal("120000.00")
    assert found.projected_depletion == date(2026, 1, 4)


@pytest.mark.parametrize(
    ("allocated", "note"),
    [(0, NoteCode.NOTHING_ALLOCATED), ("-0.01", NoteCode.NEGATIVE_ALLOCATION)],
)
def test_nothing_allocated_has_no_shares_and_says_so(allocated: object, note: NoteCode) -> None:
    found = calculated(allocated_amount=Decimal(str(allocated)))

    assert (found.utilization_rate, found.available_rate) == (None, None)
    assert found.burn_rate == Decimal("1764.71")
    assert notes(found) == [note]


def test_nothing_allocated_and_nothing_spent_is_at_no_limit() -> None:
    found = calculated(
        available=0,
        allocated_amount=Decimal(0),
        used_amount=Decimal(0),
        remaining_amount=Decimal(0),
    )

    assert (found.is_over_budget, found.is_nearing_limit) == (False, False)


def test_a_period_that_has_not_begun_burns_nothing_yet() -> None:
    found = calculated(BEGAN - timedelta(seconds=1))

    assert (found.burn_rate, found.projected_depletion) == (None, None)
    assert notes(found) == [NoteCode.PERIOD_NOT_BEGUN]


def test_a_period_without_dates_says_so() -> None:
    found = calculated(period_start=None, period_end=None)

    assert (found.burn_rate, found.projected_depletion) == (None, None)
    assert notes(found) == [NoteCode.PERIOD_UNKNOWN]


def test_a_period_that_is_over_burnt_what_it_burnt_and_projects_nothing() -> None:
    on_the_last_day, a_year_later = (
        calculated(ENDS + timedelta(hours=23)),
        calculated(ENDS + timedelta(days=365)),
    )

    assert on_the_last_day.notes == ()
    assert (a_year_later.burn_rate, a_year_later.projected_depletion) == (Decimal("1333.33"), None)
    assert notes(a_year_later) == [NoteCode.PERIOD_OVER]


def test_a_period_without_an_end_goes_on() -> None:
    assert calculated(NOW + timedelta(days=3650), period_end=None).notes == ()


@pytest.mark.parametrize("used", [0, -5])
def test_what_is_not_used_lasts(used: int) -> None:
    found = calculated(used_amount=Decimal(used))

    assert found.projected_depletion is None
    assert notes(found) == [NoteCode.NOTHING_USED]


def test_what_lasts_longer_than_there_are_dates_says_so() -> None:
    found = calculated(used_amount=Decimal("0.01"))

    assert found.projected_depletion is None
    assert notes(found) == [NoteCode.TOO_FAR_AWAY]


def test_dates_and_times_without_a_zone_are_in_utc() -> None:
    without_zone = datetime(2026, 1, 1)  # noqa: DTZ001 - the case at hand
    said = figures(period_start=without_zone, period_end="2026-03-31")

    assert (said.period_start, said.period_end) == (BEGAN, ENDS)
