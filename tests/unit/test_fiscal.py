"""The fiscal calendar: calendar quarters as in the guide, or a year that begins elsewhere."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from chalicelib.domain.fiscal import FiscalCalendar, FiscalPeriod, FiscalQuarter


def quarter(year: int, period: FiscalPeriod) -> FiscalQuarter:
    return FiscalQuarter(year=year, period=period)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026 Q1"),
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), "2026 Q1"),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026 Q2"),
        (datetime(2026, 9, 30, tzinfo=UTC), "2026 Q3"),
        (datetime(2026, 10, 1, tzinfo=UTC), "2026 Q4"),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026 Q4"),
    ],
)
def test_periods_are_calendar_quarters_unless_configured(moment: datetime, expected: str) -> None:
    assert str(FiscalCalendar().quarter_of(moment)) == expected


@pytest.mark.parametrize(
    ("first_month", "moment", "expected"),
    [
        (10, datetime(2025, 9, 30, tzinfo=UTC), "2025 Q4"),
        (10, datetime(2025, 10, 1, tzinfo=UTC), "2026 Q1"),
        (10, datetime(2026, 1, 1, tzinfo=UTC), "2026 Q2"),
        (4, datetime(2026, 3, 31, tzinfo=UTC), "2026 Q4"),
        (4, datetime(2026, 4, 1, tzinfo=UTC), "2027 Q1"),
        (2, datetime(2026, 1, 31, tzinfo=UTC), "2026 Q4"),
        (12, datetime(2026, 11, 30, tzinfo=UTC), "2026 Q4"),
    ],
)
def test_a_fiscal_year_is_named_after_the_calendar_year_it_ends_in(
    first_month: int, moment: datetime, expected: str
) -> None:
    assert str(FiscalCalendar(first_month=first_month).quarter_of(moment)) == expected


def test_a_moment_counts_where_it_is_in_utc() -> None:
    new_year_in_auckland = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=13)))

    assert str(FiscalCalendar().quarter_of(new_year_in_auckland)) == "2025 Q4"


def test_a_quarter_begins_and_ends() -> None:
    from_april = FiscalCalendar(first_month=4)

    assert from_april.begins(quarter(2027, "Q4")) == datetime(2027, 1, 1, tzinfo=UTC)
    assert from_april.ends(quarter(2027, "Q4")) == datetime(2027, 4, 1, tzinfo=UTC)


def test_before_the_first_quarter_is_the_last_of_the_year_before() -> None:
    for first_month in (1, 7):
        calendar = FiscalCalendar(first_month=first_month)
        assert calendar.before(quarter(2026, "Q1")) == quarter(2025, "Q4")
        assert calendar.before(quarter(2026, "Q3")) == quarter(2026, "Q2")


@pytest.mark.parametrize("month", [0, 13, -1])
def test_there_are_twelve_months_to_begin_with(month: int) -> None:
    with pytest.raises(ValidationError):
        FiscalCalendar(first_month=month)
