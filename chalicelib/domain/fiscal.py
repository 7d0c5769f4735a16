"""The fiscal calendar: which year and quarter a moment belongs to."""

from datetime import datetime
from typing import Literal

FiscalPeriod = Literal["Q1", "Q2", "Q3", "Q4"]
PERIODS: tuple[FiscalPeriod, ...] = ("Q1", "Q2", "Q3", "Q4")


def fiscal_year_and_period(moment: datetime) -> tuple[int, FiscalPeriod]:
    """Return (year, quarter) of `moment` in UTC: calendar quarters, as in the guide."""
    return moment.year, PERIODS[(moment.month - 1) // 3]
