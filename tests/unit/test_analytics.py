"""Departments in figures."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.aggregates import Amounts, DayAggregate, Sums
from chalicelib.domain.analytics import MAX_TREND_DAYS, Dashboard, DepartmentAnalytics, TrendQuery
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import DepartmentNotFoundError, ForbiddenError, InvalidInputError
from chalicelib.domain.overviews import Quarter
from chalicelib.domain.requests import Status
from chalicelib.usecases import analytics as usecase
from chalicelib.usecases.analytics import Sources
from chalicelib.usecases.overviews import Books
from tests.factories import (
    ADMIN,
    AT,
    CALENDAR,
    CLERK,
    SUPERADMIN,
    actor,
    approval,
    budget,
    created,
    figures,
    rejection,
)
from tests.fakes import (
    FakeAggregates,
    FakeBudgetStore,
    FakeDueRequests,
    FakeFinance,
    FakeRequestLists,
    FakeRequestStore,
)

TODAY = AT.date()
YESTERDAY = TODAY - timedelta(days=1)
CLERKS: dict[Department, Actor] = {"finance": CLERK, "hr": actor("HR Clerk")}
HOLDS_UNTIL = AT + timedelta(days=reservations.RESERVATION_DAYS)


class House:
    """Requests, budgets and days of finance and hr."""

    def __init__(self) -> None:
        self.budgets = FakeBudgetStore()
        for department in CLERKS:
            key = BudgetKey(department=department, fiscal_year=2026, fiscal_period="Q1")
            self.budgets.budgets[key] = budget(key=key)
        self.store = FakeRequestStore(self.budgets)
        self.aggregates = FakeAggregates()
        self.finance = FakeFinance()
        self.sources = Sources(
            lists=FakeRequestLists(self.store),
            aggregates=self.aggregates,
            books=Books(
                store=self.budgets,
                finance=self.finance,
                calendar=CALENDAR,
                requests=self.store,
                due=FakeDueRequests(self.store),
            ),
        )
        self._sequence = 0

    def request(self, amount: Decimal | int = 1000, department: Department = "finance") -> int:
        """Keep a request that waits for review."""
        self._sequence += 1
        by = CLERKS[department]
        change = created(
            by=by, sequence=self._sequence, department=department, amountRequested=amount
        )
        self.store.commit(change)
        self.store.commit(transitions.submit(change.after, by, AT))
        return change.after.id

    def approve(self, request_id: int, *, hours_later: int = 0) -> None:
        at = AT + timedelta(hours=hours_later)
        request = self.store.get(request_id)
        self.store.commit(transitions.approve(request, approval(), SUPERADMIN, at))

    def reject(self, request_id: int, *, hours_later: int = 0) -> None:
        at = AT + timedelta(hours=hours_later)
        request = self.store.get(request_id)
        self.store.commit(transitions.reject(request, rejection(), SUPERADMIN, at))

    def dashboard(self, by: Actor = SUPERADMIN, at: datetime = AT, **quarter: object) -> Dashboard:
        meant = Quarter.model_validate(quarter)
        return usecase.dashboard(meant, by=by, at=at, sources=self.sources)

    def department(self, name: str, by: Actor = SUPERADMIN) -> DepartmentAnalytics:
        return usecase.department(name, Quarter(), by=by, at=AT, sources=self.sources)


@pytest.fixture
def house() -> House:
    return House()


def test_a_dashboard_counts_by_department_and_altogether(house: House) -> None:
    house.approve(house.request(Decimal("0.10")))
    house.reject(house.request(Decimal("0.20")))
    house.request(Decimal("0.70"), "hr")

    told = house.dashboard()

    finance, hr, inventory, operations = told.departments
    assert [each.department for each in told.departments] == [
        "finance",
        "hr",
        "inventory",
        "operations",
    ]
    assert {each.status: (each.count, each.requested) for each in finance.by_status} == {
        Status.PENDING: (0, 0),
        Status.APPROVED: (1, Decimal("0.10")),
        Status.REJECTED: (1, Decimal("0.20")),
        Status.CANCELLED: (0, 0),
    }
    assert (finance.reserved, hr.reserved) == (Decimal("0.10"), Decimal(0))
    assert told.totals.requests.total == 3
    assert sum(each.requested for each in told.totals.by_status) == 1
    assert inventory.requests.total == operations.requests.total == 0


def test_an_admin_sees_the_own_department_alone(house: House) -> None:
    house.request()
    house.request(department="hr")

    told = house.dashboard(actor("HR Admin"))

    assert [each.department for each in told.departments] == ["hr"]
    assert told.totals.requests.total == 1


@pytest.mark.parametrize("by", [CLERK, actor("Legal Admin")])
def test_who_is_no_departments_admin_sees_no_figures(by: Actor, house: House) -> None:
    with pytest.raises(ForbiddenError):
        house.dashboard(by)


def test_a_decision_takes_on_the_average_what_both_took(house: House) -> None:
    house.approve(house.request(), hours_later=1)
    house.reject(house.request(), hours_later=4)

    assert house.dashboard(ADMIN).totals.average_waiting_hours == Decimal("2.50")


def test_without_decisions_there_is_no_average(house: House) -> None:
    house.request()

    assert house.dashboard().totals.average_waiting_hours is None


def test_budgets_are_those_of_the_quarter_that_is_asked_for(house: House) -> None:
    now, then = house.dashboard(), house.dashboard(fiscal_period="Q4", fiscal_year=2025)

    assert (now.fiscal_year, now.fiscal_period) == (2026, "Q1")
    assert (then.fiscal_year, then.fiscal_period) == (2025, "Q4")
    assert [each.budget.is_known for each in now.departments] == [True, True, False, False]
    assert not any(each.budget.is_known for each in then.departments)


def test_budgets_are_used_altogether_as_much_as_their_sums_say(house: House) -> None:
    house.approve(house.request(100_000))

    # 120 000 used of each of the two, 100 000 held, of 500 000 each.
    assert house.dashboard().utilization_rate == Decimal("34.00")


@pytest.mark.parametrize("allocated", [0, -5])
def test_without_an_allocation_there_is_no_utilisation(allocated: int, house: House) -> None:
    said = figures(allocated_amount=Decimal(allocated))
    for key, known in house.budgets.budgets.items():
        house.budgets.budgets[key] = known.model_copy(update={"figures": said})

    told = house.dashboard()

    assert told.utilization_rate is None
    assert told.departments[0].budget.calculator
    assert told.departments[0].budget.calculator.utilization_rate is None


def test_with_finance_silent_and_nothing_known_a_dashboard_is_there(house: House) -> None:
    house.budgets.budgets.clear()
    house.finance.is_silent = True
    house.request()

    told = house.dashboard()

    assert told.totals.requests.total == 1
    assert told.utilization_rate is None
    assert not any(each.budget.is_known for each in told.departments)


def test_holds_that_expire_within_a_week_are_named_the_next_first(house: House) -> None:
    first, second, late = house.request(100), house.request(200, "hr"), house.request(400)
    house.approve(second, hours_later=2)
    house.approve(first, hours_later=1)
    house.approve(late, hours_later=24 * 8)
    at = HOLDS_UNTIL - timedelta(days=6)

    soon = house.dashboard(at=at).totals.expiring_soon

    assert [hold.id for hold in soon.next] == [first, second]
    assert (soon.count, soon.amount, soon.is_complete) == (2, Decimal(300), True)


def test_a_hold_that_was_announced_still_expires_soon(house: House) -> None:
    request_id = house.request()
    house.approve(request_id)
    at = HOLDS_UNTIL - timedelta(days=6)
    system = actor("System", level="system", id="system:reservation-expiry")
    house.store.commit(reservations.warn(house.store.get(request_id), system, at))

    assert house.dashboard(at=at).totals.expiring_soon.count == 1


def test_what_has_expired_is_held_no_more_and_expires_no_more(house: House) -> None:
    house.approve(house.request())

    told = house.dashboard(at=HOLDS_UNTIL).totals

    assert (told.reserved, told.expiring_soon.count) == (Decimal(0), 0)


def test_more_than_anyone_counts_is_not_told_as_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecase, "EXPIRING_AT_ONCE", 1)
    monkeypatch.setattr(usecase, "MAX_EXPIRING_READS", 2)
    for _ in range(3):
        house.approve(house.request())

    soon = house.dashboard(at=HOLDS_UNTIL - timedelta(days=1)).totals.expiring_soon

    assert (soon.count, soon.is_complete) == (2, False)


def test_no_more_holds_are_named_than_are_shown(house: House) -> None:
    for _ in range(12):
        house.approve(house.request(1))

    soon = house.dashboard(at=HOLDS_UNTIL - timedelta(days=1)).totals.expiring_soon

    assert (soon.count, len(soon.next)) == (12, 10)


def test_a_department_has_its_last_thirty_days(house: House) -> None:
    house.request()
    house.aggregates.record(day(YESTERDAY, count=2))

    told = house.department("finance", ADMIN)

    assert (told.trend.first, told.trend.last) == (TODAY - timedelta(days=30), YESTERDAY)
    assert len(told.trend.days) == 30
    assert told.trend.count == 2
    assert (told.requests.total, told.department, told.budget.is_known) == (1, "finance", True)


def test_a_department_is_seen_by_its_own_admins_alone(house: House) -> None:
    with pytest.raises(ForbiddenError):
        house.department("hr", ADMIN)
    with pytest.raises(DepartmentNotFoundError):
        house.department("legal")


def day(
    of: date,
    *,
    count: int = 1,
    department: Department = "finance",
    status: Status = Status.PENDING,
) -> DayAggregate:
    sums = Sums(count=count, requested_cents=count * 10, reserved_cents=count)
    return DayAggregate(department=department, day=of, by_status={status: sums})


def test_a_trend_has_every_day_and_says_which_were_counted(house: House) -> None:
    house.aggregates.record(day(YESTERDAY))
    house.aggregates.record(day(YESTERDAY, department="hr", status=Status.APPROVED, count=2))
    query = TrendQuery.model_validate({"from": "2026-03-08", "to": "2026-03-09"})

    told = usecase.trends(query, by=SUPERADMIN, at=AT, aggregated=house.aggregates)

    first, last = told.days
    assert (first.date, first.count, first.is_complete) == (date(2026, 3, 8), 0, False)
    assert (last.count, last.requested, last.reserved) == (3, Decimal("0.30"), Decimal("0.03"))
    assert not last.is_complete  # two departments have not been counted
    assert {each.status: each.count for each in last.by_status} == {
        Status.PENDING: 1,
        Status.APPROVED: 2,
        Status.REJECTED: 0,
        Status.CANCELLED: 0,
    }
    assert [(each.department, each.count) for each in last.by_department] == [
        ("finance", 1),
        ("hr", 2),
    ]
    assert Amounts.of([]) == Amounts(count=0, requested=Decimal(0), reserved=Decimal(0))
    assert told.count == 3


def test_a_trend_is_of_the_own_department_or_of_the_one_asked_for(house: House) -> None:
    house.aggregates.record(day(YESTERDAY))
    house.aggregates.record(day(YESTERDAY, department="hr", count=2))

    def count(by: Actor, **query: object) -> int:
        asked = TrendQuery.model_validate(query)
        return usecase.trends(asked, by=by, at=AT, aggregated=house.aggregates).count

    assert count(SUPERADMIN) == 3
    assert count(SUPERADMIN, department="hr") == 2
    assert count(ADMIN) == 1
    with pytest.raises(ForbiddenError):
        count(ADMIN, department="hr")
    with pytest.raises(ForbiddenError):
        count(CLERK)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, "2026-02-08", "2026-03-09"),
        ({"to": "2026-01-31"}, "2026-01-02", "2026-01-31"),
        ({"from": "2026-03-01"}, "2026-03-01", "2026-03-09"),
        ({"from": "2026-03-10"}, "2026-03-10", "2026-03-10"),
        ({"from": "2030-01-01"}, "2030-01-01", "2030-01-01"),
        ({"to": "0001-01-02"}, "0001-01-01", "0001-01-02"),
        ({"from": "9999-12-31", "to": "9999-12-31"}, "9999-12-31", "9999-12-31"),
        ({"from": "2025-03-10", "to": "2026-03-10"}, "2025-03-10", "2026-03-10"),
    ],
)
def test_what_is_left_out_of_a_span_is_filled_in(
    query: dict[str, str], first: str, last: str
) -> None:
    span = TrendQuery.model_validate(query).span(AT)

    assert span == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-03-10", "to": "2026-03-09"},
        {"from": "2025-03-09", "to": "2026-03-10"},
        {"from": "2020-01-01"},
        {"from": "0001-01-01", "to": "9999-12-31"},
    ],
)
def test_a_span_that_is_empty_or_too_long_is_refused(query: dict[str, str]) -> None:
    assert MAX_TREND_DAYS == 366
    with pytest.raises(InvalidInputError) as caught:
        TrendQuery.model_validate(query).span(AT)
    assert [error.field for error in caught.value.errors] == ["from"]


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        TrendQuery.model_validate({"from": "2026-02-30"})
