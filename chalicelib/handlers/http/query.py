"""Query strings: each parameter once, into a model, with everything that is wrong told at once."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError

from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.domain.model import Value
from chalicelib.handlers.http.body import findings, spelled

_Model = TypeVar("_Model", bound=Value)


def parse(given: Mapping[str, Sequence[str]] | None, model: type[_Model]) -> _Model:
    """Return the query as `model`; raises InvalidInputError.

    How values are at odds with each other a model finds only where each is good by itself: so what
    is wrong is left out, and the rest looked at again.
    """
    values = {spelled(name): v for name, v in (given or {}).items()}
    wrong = [FieldError(name, "must be given once") for name, v in values.items() if len(v) > 1]
    rest = {name: value[0] for name, value in values.items()}
    while True:
        bad = {each.field for each in wrong}
        good = {name: value for name, value in rest.items() if name not in bad}
        if wrong and len(good) == len(rest):
            raise InvalidInputError(tuple(wrong))
        rest = good
        try:
            parsed = model.model_validate(rest, by_alias=True, by_name=False)
        except ValidationError as error:
            wrong += [each for each in findings(error) if each.field not in bad]
        else:
            if not wrong:
                return parsed
