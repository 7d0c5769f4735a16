"""Everything that is wrong with a call, wherever it stands, in one answer (SPEC.md 2)."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.domain.errors import FieldError, InvalidInputError


class Faults:
    """What the parts of one call were found to have wrong with them."""

    def __init__(self) -> None:
        self._found: tuple[FieldError, ...] = ()

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep what is wrong with the fields read here; what is unreadable is told at once."""
        try:
            yield
        except InvalidInputError as error:
            if not error.errors:
                raise
            self._found += error.errors

    def tell(self) -> None:
        """Raise InvalidInputError if anything was found."""
        if self._found:
            raise InvalidInputError(self._found)
