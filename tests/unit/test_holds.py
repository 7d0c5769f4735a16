"""Finance hears of every hold, and what it confirmed counts once."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import Scope
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.errors import ClaimHeldError, DeliveryFailedError, FinanceRefusedError
from chalicelib.domain.jobs import JobName
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.tellings import Begun, Telling
from chalicelib.usecases import holds
from tests.factories import (
    AT,
    CLERK,
    KEY,
    LATER,
    approved,
    budget,
    finance_heard,
    published,
    service,
    signed,
    submitted,
)
from tests.fakes import FakeBudgetStore, FakeClaims, FakeFinance

EVENT = published(approved())


LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
SWEEPER = JobName.RESERVATION_EXPIRY.actor
END = LATER + timedelta(days=90)


def ended(change: Change) -> PublishedEvent:
    """Return the event of a hold's end, as a worker reads it from its queue."""
    return PublishedEvent.model_validate(signed(change.events[-1]))


def cancelled(at: datetime) -> Change:
    return transitions.cancel(approved().after, Cancellation(reason="No need any more"), CLERK, at)


class Desk:
    """The use case with its ports filled in, and a budget that holds the event's money."""

    def __init__(self) -> None:
        self.claims = FakeClaims()
        self.finance = FakeFinance()
        self.budgets = FakeBudgetStore()
        self.budgets.budgets[KEY] = budget(available=Decimal(327_500), unconfirmed=Decimal(52_500))

    def tell(self, event: PublishedEvent = EVENT) -> None:
        holds.tell_finance(
            event,
            at=AT,
            claims=self.claims,
            finance=self.finance,
            tellings=self.budgets,
        )

    @property
    def unconfirmed(self) -> Decimal:
        return self.budgets.budgets[KEY].unconfirmed


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_finance_is_told_of_a_hold_under_the_events_id(desk: Desk) -> None:
    desk.tell()

    assert desk.finance.reserved == {
        EVENT.id: (KEY, Decimal("52500.00"), 20260000001, "BR-2026-001")
    }
    assert desk.unconfirmed == 0
    assert desk.budgets.budgets[KEY].available == Decimal(327_500)


def test_a_hold_told_twice_counts_once(desk: Desk) -> None:
    desk.tell()
    desk.tell()

    assert len(desk.finance.reserved) == 1
    assert desk.unconfirmed == 0


def test_a_silent_finance_is_told_when_it_answers(desk: Desk) -> None:
    desk.finance.is_silent = True
    with pytest.raises(DeliveryFailedError):
        desk.tell()
    assert desk.unconfirmed == Decimal(52_500)

    desk.finance.is_silent = False
    desk.tell()

    assert list(desk.finance.reserved) == [EVENT.id]
    assert desk.unconfirmed == 0


def test_a_worker_that_died_after_the_confirmation_does_no_harm(desk: Desk) -> None:
    finance_heard(desk.budgets, Decimal(52_500), event_id=EVENT.id)

    desk.tell()

    assert desk.unconfirmed == 0
    assert desk.finance.reserved == {}  # it has heard


def test_a_worker_that_died_before_finance_answered_tells_it_again(desk: Desk) -> None:
    desk.budgets.begin(KEY, Telling.RESERVE, Decimal(52_500), event_id=EVENT.id)

    desk.tell()

    assert list(desk.finance.reserved) == [EVENT.id]
    assert desk.unconfirmed == 0


def begun_by_another(desk: Desk) -> Begun:
    """Return what another worker finds that begins to tell of the hold."""
    return desk.budgets.begin(KEY, Telling.RESERVE, Decimal(52_500), event_id=EVENT.id)


def test_what_finance_refuses_has_not_reached_it(desk: Desk) -> None:
    desk.finance.refuses = True

    with pytest.raises(FinanceRefusedError):
        desk.tell()

    assert desk.unconfirmed == Decimal(52_500)
    assert begun_by_another(desk) is Begun.FIRST


def test_what_finance_refuses_may_have_reached_it_before(desk: Desk) -> None:
    desk.finance.is_silent = True
    with pytest.raises(DeliveryFailedError):
        desk.tell()
    desk.finance.is_silent, desk.finance.refuses = False, True

    with pytest.raises(FinanceRefusedError):
        desk.tell()

    assert begun_by_another(desk) is Begun.AGAIN


