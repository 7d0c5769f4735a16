"""Money survives every way it travels."""

import json
from decimal import Decimal
from http import HTTPStatus

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import money
from chalicelib.domain.content import NewRequest
from chalicelib.domain.messages import EventMessage
from chalicelib.handlers.http import body, envelope
from chalicelib.handlers.http.call import Answer
from chalicelib.usecases import holds
from tests.factories import AT, KEY, approved, budget, request_body, signed
from tests.fakes import FakeBudgetStore, FakeClaims, FakeFinance

CENTS = st.integers(min_value=1, max_value=money.MAX_AMOUNT * 100)
AMOUNTS = CENTS.map(money.from_cents)
PERCENTAGES = st.integers(min_value=0, max_value=100_00).map(money.from_cents)


def json_number(amount: Decimal) -> str:
    """Return an amount as it stands in an answer of ours."""
    answer = envelope.success(Answer({"amount": amount}), "", status=HTTPStatus.OK)
    return str(answer.body).split('"amount":')[1].rstrip("}")


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_cents_and_amounts_are_two_ways_to_say_the_same(cents: int) -> None:
    amount = money.from_cents(cents)

    assert money.to_cents(amount) == cents
    assert amount.as_tuple().exponent == -2


@given(AMOUNTS)
def test_an_answer_reads_back_as_the_amount_it_told(amount: Decimal) -> None:
    written = json_number(amount)

    assert Decimal(written) == amount
    assert money.from_cents(round(float(written) * 100)) == amount  # even a binary float has it
    assert "e" not in written.lower()


@given(AMOUNTS, st.sampled_from(["{}", "{}0", "{}000000"]))
def test_a_body_reads_the_amount_that_was_written(amount: Decimal, form: str) -> None:
    raw = json.dumps(request_body(amountRequested="HERE")).replace('"HERE"', form.format(amount))

    parsed = body.parse(raw, "application/json", NewRequest)

    assert parsed.amount_requested == amount


@given(AMOUNTS)
def test_a_hold_reaches_finance_as_the_amount_that_was_held(amount: Decimal) -> None:
    change = approved(amountRequested=amount)
    assert change.hold
    finance, budgets = FakeFinance(), FakeBudgetStore()
    budgets.budgets[KEY] = budget(unconfirmed=change.hold.amount)
    message = json.dumps({"detail": signed(change.events[0])})

    holds.tell_finance(
        EventMessage.model_validate_json(message).detail,
        at=AT,
        claims=FakeClaims(),
        finance=finance,
        tellings=budgets,
    )

    ((_, told, _, _),) = finance.reserved.values()
    assert told == change.hold.amount
    assert budgets.budgets[KEY].unconfirmed == 0


@given(AMOUNTS, PERCENTAGES)
def test_a_percentage_is_within_half_a_cent(amount: Decimal, percentage: Decimal) -> None:
    part = money.percentage_of(amount, percentage)

    assert 0 <= part <= amount
    assert abs(part - amount * percentage / 100) <= Decimal("0.005")
    assert part == part.quantize(money.CENT)
