"""Money: exact decimals with at most two places, in the company's one currency."""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

CENT = Decimal("0.01")
DECIMALS = 2
ZERO = Decimal("0.00")

#: The most a single request may ask for, and the most one line may cost (SPEC.md 3).
MAX_AMOUNT = 10_000_000

#: More digits before the point than any amount has, and few enough for canonical JSON (RFC 8785):
#: Finance could otherwise name a figure that no event of ours could be signed with.
MAX_DIGITS = 14

#: More digits than any quotient of two such amounts needs to be rounded once, to a cent.
_QUOTIENT_DIGITS = 60


def to_cents(amount: Decimal) -> int:
    """Return whole cents; raises ValueError when `amount` has more than two decimals."""
    cents = amount.scaleb(2)
    if cents != cents.to_integral_value():
        raise ValueError(f"{amount} has more than two decimals")
    return int(cents)


def from_cents(cents: int) -> Decimal:
    """Return the amount for whole `cents`, with two decimals."""
    return Decimal(cents).scaleb(-2).quantize(CENT)


def percentage_of(amount: Decimal, percentage: Decimal) -> Decimal:
    """Return `percentage` per cent of `amount`, rounded half up to a cent."""
    return (amount * percentage / 100).quantize(CENT, rounding=ROUND_HALF_UP)


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Return `dividend` / `divisor`, rounded half up to two decimals; `divisor` is not 0."""
    with localcontext(prec=_QUOTIENT_DIGITS):
        return (dividend / divisor).quantize(CENT, rounding=ROUND_HALF_UP)


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Return `part` in per cent of `whole`; None of nothing, and of less than nothing."""
    return quotient(part * 100, whole) if whole > 0 else None


def number(amount: Decimal) -> int | float:
    """Return the JSON number for `amount`: exact, as cents below 2**53 survive the round trip."""
    shown = float(amount)
    return int(shown) if shown.is_integer() else shown


def _number_only(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return Decimal(value)


def _two_places(value: Decimal) -> Decimal:
    if value.same_quantum(CENT) and value.adjusted() < MAX_DIGITS:
        return value  # as nearly all are that we stored or computed
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError("must be a finite number")  # noqa: TRY004 - pydantic collects ValueErrors
    if value.adjusted() >= MAX_DIGITS:
        raise ValueError("must be a smaller number")
    if exponent < -DECIMALS and value != value.quantize(CENT):
        raise ValueError("must have at most two decimals")
    return value.quantize(CENT)


def decimal_text(value: object) -> object:
    """Return the number that the text of a query parameter spells; raises ValueError."""
    if not isinstance(value, str):
        return value
    if not _DECIMAL_TEXT.fullmatch(value):
        raise ValueError("must be a number")
    return Decimal(value)


_DECIMAL_TEXT = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_SCHEMA = {"type": "number", "multipleOf": 0.01}

#: An amount that is already ours: stored, computed, or read from Finance as a decimal.
Money = Annotated[Decimal, AfterValidator(_two_places), WithJsonSchema(_SCHEMA)]

#: An amount a person or partner sends: a JSON number (never a string), > 0, at most MAX_AMOUNT.
Amount = Annotated[
    Decimal,
    Field(gt=0, le=MAX_AMOUNT),
    BeforeValidator(_number_only),
    AfterValidator(_two_places),
    WithJsonSchema({**_SCHEMA, "exclusiveMinimum": 0, "maximum": MAX_AMOUNT}),
]

#: 0 to 100 per cent, at most two decimals.
Percentage = Annotated[
    Decimal,
    Field(ge=0, le=100),
    BeforeValidator(_number_only),
    AfterValidator(_two_places),
    WithJsonSchema({**_SCHEMA, "minimum": 0, "maximum": 100}),
]
