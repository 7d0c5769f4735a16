from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain import money
from chalicelib.domain.money import Amount, Money, Percentage

AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)
MONEY: TypeAdapter[Decimal] = TypeAdapter(Money)
PERCENTAGE: TypeAdapter[Decimal] = TypeAdapter(Percentage)


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        (1, "1.00"),
        (Decimal("0.01"), "0.01"),
        (Decimal("52500.5"), "52500.50"),
        (Decimal("1E+3"), "1000.00"),
        (Decimal("19.990"), "19.99"),
        (10_000_000, "10000000.00"),
    ],
)
def test_an_amount_comes_out_with_two_decimals(given: object, amount: str) -> None:
    assert str(AMOUNT.validate_python(given)) == amount


@pytest.mark.parametrize(
    "given",
    [
        "100",
        True,
        False,
        None,
        0,
        -1,
        100.5,  # a binary float: the parser of bodies makes none
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("1e400"),
        Decimal("1e-400"),
        Decimal("0.001"),
        Decimal("10000000.01"),
        10**4000,
        [],
    ],
)
def test_what_is_no_amount_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(given)


@pytest.mark.parametrize(
    "given",
    [
        Decimal("1e400"),
        Decimal("NaN"),
        Decimal("0.001"),
        10**21,
        Decimal("100000000000000.00"),
        Decimal("-100000000000000.00"),
    ],
)
def test_money_from_a_partner_must_be_a_sum_somebody_could_have(given: object) -> None:
    with pytest.raises(ValidationError):
        MONEY.validate_python(given)


@pytest.mark.parametrize(("given", "fine"), [(0, True), (100, True), (Decimal("100.01"), False)])
def test_a_percentage_lies_between_0_and_100(given: object, *, fine: bool) -> None:
    if fine:
        assert PERCENTAGE.validate_python(given) == given
    else:
        with pytest.raises(ValidationError):
            PERCENTAGE.validate_python(given)


@pytest.mark.parametrize(
    ("amount", "percentage", "result"),
    [
        ("52500", "5", "2625.00"),
        ("0.10", "5", "0.01"),  # 0.005 is half a cent: up
        ("0.10", "4.99", "0.00"),
        ("33.33", "33.33", "11.11"),
        ("10000000", "100", "10000000.00"),
        ("50", "0", "0.00"),
    ],
)
def test_a_percentage_is_rounded_half_up_to_a_cent(
    amount: str, percentage: str, result: str
) -> None:
    assert str(money.percentage_of(Decimal(amount), Decimal(percentage))) == result


def test_adding_tenths_is_exact() -> None:
    tenth, fifth = AMOUNT.validate_python(Decimal("0.1")), AMOUNT.validate_python(Decimal("0.2"))

    assert tenth + fifth == Decimal("0.3")


def test_cents_refuse_what_they_cannot_hold() -> None:
    with pytest.raises(ValueError, match="two decimals"):
        money.to_cents(Decimal("0.005"))


@pytest.mark.parametrize(
    ("amount", "as_json"), [("50000.00", "50000"), ("0.30", "0.3"), ("19.99", "19.99")]
)
def test_the_json_number_is_as_short_as_people_write_it(amount: str, as_json: str) -> None:
    assert repr(money.number(Decimal(amount))) == as_json
