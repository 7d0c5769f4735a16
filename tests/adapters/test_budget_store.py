"""The contract of the budget store: Finance's figures on one side, our holds on the other."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.budgets import DepartmentBudget
from chalicelib.domain.requests import Change
from tests.adapters.conftest import Stores
from tests.factories import ADMIN, AT, CLERK, KEY, LATER, approval, created, figures

SOON = AT + timedelta(minutes=20)


def kept(stores: Stores) -> DepartmentBudget:
    found = stores.budgets.get(KEY)
    assert found
    return found


def hold(stores: Stores) -> Change:
    """Hold 50 000 of a budget of 380 000."""
    stores.budgets.record(KEY, figures(380_000), confirmations=0, at=AT)
    draft = created()
    stores.requests.commit(draft)
    waiting = draft.after.submit(CLERK, AT)
    stores.requests.commit(waiting)
    change = waiting.after.approve(approval(), ADMIN, LATER)
    stores.requests.commit(change)
    return change


def test_what_finance_said_is_kept(stores: Stores) -> None:
    said = figures(
        "123456.78", budget_id=None, period_start=AT, period_end=None, reserved_amount="0.01"
    )

    assert stores.budgets.record(KEY, said, confirmations=0, at=AT)

    found = kept(stores)
    assert (found.key, found.figures) == (KEY, said)
    assert (found.available, found.unconfirmed) == (Decimal("123456.78"), Decimal(0))
    assert (found.last_synced_at, found.is_stale, found.failed_at) == (AT, False, None)


def test_a_budget_already_overspent_is_kept_as_it_is(stores: Stores) -> None:
    stores.budgets.record(KEY, figures(-500), confirmations=0, at=AT)

    assert kept(stores).available == Decimal(-500)


def test_a_budget_nobody_told_us_of_is_unknown(stores: Stores) -> None:
    stores.budgets.record(KEY, figures(), confirmations=0, at=AT)

    assert stores.budgets.get(KEY.model_copy(update={"fiscal_period": "Q2"})) is None
    assert stores.budgets.get(KEY.model_copy(update={"department": "hr"})) is None


def test_new_figures_keep_the_holds_they_do_not_contain(stores: Stores) -> None:
    hold(stores)

    assert stores.budgets.record(KEY, figures(400_000), confirmations=0, at=SOON)

    found = kept(stores)
    assert (found.available, found.unconfirmed) == (Decimal(350_000), Decimal(50_000))
    assert found.last_synced_at == SOON


def test_a_confirmed_hold_is_counted_once_when_the_figures_contain_it(stores: Stores) -> None:
    change = hold(stores)

    stores.confirmations.confirm(KEY, Decimal(50_000), event_id=change.events[0].id)
    assert (kept(stores).available, kept(stores).unconfirmed) == (Decimal(330_000), Decimal(0))

    assert stores.budgets.record(KEY, figures(330_000), confirmations=1, at=SOON)
    assert kept(stores).available == Decimal(330_000)


def test_a_confirmation_that_comes_twice_counts_once(stores: Stores) -> None:
    change = hold(stores)

    for _ in range(2):
        stores.confirmations.confirm(KEY, Decimal(50_000), event_id=change.events[0].id)

    assert (kept(stores).unconfirmed, kept(stores).confirmations) == (Decimal(0), 1)


def test_figures_fetched_before_a_confirmation_are_refused_after_it(stores: Stores) -> None:
    change = hold(stores)
    stores.confirmations.confirm(KEY, Decimal(50_000), event_id=change.events[0].id)

    assert not stores.budgets.record(KEY, figures(380_000), confirmations=0, at=SOON)

    found = kept(stores)
    assert (found.available, found.last_synced_at) == (Decimal(330_000), AT)


def test_a_silence_is_noted_and_forgotten_with_the_next_figures(stores: Stores) -> None:
    stores.budgets.record(KEY, figures(), confirmations=0, at=AT)

    stores.budgets.mark_stale(KEY, SOON)
    assert (kept(stores).is_stale, kept(stores).failed_at) == (True, SOON)
    assert kept(stores).available == Decimal(380_000)

    stores.budgets.record(KEY, figures(), confirmations=0, at=SOON)
    assert (kept(stores).is_stale, kept(stores).failed_at) == (False, None)


def test_a_silence_about_an_unknown_budget_leaves_no_trace(stores: Stores) -> None:
    stores.budgets.mark_stale(KEY, AT)

    assert stores.budgets.get(KEY) is None
    assert stores.budgets.record(KEY, figures(), confirmations=0, at=AT)
