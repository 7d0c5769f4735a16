"""The job finance-sync."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import pytest

from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.budgets import BudgetKey, FinanceFigures
from chalicelib.domain.errors import FinanceUnavailableError
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.usecases.finance_sync import finance_sync
from chalicelib.usecases.jobs import Assignment
from tests.factories import AT, KEY, budget, figures
from tests.fakes import FakeBudgetStore, FakeDueRequests, FakeFinance, FakeRequestStore


class Finance(FakeFinance):
    """Finance Main, silent about some budgets and ignorant of others."""

    def __init__(self) -> None:
        super().__init__(figures(300_000))
        self.asked: list[BudgetKey] = []
        self.silent_about: set[str] = set()
        self.ignorant_of: set[str] = set()

    def fetch(self, key: BudgetKey) -> FinanceFigures | None:
        self.asked.append(key)
        if key.department in self.silent_about:
            raise FinanceUnavailableError("Finance did not answer")
        return None if key.department in self.ignorant_of else super().fetch(key)


@dataclass
class Office:
    finance: Finance = field(default_factory=Finance)
    store: FakeBudgetStore = field(default_factory=FakeBudgetStore)
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)

    def run(self, *, checkpoint: str | None = None, **payload: object) -> list[dict[str, int]]:
        requests = FakeRequestStore(self.store)
        job = finance_sync(
            store=self.store,
            finance=self.finance,
            calendar=self.calendar,
            due=FakeDueRequests(requests),
            requests=requests,
        )
        given = Assignment(
            payload=JobPayload.model_validate(payload),
            checkpoint=checkpoint,
            at=AT,
            now=lambda: AT,
            by=JobName.FINANCE_SYNC.actor,
        )
        steps = list(job(given))
        self.checkpoints = [step.checkpoint for step in steps]
        return [step.counts for step in steps]

    def asked(self) -> list[str]:
        return [str(key) for key in self.finance.asked]


@pytest.fixture
def office() -> Office:
    return Office()


def counted(steps: list[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        for name, count in step.items():
            found[name] = found.get(name, 0) + count
    return found


def test_every_department_is_synced_for_this_period_and_the_last(office: Office) -> None:
    steps = office.run()

    expected = [f"{department} {q}" for department in DEPARTMENTS for q in ("2026 Q1", "2025 Q4")]
    assert office.asked() == expected == office.checkpoints
    assert counted(steps) == {"synced": 8}
    assert len(office.store.budgets) == 8


def test_one_department_is_synced_where_it_is_named(office: Office) -> None:
    office.run(department="hr")

    assert office.asked() == ["hr 2026 Q1", "hr 2025 Q4"]


def test_another_days_periods_are_synced_where_a_date_is_named(office: Office) -> None:
    office.run(department="hr", date=date(2025, 7, 1))

    assert office.asked() == ["hr 2025 Q3", "hr 2025 Q2"]


def test_the_year_begins_as_configured(office: Office) -> None:
    office.calendar = FiscalCalendar(first_month=4)

    office.run(department="hr")

    quarter = office.calendar.quarter_of(AT)
    assert office.asked() == [f"hr {quarter}", f"hr {office.calendar.before(quarter)}"]


def test_a_department_that_finance_fails_on_stops_no_other(office: Office) -> None:
    office.store.budgets[KEY] = budget(last_synced_at=datetime.min.replace(tzinfo=AT.tzinfo))
    office.finance.silent_about = {"finance"}
    office.finance.ignorant_of = {"hr"}

    steps = office.run()

    # Finance Q1 is known from before, its Q4 is not; of HR Finance knows nothing.
    assert counted(steps) == {"stale": 1, "unknown": 3, "synced": 4}
    kept = office.store.get(KEY)
    assert kept
    assert (kept.is_stale, kept.available) == (True, Decimal(380_000))


def test_a_dry_run_asks_and_keeps_nothing(office: Office) -> None:
    office.finance.silent_about = {"finance"}
    office.finance.ignorant_of = {"hr"}

    steps = office.run(dryRun=True)

    assert len(office.finance.asked) == 8
    assert counted(steps) == {"stale": 2, "unknown": 2, "synced": 4}
    assert office.store.budgets == {}


@pytest.mark.parametrize("done", range(9))
def test_a_run_goes_on_after_the_last_budget_it_kept(office: Office, done: int) -> None:
    office.run()
    checkpoint = office.checkpoints[done - 1] if done else None
    every = office.asked()
    office.finance.asked.clear()

    office.run(checkpoint=checkpoint)

    assert office.asked() == every[done:]
