"""Query strings: each parameter once, into a model, with everything that is wrong told at once."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError

from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.domain.model import Value
from chalicelib.handlers.http.body import findings

_Model = TypeVar("_Model", bound=Value)


def parse(given: Mapping[str, Sequence[str]] | None, model: type[_Model]) -> _Model:
    """Return the query as `model`; raises InvalidInputError."""
    values = given or {}
    twice = tuple(
        FieldError(name, "must be given once") for name, v in values.items() if len(v) > 1
    )
    if twice:
        raise InvalidInputError(twice)
    try:
        single = {name: value[0] for name, value in values.items()}
        return model.model_validate(single, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidInputError(findings(error)) from None
