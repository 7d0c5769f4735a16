"""Finance hears of every hold, and what Finance has confirmed is counted as contained."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.money import Money
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import Claims, Finance, HoldConfirmations

CONSUMER = "finance"


class _Approved(BaseModel):
    """What an approval event says of its hold."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    budget_request_id: int
    request_code: str
    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod
    reserved_amount: Money


def reserve(
    event: PublishedEvent,
    *,
    at: datetime,
    claims: Claims,
    finance: Finance,
    confirmations: HoldConfirmations,
) -> None:
    """Tell Finance of an approved request's hold, then count it as confirmed.

    Finance knows a repeat by its idempotency key, which is the event's id, and so does the
    confirmation: a worker that dies in between does no harm when the event comes again.
    Raises DeliveryFailedError, ClaimHeldError, pydantic.ValidationError on a foreign shape.
    """
    hold = _Approved.model_validate(event.data)
    key = BudgetKey(
        department=hold.department, fiscal_year=hold.fiscal_year, fiscal_period=hold.fiscal_period
    )

    def act() -> None:
        finance.reserve(
            key,
            hold.reserved_amount,
            request_id=hold.budget_request_id,
            code=hold.request_code,
            idempotency_key=event.id,
        )
        confirmations.confirm(key, hold.reserved_amount, event_id=event.id)

    once(claims, CONSUMER, event.id, at, act)
