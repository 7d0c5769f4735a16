"""Finance Main over HTTP (SPEC.md 4)."""

import json
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import requests
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chalicelib.adapters import web
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey, FinanceFigures, UtcMoment
from chalicelib.domain.errors import (
    DeliveryFailedError,
    FinanceRefusedError,
    FinanceUnavailableError,
)
from chalicelib.domain.money import Money

TIMEOUT_SECONDS = 10.0

#: Statuses that say that Finance has not done what it was told; of any other nobody knows.
REFUSALS = set(range(400, 500)) - {HTTPStatus.REQUEST_TIMEOUT}


class _Budget(BaseModel):
    """A budget as Finance tells it; fields we do not know are none of our business."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)

    id: int | str | None = None
    allocated_amount: Money
    used_amount: Money
    reserved_amount: Money
    remaining_amount: Money
    period_start: UtcMoment | None = None
    period_end: UtcMoment | None = None


class _Answer(BaseModel):
    """The envelope of Finance's answers."""

    data: _Budget


class HttpFinance:
    """The Finance port over HTTP."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._base_url = base_url
        self._headers = {"x-api-key": api_key, "accept": "application/json"}

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        """Return Finance's figures, None on its 404; raises FinanceUnavailableError."""
        path = f"/api/budgets/{key.department}/{key.fiscal_year}/{key.fiscal_period}"
        try:
            answer = web.call(
                "GET",
                self._base_url + path,
                headers=self._headers,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise FinanceUnavailableError(
                f"Finance did not answer: {type(error).__name__}"
            ) from None
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status != HTTPStatus.OK:
            raise FinanceUnavailableError(f"Finance answered {answer.status}")
        return _figures(answer.body)

    def reserve(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance of a hold; raises DeliveryFailedError, FinanceRefusedError."""
        self._tell("reserve", _move(key, amount, request_id, code), idempotency_key)

    def release(
        self, key: BudgetKey, amount: Decimal, *, request_id: int, code: str, idempotency_key: str
    ) -> None:
        """Tell Finance that a hold is no more; raises DeliveryFailedError, FinanceRefusedError."""
        self._tell("release", _move(key, amount, request_id, code), idempotency_key)

    def _tell(self, verb: str, body: dict[str, Any], idempotency_key: str) -> None:
        try:
            answer = web.call(
                "POST",
                f"{self._base_url}/api/budgets/{verb}",
                headers=self._headers | {"Idempotency-Key": idempotency_key},
                timeout_seconds=TIMEOUT_SECONDS,
                json=body,
            )
        except requests.RequestException as error:
            raise DeliveryFailedError(f"Finance did not answer: {type(error).__name__}") from None
        if not answer.succeeded:
            said = f"Finance answered {answer.status}"
            raise (
                FinanceRefusedError(said)
                if answer.status in REFUSALS
                else DeliveryFailedError(said)
            )


def _move(key: BudgetKey, amount: Decimal, request_id: int, code: str) -> dict[str, Any]:
    return {
        "department": key.department,
        "fiscalYear": key.fiscal_year,
        "fiscalPeriod": key.fiscal_period,
        "amount": money.number(amount),
        "budgetRequestId": request_id,
        "budgetRequestCode": code,
    }


def _figures(body: bytes) -> FinanceFigures:
    try:
        # Parsed apart from validation, so that no amount passes through a binary float.
        told = _Answer.model_validate(json.loads(body, parse_float=Decimal)).data
    except (ValueError, ArithmeticError, RecursionError) as error:
        # pydantic's and json's errors are ValueErrors; the others are numbers beyond what even a
        # Decimal can hold, and nesting without end.
        raise FinanceUnavailableError(
            f"Finance answered something we do not understand: {type(error).__name__}"
        ) from None
    return FinanceFigures(
        budget_id=None if told.id is None else str(told.id),
        **told.model_dump(exclude={"id"}),
    )
