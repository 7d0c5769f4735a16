"""Pages: what may be asked of anything that is shown in them, and cursors that nobody can forge."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field

from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.domain.model import Value

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_PAGE = 999_999_999

_CURSOR_SIGNATURE_BYTES = 16
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def whole_text(value: object) -> object:
    """Return the number that the text of a query parameter spells; raises ValueError."""
    if isinstance(value, str):
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise ValueError("must be a whole number")
        return int(value)
    return value


def _day(value: object) -> object:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("must be a date as YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_day)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(whole_text)]
Cursor = Annotated[str, Field(min_length=1, max_length=500)]


class PageQuery(Value):
    """The query of anything that is shown in pages."""

    page: Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(whole_text)] = 1
    limit: Limit = DEFAULT_LIMIT

    @property
    def skip(self) -> int:
        """How many rows stand before this page."""
        return (self.page - 1) * self.limit


class PageMeta(Value):
    """Where a page stands: `page` is null where a cursor led here, `nextCursor` on the last.

    What takes no `cursor` has none to give: there pages go on to `totalPages`.
    `total` and `totalPages` are null where counting would read more rows than one call may.
    """

    page: int | None
    limit: int
    total: int | None
    total_pages: int | None
    next_cursor: str | None


def seal(secrets: Iterable[str], at: str, *, question: str, caller: str) -> str:
    """Return a cursor that carries the text `at`, for this question of this caller alone.

    The key is derived from the first of `secrets`, so that it is no secret to configure.
    """
    return _sealed(next(iter(secrets)), at, question, caller)


def _sealed(secret: str, at: str, question: str, caller: str) -> str:
    signature = _signature(key_of(secret), at, question, caller)
    return base64.urlsafe_b64encode(signature + at.encode()).decode().rstrip("=")


def unseal(secrets: Iterable[str], cursor: str, *, question: str, caller: str) -> str:
    """Return the text in a cursor that any of `secrets` sealed.

    Raises InvalidInputError where it is not ours for this.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at = raw[_CURSOR_SIGNATURE_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise _foreign_cursor() from None
    for secret in secrets:
        # Sealed again and compared as text: base64 has many spellings of the same bytes.
        sealed = _sealed(secret, at, question, caller)
        if hmac.compare_digest(sealed.encode(), cursor.encode()):
            return at
    raise _foreign_cursor()


def key_of(secret: str) -> bytes:
    """Return the key that is derived of a secret for cursors, and for what goes with them."""
    return hmac.digest(secret.encode(), b"budget-requests/cursor", "sha256")


def _signature(key: bytes, at: str, question: str, caller: str) -> bytes:
    text = json.dumps([at, caller, question]).encode()
    return hmac.new(key, b"cursor\n" + text, hashlib.sha256).digest()[:_CURSOR_SIGNATURE_BYTES]


def _foreign_cursor() -> InvalidInputError:
    return InvalidInputError((FieldError("cursor", "is not a cursor of this list"),))
