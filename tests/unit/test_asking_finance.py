"""What is known of a budget, and when Finance is asked for it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.budgets import BudgetKey, DepartmentBudget
from chalicelib.domain.errors import BusyError
from chalicelib.domain.syncs import Fetch, SyncOutcome
from chalicelib.usecases import budgets
from chalicelib.usecases.budgets import Synced
from tests.factories import ADMIN, AT, CLERK, KEY, budget, figures, finance_heard
from tests.fakes import FakeBudgetStore, FakeDueRequests, FakeFinance, FakeRequestStore

OLD = timedelta(minutes=15)


@pytest.fixture
def store() -> FakeBudgetStore:
    return FakeBudgetStore()


@pytest.fixture
def finance() -> FakeFinance:
    return FakeFinance(figures(300_000))


def current(
    store: FakeBudgetStore, finance: FakeFinance, after: timedelta = timedelta()
) -> DepartmentBudget | None:
    requests = FakeRequestStore(store)
    return budgets.current(
        KEY,
        by=CLERK,
        at=AT + after,
        store=store,
        finance=finance,
        due=FakeDueRequests(requests),
        requests=requests,
    )


def test_an_unknown_budget_is_fetched_and_kept(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    found = current(store, finance)

    assert found
    assert found.available == Decimal(300_000)
    assert store.get(KEY) == found


def test_fresh_figures_are_taken_as_they_are(store: FakeBudgetStore, finance: FakeFinance) -> None:
    store.budgets[KEY] = budget()

    assert current(store, finance, OLD - timedelta(seconds=1)) == budget()
    assert finance.fetches == 0


def test_old_figures_are_fetched_again(store: FakeBudgetStore, finance: FakeFinance) -> None:
    store.budgets[KEY] = budget()

    found = current(store, finance, OLD)

    assert found
    assert (found.available, found.last_synced_at) == (Decimal(300_000), AT + OLD)


def test_silence_of_finance_leaves_what_is_known_marked_stale(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    store.budgets[KEY] = budget()
    finance.is_silent = True

    found = current(store, finance, OLD)

    assert found
    assert (found.is_stale, found.available) == (True, Decimal(380_000))
    kept = store.get(KEY)
    assert kept
    assert (kept.is_stale, kept.failed_at) == (True, AT + OLD)
    assert kept.failure == "Finance did not answer: silent"


def test_silent_finance_is_not_asked_again_for_a_minute_and_heard_when_it_answers(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    store.budgets[KEY] = budget()
    finance.is_silent = True
    current(store, finance, OLD)
    finance.is_silent = False

    stale = current(store, finance, OLD + timedelta(seconds=59))
    assert stale
    assert (stale.is_stale, finance.fetches) == (True, 1)

    fresh = current(store, finance, OLD + timedelta(seconds=60))
    assert fresh
    assert (fresh.is_stale, fresh.available) == (False, Decimal(300_000))
    assert fresh.failed_at is None


def test_silence_about_an_unknown_budget_leaves_it_unknown(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    finance.is_silent = True

    assert current(store, finance) is None
    assert store.get(KEY) is None


@pytest.mark.parametrize("silent", [True, False])
def test_finance_is_left_alone_for_a_minute_about_what_it_did_not_tell(
    store: FakeBudgetStore, finance: FakeFinance, *, silent: bool
) -> None:
    finance.is_silent, finance.figures = silent, None
    for _ in range(2):
        assert current(store, finance) is None
    finance.is_silent, finance.figures = False, figures(300_000)

    assert current(store, finance, timedelta(seconds=59)) is None
    assert finance.fetches == 1
    assert current(store, finance, timedelta(seconds=60))


def test_a_budget_finance_does_not_have_any_more_stays_known_and_says_so(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    finance.figures = None
    assert current(store, finance) is None

    store.budgets[KEY] = budget()
    found = current(store, finance, OLD)

    assert found
    assert (found.available, found.is_stale) == (Decimal(380_000), True)
    assert found.failure == "Finance knows no budget for finance 2026 Q1"


def test_figures_that_met_a_hold_on_its_way_are_asked_for_again_after_a_minute(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    store.budgets[KEY] = budget(unconfirmed=Decimal(1000), available=Decimal(379_000))

    def finance_confirms_meanwhile() -> None:
        finance.while_thinking = lambda: None
        finance_heard(store, Decimal(1000), event_id="evt_1")

    finance.figures = figures(379_000)  # with the hold
    finance.while_thinking = finance_confirms_meanwhile
    found = current(store, finance, OLD)
    assert found
    assert (found.available, found.doubt) == (Decimal(378_000), Decimal(1000))

    again = current(store, finance, OLD + timedelta(seconds=59))
    assert (again, finance.fetches) == (found, 1)

    settled = current(store, finance, OLD + timedelta(seconds=60))
    assert settled
    assert (settled.available, settled.doubt) == (Decimal(379_000), Decimal(0))


def sync(store: FakeBudgetStore, finance: FakeFinance) -> Synced:
    requests = FakeRequestStore(store)
    return budgets.sync(
        KEY,
        by=ADMIN,
        at=AT,
        store=store,
        finance=finance,
        due=FakeDueRequests(requests),
        requests=requests,
    )


def test_a_sync_says_whether_finance_said_something_new(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    assert [sync(store, finance).outcome for _ in range(2)] == [
        SyncOutcome.UPDATED,
        SyncOutcome.UNCHANGED,
    ]

    finance.figures = figures(299_999)
    found = sync(store, finance)

    assert (found.outcome, found.is_synced, found.why) == (SyncOutcome.UPDATED, True, None)
    assert found.budget
    assert (found.budget.figures_version, found.budget.available) == (2, Decimal(299_999))


def test_a_sync_asks_finance_however_fresh_the_figures_are(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    for _ in range(3):
        sync(store, finance)

    assert finance.fetches == 3


def test_a_sync_says_that_finance_did_not_answer(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    store.budgets[KEY] = budget()
    finance.is_silent = True

    found = sync(store, finance)

    assert (found.outcome, found.is_synced) == (SyncOutcome.UNAVAILABLE, False)
    assert found.why == "Finance did not answer: silent"
    assert found.budget
    assert found.budget.is_stale


def test_a_sync_says_that_finance_has_no_such_budget(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    finance.figures = None

    found = sync(store, finance)

    assert (found.outcome, found.budget) == (SyncOutcome.UNKNOWN, None)


def test_a_sync_that_is_overtaken_shows_what_the_faster_one_brought(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    def another_asks_later_and_hears_sooner() -> None:
        finance.while_thinking = lambda: None
        finance.figures = figures(100_000)
        assert sync(store, finance).outcome is SyncOutcome.UPDATED

    finance.while_thinking = another_asks_later_and_hears_sooner
    found = sync(store, finance)

    assert found.is_synced
    assert found.budget
    assert found.budget.available == Decimal(100_000)
    assert finance.fetches == 2


def test_a_sync_among_endless_confirmations_takes_what_is_certain(
    store: FakeBudgetStore, finance: FakeFinance
) -> None:
    store.budgets[KEY] = budget(unconfirmed=Decimal(5), available=Decimal(379_995))
    finance.while_thinking = lambda: finance_heard(
        store, Decimal(1), event_id=f"evt_{finance.fetches}"
    )

    for fetches in range(1, 6):
        found = sync(store, finance)
        assert (found.is_synced, finance.fetches) == (True, fetches)
        assert found.budget
        assert found.budget.available == Decimal(300_000 - 6 + fetches)


class BusyStore(FakeBudgetStore):
    """A store that many others write to."""

    def begin_fetch(self, key: BudgetKey) -> Fetch:  # noqa: ARG002 - whichever it is
        raise BusyError


def test_a_budget_that_others_are_busy_with_is_taken_as_it_is(finance: FakeFinance) -> None:
    store = BusyStore()
    store.budgets[KEY] = budget()

    found = sync(store, finance)

    assert (found.outcome, found.budget) == (SyncOutcome.BUSY, budget())
    assert current(store, finance, OLD) == budget()