def test_a_hold_that_another_worker_is_at_comes_back(desk: Desk) -> None:
    desk.claims.claim("finance", EVENT.id, AT)

    with pytest.raises(ClaimHeldError):
        desk.tell()

    assert desk.finance.reserved == {}


def test_cents_arrive_as_cents(desk: Desk) -> None:
    change = approved(amountRequested=Decimal("33.33"))

    desk.tell(published(change))

    ((_, amount, _, _),) = desk.finance.reserved.values()
    assert change.hold
    assert str(amount) == str(change.hold.amount) == "35.00"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"department": "legal"},
        {"fiscalPeriod": "Q5"},
        {"reservedAmount": "much"},
        {"reservedAmount": 0.001},
    ],
)
def test_a_foreign_event_is_refused_without_repeating_what_it_said(
    desk: Desk, data: dict[str, Any]
) -> None:
    given = EVENT.data | data if data else {}
    event = EVENT.model_copy(update={"data": given})

    with pytest.raises(ValidationError) as caught:
        desk.tell(event)

    assert desk.finance.reserved == {}
    assert "input_value" not in str(caught.value)


def test_an_event_of_another_kind_holds_nothing(desk: Desk) -> None:
    desk.tell(published(submitted()))

    assert desk.finance.reserved == desk.finance.released == {}


ENDED: dict[str, tuple[PublishedEvent, str]] = {
    "released": (
        ended(reservations.release(approved().after, LEDGER, LATER, None)),
        "52500.00",
    ),
    "expired": (ended(reservations.expire(approved().after, SWEEPER, END)), "52500.00"),
    "cancelled": (ended(cancelled(LATER)), "52500.00"),
    "cancelled late": (ended(cancelled(END)), "52500.00"),
    "consumed in part": (
        ended(reservations.consume(approved().after, Decimal(52_000), LEDGER, LATER)),
        "500.00",
    ),
}
EVERY_END = pytest.mark.parametrize(("event", "freed"), ENDED.values(), ids=ENDED)


@EVERY_END
def test_finance_is_told_under_the_events_id_of_what_an_end_gives_back(
    desk: Desk, event: PublishedEvent, freed: str
) -> None:
    desk.tell()

    desk.tell(event)
    desk.tell(event)

    assert desk.finance.released == {event.id: (KEY, Decimal(freed), 20260000001, "BR-2026-001")}
    assert len(desk.finance.reserved) == 1


@EVERY_END
def test_a_release_waits_until_its_hold_was_confirmed(
    desk: Desk, event: PublishedEvent, freed: str
) -> None:
    with pytest.raises(DeliveryFailedError):
        desk.tell(event)
    assert desk.finance.released == {}

    desk.tell()
    desk.tell(event)

    ((_, amount, _, _),) = desk.finance.released.values()
    assert str(amount) == freed


def test_the_confirmation_of_another_hold_does_not_do(desk: Desk) -> None:
    desk.tell(published(approved(sequence=2)))

    with pytest.raises(DeliveryFailedError):
        desk.tell(ENDED["released"][0])


def test_what_is_consumed_whole_leaves_nothing_to_tell(desk: Desk) -> None:
    desk.tell(ended(reservations.consume(approved().after, None, LEDGER, LATER)))

    assert desk.finance.released == {}


def test_a_release_that_finance_did_not_take_comes_back(desk: Desk) -> None:
    event, _ = ENDED["released"]
    desk.tell()
    desk.finance.is_silent = True
    with pytest.raises(DeliveryFailedError):
        desk.tell(event)

    desk.finance.is_silent = False
    desk.tell(event)

    assert list(desk.finance.released) == [event.id]


@pytest.mark.parametrize("name", ["holdEventId", "releasedAmount", "fiscalYear"])
def test_a_release_that_lacks_what_it_is_of_is_refused(desk: Desk, name: str) -> None:
    event, _ = ENDED["released"]
    data = {key: value for key, value in event.data.items() if key != name}

    with pytest.raises(ValidationError):
        desk.tell(event.model_copy(update={"data": data}))
