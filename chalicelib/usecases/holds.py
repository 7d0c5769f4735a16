"""Finance hears of every hold and release, and what it has confirmed is counted as contained."""

from collections.abc import Callable
from datetime import datetime

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.events import EventType
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.money import ZERO, Money
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


class _Ended(_Told):
    """What the end of a hold says of what it gives back; each kind calls that by its own name."""

    hold_event_id: str
    freed: Money = Field(
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
    confirmations: HoldConfirmations,
) -> None:
    """Tell Finance of a hold, or of what its end gave back; nothing else is its business.

    Finance knows a repeat by its idempotency key, which is the event's id, and so does the
    confirmation of a hold: a worker that dies in between does no harm when the event comes again.
    A release waits until Finance has confirmed its hold: queues keep no order, and Finance would
    be asked to give back what it knows nothing of. It needs no confirmation: until Finance has
    heard of it, its figures are too low. Raises DeliveryFailedError, ClaimHeldError, BusyError,
    pydantic.ValidationError on a foreign shape.
    """
    act: Callable[[], None]
    if event.type == EventType.APPROVED:
        reserved = _Reserved.model_validate(event.data)

        def act() -> None:
            finance.reserve(
                reserved.key,
                reserved.reserved_amount,
                request_id=reserved.budget_request_id,
                code=reserved.request_code,
                idempotency_key=event.id,
            )
            confirmations.confirm(reserved.key, reserved.reserved_amount, event_id=event.id)

    elif event.type in _ENDS:
        ended = _Ended.model_validate(event.data)
        if ended.freed == ZERO:
            return

        def act() -> None:
            if not confirmations.is_confirmed(ended.key, event_id=ended.hold_event_id):
                raise DeliveryFailedError("Finance has not confirmed the hold that this releases")
            finance.release(
                ended.key,
                ended.freed,
                request_id=ended.budget_request_id,
                code=ended.request_code,
                idempotency_key=event.id,
            )

    else:
        return
    once(claims, CONSUMER, event.id, at, act)
