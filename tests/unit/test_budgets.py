"""What is known of a budget, and what of it a request remembers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.budgets import BudgetPicture
from tests.factories import AT, budget, figures


def test_figures_are_fresh_for_a_quarter_of_an_hour() -> None:
    known = budget()

    assert known.is_fresh(AT + timedelta(minutes=15) - timedelta(seconds=1))
    assert not known.is_fresh(AT + timedelta(minutes=15))
    assert not budget(is_stale=True).is_fresh(AT)


def test_finance_is_left_alone_for_a_minute_after_it_failed() -> None:
    failed = budget(failed_at=AT)

    assert budget().may_ask_finance(AT)
    assert not failed.may_ask_finance(AT + timedelta(seconds=59))
    assert failed.may_ask_finance(AT + timedelta(seconds=60))


def test_utilization_counts_what_is_used_reserved_and_held() -> None:
    known = budget(unconfirmed=Decimal(30_000), available=Decimal(350_000))

    assert known.utilization == Decimal("30.00")


def test_nothing_allocated_has_no_utilization() -> None:
    nothing = figures(allocated_amount=Decimal(0))

    assert budget(figures=nothing).utilization is None


@pytest.mark.parametrize(
    ("asked", "shortfall", "requires"), [("380000", None, False), ("380000.01", "0.01", True)]
)
def test_a_request_remembers_what_was_short(
    asked: str, shortfall: str | None, *, requires: bool
) -> None:
    seen = BudgetPicture(budget=budget()).seen_by(Decimal(asked))

    assert seen == {
        "department_budget_remaining": Decimal(380_000),
        "budget_shortfall": shortfall and Decimal(shortfall),
        "budget_utilization_before_request": Decimal("24.00"),
        "requires_budget_approval": requires,
        "budget_data_stale": False,
    }


def test_a_request_without_a_known_budget_says_so() -> None:
    seen = BudgetPicture(budget=None).seen_by(Decimal(1))

    assert seen["budget_data_stale"] is True
    assert seen["requires_budget_approval"] is True
    assert seen["department_budget_remaining"] is None
