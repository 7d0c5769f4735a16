"""The fiscal calendar: which year and quarter a moment belongs to, and when a quarter is.

A fiscal year is named after the calendar year it ends in, as most companies and the US
government name theirs: with October as first month, 1 October 2025 begins fiscal year 2026.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, get_args

from pydantic import Field

from chalicelib.domain.model import Value

FiscalPeriod = Literal["Q1", "Q2", "Q3", "Q4"]
PERIODS: tuple[FiscalPeriod, ...] = get_args(FiscalPeriod)

#: The years that may be asked for: enough for everyone, and each quarter of them is a datetime.
FIRST_YEAR = 2000
LAST_YEAR = 2100
FiscalYear = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)]

_MONTHS_IN_YEAR = 12
_MONTHS_IN_PERIOD = 3


class FiscalQuarter(Value):
    """One quarter of one fiscal year."""

    year: int
    period: FiscalPeriod

    def __str__(self) -> str:
        return f"{self.year} {self.period}"


class FiscalCalendar(Value):
    """Twelve months from the first of `first_month` (1 to 12), in UTC; calendar years by default.

    The service has one, from its configuration; the domain is told which.
    """

    first_month: int = Field(1, ge=1, le=_MONTHS_IN_YEAR)

    def quarter_of(self, moment: datetime) -> FiscalQuarter:
        """Return the quarter a moment, with its time zone, is in."""
        moment = moment.astimezone(UTC)
        return self._quarter(moment.year * _MONTHS_IN_YEAR + moment.month - 1)

    def begins(self, quarter: FiscalQuarter) -> datetime:
        """Return the first moment of a quarter."""
        return _first_of(self._first_month_of(quarter))

    def ends(self, quarter: FiscalQuarter) -> datetime:
        """Return the first moment that is not of the quarter any more."""
        return _first_of(self._first_month_of(quarter) + _MONTHS_IN_PERIOD)

    def before(self, quarter: FiscalQuarter) -> FiscalQuarter:
        """Return the quarter that came before."""
        return self._quarter(self._first_month_of(quarter) - _MONTHS_IN_PERIOD)

    def _quarter(self, month: int) -> FiscalQuarter:
        began, index = divmod(month - self._shift, _MONTHS_IN_YEAR)
        # The last month of a year that began with January is in the same year, else in the next.
        year = began if self._shift == 0 else began + 1
        return FiscalQuarter(year=year, period=PERIODS[index // _MONTHS_IN_PERIOD])

    def _first_month_of(self, quarter: FiscalQuarter) -> int:
        began = quarter.year if self._shift == 0 else quarter.year - 1
        quarters = PERIODS.index(quarter.period)
        return began * _MONTHS_IN_YEAR + self._shift + quarters * _MONTHS_IN_PERIOD

    @property
    def _shift(self) -> int:
        return self.first_month - 1


def _first_of(month: int) -> datetime:
    """Return the first moment of a month, counted from the year 0."""
    year, index = divmod(month, _MONTHS_IN_YEAR)
    return datetime(year, index + 1, 1, tzinfo=UTC)
