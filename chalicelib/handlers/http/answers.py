"""What an answer shows of a model: said once, for the answer itself and for its schema."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.model import Value


@dataclass(frozen=True)
class Shown:
    """A model as an answer shows it: without `hidden` fields, or `only` some, and `more` beside.

    `name` is what the OpenAPI document calls it; `more` gives the type of each added name.
    """

    name: str
    model: type[Value]
    hidden: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    def of(self, value: Value, **more: object) -> dict[str, Any]:
        """Return what is shown of `value`."""
        only = None if self.only is None else set(self.only)
        return value.model_dump(include=only, exclude=set(self.hidden)) | more


@dataclass(frozen=True)
class ManyOf:
    """A list of what is shown."""

    of: "type[Value] | Shown"


#: What a route declares that its `data` is.
Gives = type[Value] | Shown | ManyOf
