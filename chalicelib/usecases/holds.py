"""Finance hears of every hold and release, and what it has confirmed is counted as contained."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.events import EventType
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.money import Money
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import Claims, Finance, HoldConfirmations

CONSUMER = "finance"


class _Told(BaseModel):
    """What an event says of the money it is about."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )

    budget_request_id: int
    request_code: str
    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod

    @property
    def key(self) -> BudgetKey:
        """The budget the money is of."""
        return BudgetKey(
            department=self.department,
            fiscal_year=self.fiscal_year,
            fiscal_period=self.fiscal_period,
        )


class _Reserved(_Told):
    """What an approval says of its hold."""

    reserved_amount: Money


class _Released(_Told):
    """What a release says of the hold it ends."""

    released_amount: Money


def tell_finance(
    event: PublishedEvent,
    *,
    at: datetime,
    claims: Claims,
    finance: Finance,
    confirmations: HoldConfirmations,
) -> None:
    """Tell Finance of a hold or of its release; any other event is none of its business.

    Finance knows a repeat by its idempotency key, which is the event's id, and so does the
    confirmation of a hold: a worker that dies in between does no harm when the event comes again.
    A release needs no confirmation: until Finance has heard of it, its figures are too low.
    Raises DeliveryFailedError, ClaimHeldError, pydantic.ValidationError on a foreign shape.
    """
    match event.type:
        case EventType.APPROVED:
            reserved = _Reserved.model_validate(event.data)

            def reserve() -> None:
                finance.reserve(
                    reserved.key,
                    reserved.reserved_amount,
                    request_id=reserved.budget_request_id,
                    code=reserved.request_code,
                    idempotency_key=event.id,
                )
                confirmations.confirm(reserved.key, reserved.reserved_amount, event_id=event.id)

            once(claims, CONSUMER, event.id, at, reserve)
        case EventType.RESERVATION_RELEASED:
            released = _Released.model_validate(event.data)

            def release() -> None:
                finance.release(
                    released.key,
                    released.released_amount,
                    request_id=released.budget_request_id,
                    code=released.request_code,
                    idempotency_key=event.id,
                )

            once(claims, CONSUMER, event.id, at, release)
