"""The verbs of a request on in-memory stores."""

from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.domain.access import Actor
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import (
    BudgetUnknownError,
    ForbiddenError,
    InsufficientBudgetError,
    InvalidStatusError,
    RequestNotFoundError,
)
from chalicelib.domain.events import AuditAction
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.usecases import requests
from chalicelib.usecases.writing import Writing
from tests.factories import (
    ADMIN,
    AT,
    CALENDAR,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    budget,
    figures,
    new_request,
    rejection,
)
from tests.fakes import (
    FakeAuditQueue,
    FakeBudgetStore,
    FakeDueRequests,
    FakeFinance,
    FakeRequestStore,
)


class Office:
    """The verbs with their ports filled in."""

    def __init__(self) -> None:
        self.budgets = FakeBudgetStore()
        self.store = FakeRequestStore(self.budgets)
        self.writing = Writing(self.store)
        self.due = FakeDueRequests(self.store)
        self.finance = FakeFinance(figures())
        self.audit = FakeAuditQueue()

    def create(self, by: Actor = CLERK, **fields: object) -> BudgetRequest:
        return requests.create(
            new_request(**fields),
            by=by,
            at=AT,
            writing=self.writing,
            calendar=CALENDAR,
            due=self.due,
            budget_store=self.budgets,
            finance=self.finance,
        )

    def view(self, request_id: int, by: Actor) -> BudgetRequest:
        return requests.view(
            request_id, by=by, at=LATER, call_id="call-1", store=self.store, audit=self.audit
        )

    def waiting(self, **fields: object) -> int:
        request_id = self.create(CLERK, **fields).id
        requests.submit(request_id, by=CLERK, at=AT, review_days=ReviewDays(), writing=self.writing)
        return request_id

    def approve(
        self, request_id: int, by: Actor = ADMIN, at: datetime = LATER, **body: object
    ) -> BudgetRequest:
        return requests.approve(
            request_id,
            approval(**body),
            by=by,
            at=at,
            writing=self.writing,
            due=self.due,
            budget_store=self.budgets,
            finance=self.finance,
        )


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_draft_shows_what_finance_says_is_left(office: Office) -> None:
    request = office.create(amountRequested=400_000)

    assert office.store.get(request.id) == request
    assert request.department_budget_remaining == Decimal(380_000)
    assert request.budget_shortfall == Decimal(20_000)
    assert not request.budget_data_stale


def test_with_finance_down_a_draft_shows_the_stale_figures(office: Office) -> None:
    office.budgets.budgets[KEY] = budget(200_000, is_stale=True)
    office.finance.is_silent = True

    request = office.create()

    assert request.department_budget_remaining == Decimal(200_000)
    assert request.budget_data_stale


def test_with_finance_down_and_nothing_known_a_draft_is_made_all_the_same(office: Office) -> None:
    office.finance.is_silent = True

    request = office.create()

    assert request.department_budget_remaining is None
    assert request.budget_data_stale
    assert request.requires_budget_approval


def test_who_may_not_create_uses_up_no_number(office: Office) -> None:
    with pytest.raises(ForbiddenError):
        office.create(by=actor("HR Clerk"))

    assert office.finance.fetches == 0
    assert office.create().request_code == "BR-2026-001"
    assert office.create().request_code == "BR-2026-002"


def test_a_view_is_audited_once_a_call(office: Office) -> None:
    request = office.create()

    assert office.view(request.id, CLERK) == request

    (entry,) = office.audit.sent
    assert (entry.id, entry.action) == ("aud_call-1", AuditAction.VIEW)
    assert (entry.record_code, entry.performed_by) == ("BR-2026-001", CLERK.id)
    assert entry.time == LATER


def test_a_refused_view_shows_and_audits_nothing(office: Office) -> None:
    request = office.create()

    for by in (actor("Finance Clerk", id="u-colleague"), actor("HR Admin")):
        with pytest.raises(ForbiddenError):
            office.view(request.id, by)
    with pytest.raises(RequestNotFoundError):
        office.view(request.id + 1, CLERK)

    assert office.audit.sent == []


def test_an_approval_takes_the_money_and_the_buffer(office: Office) -> None:
    request_id = office.waiting(amountRequested=52_500)

    request = office.approve(request_id, bufferPercentage=5)

    assert request.reserved_amount == Decimal("55125.00")
    known = office.budgets.get(KEY)
    assert known
    assert known.available == Decimal("324875.00")
    assert known.unconfirmed == Decimal("55125.00")


def test_an_approval_beyond_what_is_left_changes_nothing(office: Office) -> None:
    request_id = office.waiting(amountRequested=380_000)

    with pytest.raises(InsufficientBudgetError) as caught:
        office.approve(request_id, bufferPercentage=Decimal("0.01"))

    assert (caught.value.needed, caught.value.available) == ("380038.00", "380000.00")
    assert office.store.get(request_id).status is Status.PENDING
    assert office.approve(request_id).reserved_amount == Decimal(380_000)


def test_an_approval_asks_finance_once_more_where_no_budget_is_known(office: Office) -> None:
    office.finance.is_silent = True
    request_id = office.waiting()
    with pytest.raises(BudgetUnknownError, match="finance 2026 Q1"):
        office.approve(request_id)

    office.finance.is_silent = False

    assert office.approve(request_id).status is Status.APPROVED


def test_an_approval_without_any_budget_is_refused(office: Office) -> None:
    office.finance.figures = None
    request_id = office.waiting()

    with pytest.raises(BudgetUnknownError):
        office.approve(request_id)

    assert office.store.get(request_id).status is Status.PENDING


def test_a_second_approval_holds_nothing_more(office: Office) -> None:
    request_id = office.waiting()
    office.approve(request_id)

    with pytest.raises(InvalidStatusError, match="this one is approved"):
        office.approve(request_id, by=SUPERADMIN)

    known = office.budgets.get(KEY)
    assert known
    assert known.unconfirmed == Decimal(50_000)


def test_a_rejection_is_kept_with_its_reason(office: Office) -> None:
    request_id = office.waiting()

    requests.reject(request_id, rejection("No money"), by=ADMIN, at=LATER, writing=office.writing)

    kept = office.store.get(request_id)
    assert (kept.status, kept.review_notes) == (Status.REJECTED, "No money")


def test_what_does_not_exist_is_not_found(office: Office) -> None:
    with pytest.raises(RequestNotFoundError):
        requests.submit(1, by=CLERK, at=AT, review_days=ReviewDays(), writing=office.writing)
    with pytest.raises(RequestNotFoundError):
        office.approve(1)
    with pytest.raises(RequestNotFoundError):
        requests.reject(1, rejection(), by=ADMIN, at=AT, writing=office.writing)


def test_each_verb_is_one_commit(office: Office) -> None:
    request_id = office.waiting()
    office.approve(request_id)

    assert [change.audit.action for change in office.store.changes] == [
        AuditAction.CREATE,
        AuditAction.SUBMIT,
        AuditAction.APPROVE,
    ]
