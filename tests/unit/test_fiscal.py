from datetime import UTC, datetime

import pytest

from chalicelib.domain.fiscal import fiscal_year_and_period


@pytest.mark.parametrize(
    ("moment", "year", "period"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), 2026, "Q1"),
        (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), 2026, "Q1"),
        (datetime(2026, 4, 1, tzinfo=UTC), 2026, "Q2"),
        (datetime(2026, 9, 30, tzinfo=UTC), 2026, "Q3"),
        (datetime(2026, 10, 1, tzinfo=UTC), 2026, "Q4"),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), 2026, "Q4"),
    ],
)
def test_periods_are_calendar_quarters(moment: datetime, year: int, period: str) -> None:
    assert fiscal_year_and_period(moment) == (year, period)
