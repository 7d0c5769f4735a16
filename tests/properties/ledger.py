"""Finance Main as a ledger that keeps honest books, and answers late, wrongly or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto

from chalicelib.domain.budgets import BudgetKey, FinanceFigures
from chalicelib.domain.errors import (
    DeliveryFailedError,
    FinanceRefusedError,
    FinanceUnavailableError,
)
from chalicelib.domain.tellings import Telling
from tests.factories import figures
from tests.properties.books import Books


class Mood(Enum):
    """How Finance takes what it is asked."""

    WELL = auto()
    SILENT = auto()
    FORGETS_TO_ANSWER = auto()
    REFUSES = auto()


@dataclass
class Ledger(Books):
    """The Finance port on books of its own: one budget, told of by idempotency key.

    `base` is what would be left if we held nothing. `meanwhile` happens between a look into the
    books and the answer's arrival; `told` keeps, by the number of our fetch, the base and what was
    left at the look.
    """

    base: Decimal
    fetch_number: Callable[[], int]
    outside: Callable[[], None]
    mood: Mood = Mood.WELL
    meanwhile: Callable[[], object] | None = None
    told: dict[int, tuple[Decimal, Decimal]] = field(default_factory=dict)
    reserved: dict[str, Decimal] = field(default_factory=dict)
    released: dict[str, Decimal] = field(default_factory=dict)

    @property
    def remaining(self) -> Decimal:
        """What the books say is left."""
        return self.base - sum(self.reserved.values()) + sum(self.released.values())

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:  # noqa: ARG002 - there is but one
        """Say what is left, as it was when the books were looked into."""
        self.outside()
        if self.mood is Mood.SILENT:
            raise FinanceUnavailableError
        self.told[self.fetch_number()] = (self.base, self.remaining)
        said = figures(self.remaining)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        self.outside()
        if self.mood is Mood.FORGETS_TO_ANSWER:
            raise FinanceUnavailableError
        return said

    def write(self, telling: Telling, amount: Decimal, idempotency_key: str) -> None:
        """Write it down, once, as the mood is."""
        self.outside()
        if self.mood is Mood.SILENT:
            raise DeliveryFailedError("silent")
        if self.mood is Mood.REFUSES:
            raise FinanceRefusedError("no")
        book = self.reserved if telling is Telling.RESERVE else self.released
        assert book.setdefault(idempotency_key, amount) == amount
        self.outside()
        if self.mood is Mood.FORGETS_TO_ANSWER:
            raise DeliveryFailedError("no answer")
