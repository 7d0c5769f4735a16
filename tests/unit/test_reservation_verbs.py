"""Holds through the use cases: their verbs, and what expired before anyone swept it."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.access import Scope
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, Funds
from chalicelib.domain.content import BulkApproval
from chalicelib.domain.deadlines import DueKind, DueRequest, ReviewDays
from chalicelib.domain.errors import (
    AlreadyReleasedError,
    BudgetUnknownError,
    BusyError,
    ForbiddenError,
    InsufficientBudgetError,
)
from chalicelib.domain.events import EventType
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest, ReservationStatus, Status
from chalicelib.usecases import requests, reservations, reviews
from chalicelib.usecases.writing import Writing
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approval,
    budget,
    created,
    figures,
    finance_said,
    service,
)
from tests.fakes import FakeBudgetStore, FakeDueRequests, FakeFinance, FakeRequestStore

LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
END = LATER + timedelta(days=90)


class LateDueRequests(FakeDueRequests):
    """An index that still shows what was due a moment ago."""

    def freeze(self) -> None:
        self.rows = super().page("finance", DueKind.HOLD, until=END, limit=1000)

    def page(self, *_: object, **__: object) -> list[DueRequest]:
        return self.rows


class Office:
    """The verbs with their ports filled in, and a budget of 100 000."""

    def __init__(self) -> None:
        self.budgets = FakeBudgetStore()
        self.store = FakeRequestStore(self.budgets)
        self.writing = Writing(self.store)
        self.due = FakeDueRequests(self.store)
        self.finance = FakeFinance(figures(100_000))
        finance_said(self.budgets, figures(100_000))
        self._sequence = 0

    def waiting(self, amount: int = 40_000) -> int:
        self._sequence += 1
        draft = created(sequence=self._sequence, amountRequested=amount)
        self.store.commit(draft)
        requests.submit(
            draft.after.id, by=CLERK, at=AT, review_days=ReviewDays(), writing=self.writing
        )
        return draft.after.id

    def approve(self, request_id: int, at: datetime = LATER, **body: object) -> BudgetRequest:
        return requests.approve(
            request_id,
            approval(**body),
            by=SUPERADMIN if body.get("override") else ADMIN,
            at=at,
            writing=self.writing,
            due=self.due,
            budget_store=self.budgets,
            finance=self.finance,
        )

    def holding(self, amount: int = 40_000, at: datetime = LATER) -> int:
        return self.approve(self.waiting(amount), at).id

    def funds(self, request_id: int, at: datetime) -> Funds:
        return reviews.funds(
            self.store.get(request_id),
            approval(),
            by=ADMIN,
            at=at,
            store=self.store,
            due=self.due,
            budget_store=self.budgets,
            finance=self.finance,
        )

    def books(self, key: BudgetKey = KEY) -> DepartmentBudget:
        known = self.budgets.get(key)
        assert known
        return known


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_service_consumes_a_hold_in_part_and_the_rest_is_free(office: Office) -> None:
    request_id = office.holding()

    consumed = reservations.consume(
        request_id, Decimal(15_000), by=LEDGER, at=LATER, writing=office.writing
    )

    assert consumed == office.store.get(request_id)
    assert consumed.consumed_amount == Decimal(15_000)
    assert office.books().available == Decimal(85_000)


def test_a_service_releases_a_hold_once(office: Office) -> None:
    request_id = office.holding()

    reservations.release(request_id, "Not needed", by=LEDGER, at=LATER, writing=office.writing)
    with pytest.raises(AlreadyReleasedError):
        reservations.release(request_id, None, by=LEDGER, at=LATER, writing=office.writing)

    assert office.books().available == Decimal(100_000)
    assert office.store.get(request_id).history[-1].comments == "Not needed"


def test_the_service_announces_an_expiry_and_then_lets_it_happen(office: Office) -> None:
    request_id, by = office.holding(), JobName.RESERVATION_EXPIRY.actor

    warned = reservations.warn(
        request_id, by=by, at=END - timedelta(days=7), writing=office.writing
    )
    expired = reservations.expire(request_id, by=by, at=END, writing=office.writing)

    assert [entry.action for entry in expired.history[-2:]] == [
        "EXPIRY_ANNOUNCED",
        "RESERVATION_EXPIRED",
    ]
    assert warned.is_reserved
    assert office.books().available == Decimal(100_000)


def test_people_neither_consume_nor_release(office: Office) -> None:
    request_id = office.holding()

    for by in (CLERK, ADMIN, SUPERADMIN):
        with pytest.raises(ForbiddenError):
            reservations.consume(request_id, None, by=by, at=LATER, writing=office.writing)
        with pytest.raises(ForbiddenError):
            reservations.release(request_id, None, by=by, at=LATER, writing=office.writing)


def test_a_hold_past_its_end_no_longer_counts_though_nobody_swept_it(office: Office) -> None:
    office.holding(60_000)
    other = office.waiting(50_000)
    just_before = END - timedelta(microseconds=1)

    assert not office.funds(other, just_before).sufficient
    seen = office.funds(other, END)

    assert (seen.available, seen.available_after) == (Decimal(100_000), Decimal(50_000))
    assert seen.sufficient
    assert office.books().available == Decimal(40_000)  # looking changes nothing


def test_an_approval_takes_what_expired_though_nobody_swept_it(office: Office) -> None:
    expired = office.holding(60_000)
    other = office.waiting(50_000)
    with pytest.raises(InsufficientBudgetError):
        office.approve(other, END - timedelta(microseconds=1))
    assert office.store.get(expired).reservation_status is ReservationStatus.HELD

    office.approve(other, END)

    swept = office.store.get(expired)
    assert swept.reservation_status is ReservationStatus.EXPIRED
    assert swept.history[-1].changed_by == "system:reservation-expiry"
    assert office.books().available == Decimal(50_000)


def test_an_approval_that_needs_no_more_sweeps_nothing(office: Office) -> None:
    expired = office.holding(40_000)

    office.approve(office.waiting(50_000), END)

    assert office.store.get(expired).reservation_status is ReservationStatus.HELD


def test_where_even_what_expired_is_too_little_the_refusal_says_what_there_is(
    office: Office,
) -> None:
    office.holding(60_000)

    with pytest.raises(InsufficientBudgetError) as caught:
        office.approve(office.waiting(100_001), END)

    assert (caught.value.needed, caught.value.available) == ("100001.00", "100000.00")


def test_a_bulk_takes_what_expired_as_well(office: Office) -> None:
    office.holding(60_000)
    bulk = BulkApproval(ids=(office.waiting(50_000), office.waiting(50_000)))

    reviews.approve_many(
        bulk,
        by=ADMIN,
        at=END,
        store=office.store,
        due=office.due,
        budget_store=office.budgets,
        finance=office.finance,
    )

    assert office.books().available == 0


def test_what_expired_of_another_budget_is_of_no_use(office: Office) -> None:
    office.holding(60_000)
    other = KEY.model_copy(update={"fiscal_period": "Q2"})

    expired = reservations.expired_holds(other, END, due=office.due, store=office.store)

    assert list(expired) == []


def test_an_index_that_is_late_frees_nothing_twice(office: Office) -> None:
    expired = office.holding(60_000)
    late = LateDueRequests(office.store)
    late.freeze()
    assert reservations.sweep(KEY, END, due=late, store=office.store)

    seen = reservations.counting_expired(KEY, office.books(), END, due=late, store=office.store)

    assert seen.available == Decimal(100_000)
    assert not reservations.sweep(KEY, END, due=late, store=office.store)
    assert office.store.get(expired).version == 4


def test_however_many_have_expired_all_are_found(office: Office) -> None:
    ids = {office.holding(1000) for _ in range(60)}

    found = reservations.expired_holds(KEY, END, due=office.due, store=office.store)

    assert {request.id for request in found} == ids


def test_an_override_takes_what_is_not_there_and_is_told(office: Office) -> None:
    request_id = office.waiting(100_001)

    approved = office.approve(request_id, override=True, overrideReason="The audit cannot wait")

    assert approved.status is Status.APPROVED
    assert approved.overridden_by == SUPERADMIN.id
    known = office.books()
    assert (known.available, known.over_committed_since) == (Decimal(-1), LATER)
    (event,) = (event for told in office.budgets.told for event in told.events)
    assert (event.type, event.data["shortfall"]) == (EventType.OVER_COMMITTED, 1)


def test_an_override_of_what_there_is_is_told_of_no_budget(office: Office) -> None:
    office.approve(office.waiting(), override=True, overrideReason="The audit cannot wait")

    assert [event for told in office.budgets.told for event in told.events] == []


def test_a_second_shortage_is_told_although_nothing_was_synced_in_between(office: Office) -> None:
    first = office.approve(office.waiting(100_001), override=True, overrideReason="Because")
    reservations.release(first.id, None, by=LEDGER, at=LATER, writing=office.writing)

    office.approve(office.waiting(100_002), override=True, overrideReason="Because")

    events = [event for told in office.budgets.told for event in told.events]
    assert [event.sequence for event in events] == [1, 2]


def test_an_override_needs_no_known_budget(office: Office) -> None:
    office.budgets.budgets.clear()
    office.finance.figures = None
    request_id = office.waiting()
    with pytest.raises(BudgetUnknownError):
        office.approve(request_id)

    approved = office.approve(request_id, override=True, overrideReason="The audit cannot wait")

    assert approved.is_reserved
    assert office.budgets.get(KEY) is None
    finance_said(office.budgets, figures(100_000))
    assert office.books().available == Decimal(60_000)


def test_a_budget_is_shown_as_it_is_where_nothing_has_expired(office: Office) -> None:
    known = budget(available=Decimal(5))

    assert (
        reservations.counting_expired(KEY, known, END, due=office.due, store=office.store) == known
    )


def warned_and_expired_behind_others(office: Office, others: int) -> None:
    """Hold 60 000, told of its expiry, and `others` a little later, of which nobody was told."""
    first = office.holding(60_000)
    by = JobName.RESERVATION_EXPIRY.actor
    reservations.warn(first, by=by, at=LATER + timedelta(days=83), writing=office.writing)
    for _ in range(others):
        office.holding(1, LATER + timedelta(hours=1))


def test_holds_whose_warning_is_due_hide_none_that_has_expired(office: Office) -> None:
    warned_and_expired_behind_others(office, 600)

    seen = reservations.counting_expired(
        KEY, office.books(), END, due=office.due, store=office.store
    )

    assert seen.available == Decimal(99_400)
    assert office.approve(office.waiting(50_000), END).is_reserved


def test_an_approval_that_cannot_look_through_all_that_is_due_says_that_it_is_busy(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reservations, "AT_ONCE", 2)
    monkeypatch.setattr(reservations, "MAX_READS", 2)
    warned_and_expired_behind_others(office, 4)
    wanted = office.waiting(50_000)

    with pytest.raises(BusyError):
        office.approve(wanted, END)

    seen = reservations.counting_expired(
        KEY, office.books(), END, due=office.due, store=office.store
    )
    assert seen.available == Decimal(39_996)


def test_a_sweep_ends_so_many_holds_and_leaves_the_others_to_the_next(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reservations, "MAX_SWEPT", 2)
    for _ in range(3):
        office.holding(30_000)
    wanted = office.waiting(100_000)

    with pytest.raises(BusyError):
        office.approve(wanted, END)

    assert office.books().available == Decimal(70_000)
    assert office.approve(wanted, END).is_reserved
