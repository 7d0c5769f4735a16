"""Bodies: strict JSON into a model, with everything that is wrong told at once."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from chalicelib.domain.errors import (
    BodyTooLargeError,
    FieldError,
    InvalidInputError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
)
from chalicelib.domain.model import Value

#: The largest body a call may have: 50 full items and the longest texts take a tenth of it.
MAX_BODY_BYTES = 1_048_576

#: Members and elements a body may have in all; the largest request has under 500. What is wrong is
#: told of each, several things at the worst, so that this bounds answers as well.
MAX_VALUES = 2_000

#: More digits than this no whole number of JSON may have: Python reads no more.
MAX_DIGITS = sys.int_info.default_max_str_digits

#: Rounds no number that a Decimal can hold.
_ALL_DIGITS = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)

#: What is wrong with the fields, by the client's names for them, that a model finds good.
Also = Callable[[Mapping[str, Any]], tuple[FieldError, ...]]

#: What pydantic would tell by the names of our classes and of Python's.
_IN_JSON = {
    "model_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "frozen_set_type": "must be a list",
    "set_type": "must be a list",
    "too_short": "must have {min_length} or more",
    "too_long": "must have {max_length} or fewer",
}

_Model = TypeVar("_Model", bound=Value)


def parse(
    raw: str | bytes | None,
    content_type: str | None,
    model: type[_Model],
    *,
    also: Also | None = None,
) -> _Model:
    """Return the body as `model`; no body is an empty object.

    `also` finds in the good fields of a bad body what else is wrong, so that it is told with it.
    Raises UnsupportedMediaTypeError, BodyTooLargeError, MalformedJsonError, InvalidInputError.
    """
    given = _json(raw, content_type or "") if raw else {}
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        wrong = findings(error)
    if also and isinstance(given, dict):
        bad = {each.field.split(".")[0] for each in wrong}
        wrong += also({name: value for name, value in given.items() if name not in bad})
    raise InvalidInputError(wrong)


def meaning(raw: bytes | None) -> bytes:
    """Return what a body says, however spaced, ordered, and its numbers spelled (10 is 10.0).

    That is the body itself if it is not JSON.

    No body says what an empty object says, as `parse` has it.
    """
    try:
        said = _strict(raw) if raw else {}
        return json.dumps(said, sort_keys=True, separators=(",", ":"), default=_spelled).encode()
    except (InvalidInputError, BodyTooLargeError, RecursionError):
        return raw or b""


def _spelled(number: Decimal) -> int | dict[str, str]:
    """Spell equal numbers alike, and none that is long only by its exponent written out."""
    plain = _ALL_DIGITS.normalize(number)
    if plain.adjusted() < MAX_DIGITS and plain == plain.to_integral_value():
        return int(plain)
    return {"number": str(plain)}  # no object that any of our models takes


def refuse_too_large(raw: bytes) -> None:
    """Look at nothing but the size of a body; raises BodyTooLargeError."""
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"The body must be at most {MAX_BODY_BYTES} bytes")


def _json(raw: str | bytes, content_type: str) -> object:
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/json":
        raise UnsupportedMediaTypeError("The body must be application/json")
    return _strict(raw)


def _strict(raw: str | bytes) -> object:
    try:
        text = raw if isinstance(raw, bytes) else raw.encode()
        refuse_too_large(text)
        found: object = json.loads(
            text.decode(),
            parse_int=_whole,
            parse_float=_exact,  # no amount passes through a binary float
            parse_constant=_no_constants,
            object_pairs_hook=_no_duplicates,
        )
        _refuse_too_many(found)
    except UnicodeError:
        raise MalformedJsonError("The body is not valid UTF-8") from None
    except RecursionError:
        raise MalformedJsonError("The body is nested too deeply") from None
    except ValueError as error:
        raise MalformedJsonError(f"The body is not valid JSON: {error}") from None
    return found


def _refuse_too_many(found: object) -> None:
    unseen, values = [found], 0
    while unseen:
        value = unseen.pop()
        if isinstance(value, dict | list):
            values += len(value)
            if values > MAX_VALUES:
                wrong = f"must have at most {MAX_VALUES} fields and list elements in all"
                raise InvalidInputError((FieldError("body", wrong),))
            unseen.extend(value.values() if isinstance(value, dict) else value)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # more digits than Python reads; its words are about Python
        raise ValueError("a number is out of range") from None


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what even a Decimal can hold
        raise ValueError("a number is out of range") from None


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    # A key of lone surrogates, which no model can look at, is spelled out and told as unknown.
    found = {key.encode(errors="backslashreplace").decode(): value for key, value in pairs}
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def findings(error: ValidationError) -> tuple[FieldError, ...]:
    """Return what pydantic found wrong, as the envelope tells it."""
    return tuple(_told(e) for e in error.errors() if not _is_about_the_rest(e))


def spelled(name: str | int) -> str:
    """Return how a field is told; one without a name by its quotes, so that there is something."""
    return str(name) or '""'


def _is_about_the_rest(error: ErrorDetails) -> bool:
    """Whether a list is too short only for what is wrong in it, which is told already."""
    given = error["input"]
    if error["type"] != "too_short" or not isinstance(given, list):
        return False
    return len(given) >= int(error.get("ctx", {})["min_length"])


def _told(error: ErrorDetails) -> FieldError:
    # A rule about several fields names the one that it is told of.
    named = error.get("ctx", {}).get("field", "body")
    field = ".".join(map(spelled, error["loc"])) or str(named)
    if error["type"] in _IN_JSON:
        return FieldError(field, _IN_JSON[error["type"]].format_map(error.get("ctx", {})))
    return FieldError(field, error["msg"].removeprefix("Value error, "))
