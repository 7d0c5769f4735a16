"""Finance Main as it is told of money: one budget, and books that know each telling by its key."""

from abc import ABC, abstractmethod
from decimal import Decimal

from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.tellings import Telling


class Books(ABC):
    """The half of the Finance port that is told; what it does with that is `write`."""

    def reserve(
        self,
        key: BudgetKey,  # noqa: ARG002 - there is but one
        amount: Decimal,
        *,
        request_id: int,  # noqa: ARG002 - books are kept by key
        code: str,  # noqa: ARG002 - books are kept by key
        idempotency_key: str,
    ) -> None:
        """Write a hold into the books."""
        self.write(Telling.RESERVE, amount, idempotency_key)

    def release(
        self,
        key: BudgetKey,  # noqa: ARG002 - there is but one
        amount: Decimal,
        *,
        request_id: int,  # noqa: ARG002 - books are kept by key
        code: str,  # noqa: ARG002 - books are kept by key
        idempotency_key: str,
    ) -> None:
        """Write into the books that a hold, or a part of it, is no more."""
        self.write(Telling.RELEASE, amount, idempotency_key)

    @abstractmethod
    def write(self, telling: Telling, amount: Decimal, idempotency_key: str) -> None:
        """Write it down, once; raises what the Finance port raises."""
