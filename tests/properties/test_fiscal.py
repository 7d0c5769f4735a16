"""Every moment is in one quarter, wherever the year begins."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.fiscal import FiscalCalendar

CALENDARS = st.integers(min_value=1, max_value=12).map(lambda m: FiscalCalendar(first_month=m))
MOMENTS = st.datetimes(
    min_value=datetime(1999, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
    max_value=datetime(2101, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
LAST = timedelta(microseconds=1)


@given(CALENDARS, MOMENTS)
def test_a_moment_is_within_its_quarter(calendar: FiscalCalendar, moment: datetime) -> None:
    quarter = calendar.quarter_of(moment)

    assert calendar.begins(quarter) <= moment < calendar.ends(quarter)


@given(CALENDARS, MOMENTS)
def test_quarters_follow_each_other_without_a_gap(
    calendar: FiscalCalendar, moment: datetime
) -> None:
    quarter = calendar.quarter_of(moment)
    before = calendar.before(quarter)

    assert calendar.ends(before) == calendar.begins(quarter)
    assert calendar.quarter_of(calendar.begins(quarter) - LAST) == before


@given(CALENDARS, MOMENTS)
def test_a_year_is_named_after_where_its_last_quarter_ends(
    calendar: FiscalCalendar, moment: datetime
) -> None:
    last = calendar.quarter_of(moment).model_copy(update={"period": "Q4"})

    assert (calendar.ends(last) - LAST).year == last.year
