"""The calculator takes whatever Finance says, and what it tells holds together."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import money
from chalicelib.domain.budgets import DepartmentBudget
from chalicelib.domain.calculator import calculate
from chalicelib.handlers.http import envelope
from chalicelib.handlers.http.call import Answer
from tests.factories import budget, figures

LARGEST_CENTS = 10 ** (money.MAX_DIGITS + money.DECIMALS) - 1
AMOUNTS = st.integers(-LARGEST_CENTS, LARGEST_CENTS).map(money.from_cents)
MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis takes naive bounds
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
NOWS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the same
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)


@st.composite
def budgets(draw: st.DrawFn) -> DepartmentBudget:
    """Return a budget of which nothing can be relied on."""
    said = figures(
        draw(AMOUNTS),
        allocated_amount=draw(AMOUNTS),
        used_amount=draw(AMOUNTS),
        reserved_amount=draw(AMOUNTS),
        period_start=draw(MOMENTS | st.none()),
        period_end=draw(MOMENTS | st.none()),
    )
    return budget(figures=said, available=draw(AMOUNTS))


@given(budgets(), NOWS)
def test_every_budget_comes_to_something_that_an_answer_can_tell(
    known: DepartmentBudget, at: datetime
) -> None:
    found = calculate(known, at)

    assert envelope.success(Answer(found.model_dump()), "", status=HTTPStatus.OK)
    nulls = {name for name, value in found.model_dump().items() if value is None}
    assert bool(nulls) <= bool(found.notes)


@given(budgets(), NOWS)
def test_a_projection_is_a_day_to_come_on_which_the_money_is_gone(
    known: DepartmentBudget, at: datetime
) -> None:
    found = calculate(known, at)

    if found.projected_depletion is not None:
        assert found.projected_depletion >= at.date()
        assert not found.is_over_budget
        assert known.figures.period_start
        days = max(1, (at - known.figures.period_start).days)
        left = (found.projected_depletion - at.date()).days
        burnt = known.figures.used_amount * left
        assert burnt <= known.available * days < burnt + known.figures.used_amount
    assert found.projected_depletion is None or found.projected_depletion < date.max


@given(
    allocated=st.integers(min_value=1, max_value=10**12),
    shares=st.tuples(*[st.integers(min_value=0, max_value=10**12)] * 3),
)
def test_what_is_spent_and_what_is_left_are_all_of_it(
    allocated: int, shares: tuple[int, int, int]
) -> None:
    used, reserved, held = (money.from_cents(each) for each in shares)
    total = money.from_cents(allocated)
    remaining = total - used - reserved
    said = figures(remaining, allocated_amount=total, used_amount=used, reserved_amount=reserved)
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)

    found = calculate(budget(figures=said, available=remaining - held), at)

    assert found.utilization_rate is not None
    assert found.available_rate is not None
    assert abs(found.utilization_rate + found.available_rate - 100) <= Decimal("0.01")
    assert found.is_over_budget is (used + reserved + held > total)
