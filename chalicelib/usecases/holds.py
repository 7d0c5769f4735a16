"""Finance hears of every hold and release, and what it has confirmed is counted as contained."""

from datetime import datetime
from typing import ClassVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import DeliveryFailedError, FinanceRefusedError
from chalicelib.domain.events import EventType
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.money import ZERO, Money
from chalicelib.domain.tellings import Begun, Telling
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import Claims, Finance, Tellings

CONSUMER = "finance"


class _Told(BaseModel):
    """What an event says of the money that Finance is told of, by the name of the hold."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, hide_input_in_errors=True
    )
    telling: ClassVar[Telling]

    budget_request_id: int
    request_code: str
    department: Department
    fiscal_year: int
    fiscal_period: FiscalPeriod
    hold_event_id: str
    amount: Money

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

    telling = Telling.RESERVE

    amount: Money = Field(validation_alias="reservedAmount")


class _Ended(_Told):
    """What the end of a hold says of what it gives back; each kind calls that by its own name."""

    telling = Telling.RELEASE

    amount: Money = Field(
        validation_alias=AliasChoices("releasedAmount", "expiredAmount", "freedAmount")
    )


_ENDS = {
    EventType.RESERVATION_CONSUMED,
    EventType.RESERVATION_RELEASED,
    EventType.RESERVATION_EXPIRED,
}


def tell_finance(
    event: PublishedEvent,
    *,
    at: datetime,
    claims: Claims,
    finance: Finance,
    tellings: Tellings,
) -> None:
    """Tell Finance of a hold, or of what its end gave back; nothing else is its business.

    That it may have heard is written down before it is told, and that it has heard afterwards, so
    that a sync in between knows what the figures may contain. A worker that dies on the way does no
    harm when the event comes again: each of the three is done once, Finance's part by its
    idempotency key, which is the event's id. A release waits until Finance has confirmed its hold:
    queues keep no order, and Finance would be asked to give back what it knows nothing of.

    Raises DeliveryFailedError, ClaimHeldError, BusyError, pydantic.ValidationError on a foreign
    shape.
    """
    told: _Told
    if event.type == EventType.APPROVED:
        told = _Reserved.model_validate(event.data | {"holdEventId": event.id})
    elif event.type in _ENDS:
        told = _Ended.model_validate(event.data)
        if told.amount == ZERO:
            return
    else:
        return
    once(claims, CONSUMER, event.id, at, lambda: _tell(told, event.id, finance, tellings))


def _tell(told: _Told, idempotency_key: str, finance: Finance, tellings: Tellings) -> None:
    key, telling, amount, hold = told.key, told.telling, told.amount, told.hold_event_id
    begun = tellings.begin(key, telling, amount, event_id=hold)
    if begun is Begun.DONE:
        return
    if begun is Begun.EARLY:
        raise DeliveryFailedError("Finance has not confirmed the hold that this releases")
    tell = finance.reserve if telling is Telling.RESERVE else finance.release
    try:
        tell(
            key,
            amount,
            request_id=told.budget_request_id,
            code=told.request_code,
            idempotency_key=idempotency_key,
        )
    except FinanceRefusedError:
        if begun is Begun.FIRST:  # otherwise an earlier attempt may have reached it
            tellings.withdraw(key, telling, amount, event_id=hold)
        raise
    tellings.confirm(key, telling, amount, event_id=hold)
