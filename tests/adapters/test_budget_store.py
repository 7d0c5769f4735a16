"""The contract of the budget store: Finance's figures on one side, our holds on the other."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.budgets import DepartmentBudget, UntoldBudget
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.events import AuditAction
from chalicelib.domain.syncs import Recording
from chalicelib.domain.tellings import Telling
from tests.adapters.conftest import Stores
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    approval,
    created,
    figures,
    finance_heard,
    finance_said,
)

SOON = AT + timedelta(minutes=20)


def kept(stores: Stores) -> DepartmentBudget:
    found = stores.budgets.get(KEY)
    assert found
    return found


def news(stores: Stores) -> list[tuple[str, int]]:
    """Return the events of the budgets, each with its sequence."""
    return [(e.type, e.sequence) for told in stores.told_of_budgets() for e in told.events]


def hold(stores: Stores) -> Change:
    """Hold 50 000 of a budget of 380 000."""
    finance_said(stores.budgets, figures(380_000))
    draft = created()
    stores.requests.commit(draft)
    waiting = transitions.submit(draft.after, CLERK, AT)
    stores.requests.commit(waiting)
    change = transitions.approve(waiting.after, approval(), ADMIN, LATER)
    stores.requests.commit(change)
    return change


def test_what_finance_said_is_kept(stores: Stores) -> None:
    said = figures(
        "123456.78", budget_id=None, period_start=AT, period_end=None, reserved_amount="0.01"
    )

    assert finance_said(stores.budgets, said) is Recording.RECORDED

    found = kept(stores)
    assert (found.key, found.figures) == (KEY, said)
    assert (found.available, found.unconfirmed) == (Decimal("123456.78"), Decimal(0))
    assert (found.last_synced_at, found.is_stale, found.failed_at) == (AT, False, None)


def test_a_budget_already_overspent_is_kept_as_it_is(stores: Stores) -> None:
    finance_said(stores.budgets, figures(-500))

    assert kept(stores).available == Decimal(-500)


def test_a_budget_nobody_told_us_of_is_unknown(stores: Stores) -> None:
    finance_said(stores.budgets, figures())

    assert stores.budgets.get(KEY.model_copy(update={"fiscal_period": "Q2"})) is None
    assert stores.budgets.get(KEY.model_copy(update={"department": "hr"})) is None


def test_new_figures_keep_the_holds_they_do_not_contain(stores: Stores) -> None:
    hold(stores)

    assert finance_said(stores.budgets, figures(400_000), at=SOON) is Recording.RECORDED

    found = kept(stores)
    assert (found.available, found.unconfirmed) == (Decimal(350_000), Decimal(50_000))
    assert found.last_synced_at == SOON


def test_a_confirmed_hold_is_counted_once_when_the_figures_contain_it(stores: Stores) -> None:
    change = hold(stores)

    finance_heard(stores.tellings, Decimal(50_000), event_id=change.events[0].id)
    assert (kept(stores).available, kept(stores).unconfirmed) == (Decimal(330_000), Decimal(0))

    assert finance_said(stores.budgets, figures(330_000), at=SOON) is Recording.RECORDED
    assert kept(stores).available == Decimal(330_000)


def test_a_confirmation_that_comes_twice_counts_once(stores: Stores) -> None:
    change = hold(stores)

    for _ in range(2):
        finance_heard(stores.tellings, Decimal(50_000), event_id=change.events[0].id)

    fetch = stores.budgets.begin_fetch(KEY)
    assert fetch.reserved == fetch.heard == Decimal(50_000)
    assert kept(stores).unconfirmed == 0


@pytest.mark.parametrize(
    ("remaining", "is_told"), [(40_000, False), (0, False), (-1, True), (-10_000, True)]
)
def test_a_shortage_is_told_where_it_is_one_whatever_finance_may_have_heard(
    stores: Stores, remaining: int, *, is_told: bool
) -> None:
    change = hold(stores)
    stores.tellings.begin(KEY, Telling.RESERVE, Decimal(50_000), event_id=change.events[0].id)

    finance_said(stores.budgets, figures(remaining), at=SOON)
    stores.budgets.note_commitment(KEY, SOON)

    found = kept(stores)
    assert (found.available, found.doubt) == (Decimal(remaining - 50_000), Decimal(50_000))
    assert found.is_over_committed is is_told
    assert news(stores) == [("budget.overcommitted", 1)] * is_told


def test_a_shortage_that_was_over_is_told_again_although_the_next_was_in_doubt_first(
    stores: Stores,
) -> None:
    first = hold(stores)
    finance_said(stores.budgets, figures(40_000))
    stores.requests.commit(transitions.cancel(first.after, Cancellation(), CLERK, LATER))
    draft = created(sequence=2, amountRequested=30_000)
    stores.requests.commit(draft)
    waiting = transitions.submit(draft.after, CLERK, AT)
    stores.requests.commit(waiting)
    second = transitions.approve(waiting.after, approval(), ADMIN, LATER)
    stores.requests.commit(second)
    hold_id = second.events[0].id

    stores.tellings.begin(KEY, Telling.RESERVE, Decimal(30_000), event_id=hold_id)
    finance_said(stores.budgets, figures(20_000))
    assert kept(stores).over_committed_since is None
    finance_heard(stores.tellings, Decimal(30_000), event_id=hold_id)
    finance_said(stores.budgets, figures(-5_000))

    assert news(stores) == [("budget.overcommitted", 1), ("budget.overcommitted", 2)]


def test_a_silence_is_noted_and_forgotten_with_the_next_figures(stores: Stores) -> None:
    finance_said(stores.budgets, figures())

    fetch = stores.budgets.begin_fetch(KEY)
    stores.budgets.mark_stale(KEY, fetch=fetch, at=SOON, why="Finance answered 503")
    found = kept(stores)
    assert (found.is_stale, found.failed_at, found.failure) == (True, SOON, "Finance answered 503")
    assert found.available == Decimal(380_000)

    finance_said(stores.budgets, figures(), at=SOON)
    found = kept(stores)
    assert (found.is_stale, found.failed_at, found.failure) == (False, None, None)


def test_a_silence_about_an_unknown_budget_leaves_it_unknown(stores: Stores) -> None:
    fetch = stores.budgets.begin_fetch(KEY)
    stores.budgets.mark_stale(KEY, fetch=fetch, at=AT, why="Finance answered 503")

    assert stores.budgets.get(KEY) is None
    untold = stores.budgets.untold(KEY)
    assert (untold.failed_at, untold.failure) == (AT, "Finance answered 503")
    assert finance_said(stores.budgets, figures()) is Recording.RECORDED
    assert not kept(stores).is_stale


def test_of_a_budget_nobody_asked_for_nothing_is_held_and_nothing_failed(stores: Stores) -> None:
    assert stores.budgets.untold(KEY) == UntoldBudget()


def test_figures_that_would_tell_a_shortage_wait_where_it_is_not_to_be_told(
    stores: Stores,
) -> None:
    hold(stores)

    def record(remaining: int, *, may_tell: bool) -> Recording:
        fetch = stores.budgets.begin_fetch(KEY)
        return stores.budgets.record(
            KEY, figures(remaining), fetch=fetch, by=ADMIN, at=SOON, may_tell=may_tell
        )

    before = kept(stores)
    assert record(40_000, may_tell=False) is Recording.SHORT
    assert (kept(stores), news(stores)) == (before, [])

    assert record(50_000, may_tell=False) is Recording.RECORDED  # as much as is held
    assert record(40_000, may_tell=True) is Recording.RECORDED
    assert record(30_000, may_tell=False) is Recording.RECORDED  # it has been told
    assert news(stores) == [("budget.overcommitted", 1)]


def test_what_an_earlier_fetch_brings_late_does_not_replace_what_a_later_one_brought(
    stores: Stores,
) -> None:
    finance_said(stores.budgets, figures(380_000))
    earlier, later = (stores.budgets.begin_fetch(KEY) for _ in range(2))

    recorded = stores.budgets.record(KEY, figures(200_000), fetch=later, by=ADMIN, at=SOON)
    late = stores.budgets.record(KEY, figures(300_000), fetch=earlier, by=ADMIN, at=LATER)

    assert (recorded, late) == (Recording.RECORDED, Recording.OVERTAKEN)
    assert (kept(stores).available, kept(stores).last_synced_at) == (Decimal(200_000), SOON)


def test_an_earlier_fetch_that_fails_late_does_not_make_newer_figures_stale(
    stores: Stores,
) -> None:
    earlier, later = (stores.budgets.begin_fetch(KEY) for _ in range(2))
    stores.budgets.record(KEY, figures(), fetch=later, by=ADMIN, at=AT)

    stores.budgets.mark_stale(KEY, fetch=earlier, at=SOON, why="Finance did not answer")

    assert not kept(stores).is_stale


def test_a_later_fetch_that_is_slower_still_has_the_last_word(stores: Stores) -> None:
    earlier, later = (stores.budgets.begin_fetch(KEY) for _ in range(2))
    stores.budgets.record(KEY, figures(300_000), fetch=earlier, by=ADMIN, at=AT)

    stores.budgets.record(KEY, figures(200_000), fetch=later, by=ADMIN, at=SOON)

    assert kept(stores).available == Decimal(200_000)


def test_what_finance_said_is_remembered_when_it_was_something_different(stores: Stores) -> None:
    for remaining in (380_000, 380_000, 300_000, 380_000):
        finance_said(stores.budgets, figures(remaining))

    said = stores.budgets.figures_so_far(KEY, 10)
    assert [(s.version, int(s.figures.remaining_amount)) for s in said] == [
        (3, 380_000),
        (2, 300_000),
        (1, 380_000),
    ]
    assert {(s.recorded_at, s.recorded_by) for s in said} == {(AT, ADMIN.id)}
    assert [s.version for s in stores.budgets.figures_so_far(KEY, 2)] == [3, 2]
    assert kept(stores).figures_version == 3


def test_figures_below_what_is_held_are_taken_and_told_of_once(stores: Stores) -> None:
    hold(stores)

    for remaining in (49_999, 40_000):
        assert finance_said(stores.budgets, figures(remaining), at=SOON) is Recording.RECORDED

    found = kept(stores)
    assert (found.available, found.is_over_committed) == (Decimal(-10_000), True)
    assert found.over_committed_since == SOON
    assert news(stores) == [("budget.overcommitted", 1)]


def test_each_time_that_too_much_is_promised_anew_is_told(stores: Stores) -> None:
    hold(stores)

    for remaining in (40_000, 50_000, 45_000):
        finance_said(stores.budgets, figures(remaining), at=SOON)

    assert news(stores) == [("budget.overcommitted", 1), ("budget.overcommitted", 2)]


def test_enough_again_ends_it(stores: Stores) -> None:
    hold(stores)
    finance_said(stores.budgets, figures(40_000))

    finance_said(stores.budgets, figures(50_000), at=SOON)

    found = kept(stores)
    assert (found.available, found.is_over_committed) == (Decimal(0), False)
    assert found.over_committed_since is None


def test_what_was_told_need_not_be_noted_again(stores: Stores) -> None:
    hold(stores)
    finance_said(stores.budgets, figures(40_000))

    stores.budgets.note_commitment(KEY, SOON)

    assert kept(stores).over_committed_since == AT
    assert news(stores) == [("budget.overcommitted", 1)]


def test_there_is_nothing_to_note_of_a_budget_nobody_knows(stores: Stores) -> None:
    stores.budgets.begin_fetch(KEY)

    stores.budgets.note_commitment(KEY, SOON)

    assert news(stores) == []


def test_audit_hears_of_every_sync_who_made_it_and_what_changed(stores: Stores) -> None:
    for remaining, at in ((380_000, AT), (300_000, LATER), (300_000, SOON)):
        finance_said(stores.budgets, figures(remaining), at=at)

    first, second, third = (told.audit for told in stores.told_of_budgets())
    assert first
    assert second
    assert third
    assert (first.action, first.record_id, first.performed_by) == (
        AuditAction.SYNC,
        "finance-2026-Q1",
        ADMIN.id,
    )
    assert (first.old_values, second.changed_fields) == (None, ["remainingAmount"])
    assert third.changed_fields is None
    assert len({first.id, second.id, third.id}) == 3


def test_the_event_tells_the_figures_that_were_written(stores: Stores) -> None:
    hold(stores)
    finance_said(stores.budgets, figures("49999.50"), at=SOON)

    (event,) = (event for told in stores.told_of_budgets() for event in told.events)
    assert event.payload() == {
        "budgetRequestId": None,
        "requestCode": None,
        "department": "finance",
        "sequence": 1,
        "fiscalYear": 2026,
        "fiscalPeriod": "Q1",
        "remainingAmount": 49999.5,
        "held": 50000,
        "available": -0.5,
        "shortfall": 0.5,
    }
    assert (event.subject, event.time) == ("finance-2026-Q1", SOON)
