"""Finance Main for calls that might ask it: composed when they do, which few of them do."""

from collections.abc import Callable
from decimal import Decimal

from chalicelib.domain.budgets import BudgetKey, FinanceFigures
from chalicelib.usecases.ports import Finance


class FinanceOnDemand:
    """The Finance port; an HTTP client's imports and the key's secret wait for the first question.

    Raises ConfigurationError then where the secret is out of reach, and what Finance itself raises.
    """

    def __init__(self, compose: Callable[[], Finance]) -> None:
        self._compose = compose

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        """Return what Finance says of a budget."""
        return self._compose().fetch(key)

    def reserve(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance of a hold."""
        self._compose().reserve(
            key, amount, request_id=request_id, code=code, idempotency_key=idempotency_key
        )

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance that a hold is no more."""
        self._compose().release(
            key, amount, request_id=request_id, code=code, idempotency_key=idempotency_key
        )
