"""What a view gets and what it gives: a call, proven and parsed, and an answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic

from typing_extensions import TypeVar

from chalicelib import bootstrap
from chalicelib.domain.access import Actor
from chalicelib.domain.content import MAX_ID_DIGITS
from chalicelib.domain.errors import ItemNotFoundError, RequestNotFoundError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.model import Value
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.writing import Writing

_ETAG = re.compile(r'"(\d{1,15})"')


class Nothing(Value):
    """The body, or the query, of a call that takes none."""


Body = TypeVar("Body", bound=Value, default=Nothing)
Query = TypeVar("Query", bound=Value, default=Nothing)


@dataclass(frozen=True)
class Answer:
    """What a view gives back: the data, and headers and paging where it has any to add.

    `is_cached` says whether it comes from a cache, for the caller and for the hit rate; None where
    the route has none.
    """

    data: object
    headers: Mapping[str, str] | None = None
    meta: Mapping[str, Any] | None = None
    is_cached: bool | None = None


@dataclass(frozen=True)
class Call(Generic[Body, Query]):
    """One call as a view sees it: proven, parsed, at one moment."""

    id: str
    at: datetime
    actor: Actor
    path: Mapping[str, str]
    body: Body
    query: Query
    if_match: str | None
    keep: Callable[[Answer], Receipt] | None

    @property
    def request_id(self) -> int:
        """The budget request the path names; one that cannot exist is not found."""
        return _number(self.path["id"], RequestNotFoundError)

    @property
    def item_id(self) -> int:
        """The line the path names; one that cannot exist is not found."""
        return _number(self.path["item_id"], ItemNotFoundError)

    @property
    def expected(self) -> frozenset[int] | None:
        """The versions the caller may have decided on, from `If-Match`; None where any will do.

        What we did not give out names none (RFC 9110, 13.1.1: weak ones never match).
        """
        if self.if_match is None or self.if_match.strip() == "*":
            return None
        found = (_ETAG.fullmatch(tag.strip()) for tag in self.if_match.split(","))
        return frozenset(int(each[1]) for each in found if each)

    def receipt(self, present: Callable[[Any], Answer]) -> Callable[[Any], Receipt] | None:
        """Return what makes the receipt of a result, presented as the answer presents it.

        None where the call came without an idempotency key.
        """
        keep = self.keep
        return None if keep is None else lambda result: keep(present(result))

    def writing(self, present: Callable[[BudgetRequest], Answer] | None = None) -> Writing:
        """Return how this call writes a request; its receipt keeps what `present` makes of it."""
        receipt = self.receipt(present) if present else None
        return Writing(bootstrap.requests(), self.expected, receipt)


def _number(text: str, otherwise: type[Exception]) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_ID_DIGITS):
        raise otherwise
    return int(text)
