"""The contract of holds: whatever comes first, confirmation or release, money is counted once."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import reservations, transitions
from chalicelib.domain.access import Scope
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.errors import (
    BudgetUnknownError,
    ConflictError,
    InsufficientBudgetError,
)
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.domain.tellings import Begun, Telling
from tests.adapters.conftest import Stores
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approval,
    created,
    figures,
    finance_heard,
    finance_said,
    service,
)

REMAINING, HELD, USED = Decimal(380_000), Decimal(50_000), Decimal("20000.01")
REST = HELD - USED
LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
SWEEPER = JobName.RESERVATION_EXPIRY.actor
END = LATER + timedelta(days=90)

End = Callable[[BudgetRequest], Change]

#: Each way a hold ends, and what it gives back.
ENDS: dict[str, tuple[End, Decimal]] = {
    "released": (lambda r: reservations.release(r, LEDGER, LATER, None), HELD),
    "expired": (lambda r: reservations.expire(r, SWEEPER, END), HELD),
    "cancelled": (lambda r: transitions.cancel(r, Cancellation(), CLERK, LATER), HELD),
    "cancelled late": (lambda r: transitions.cancel(r, Cancellation(), CLERK, END), HELD),
    "consumed": (lambda r: reservations.consume(r, None, LEDGER, LATER), Decimal(0)),
    "consumed in part": (lambda r: reservations.consume(r, USED, LEDGER, LATER), REST),
}
EVERY_END = pytest.mark.parametrize(("end", "freed"), ENDS.values(), ids=ENDS)


def waiting(stores: Stores, *, sequence: int = 1) -> BudgetRequest:
    change = created(sequence=sequence)
    stores.requests.commit(change)
    submitted = transitions.submit(change.after, CLERK, AT)
    stores.requests.commit(submitted)
    return submitted.after


def hold(stores: Stores, *, sequence: int = 1) -> BudgetRequest:
    """Return a request that holds 50 000 of a budget that had 380 000 when it was first asked."""
    if stores.budgets.get(KEY) is None:
        finance_said(stores.budgets, figures(REMAINING))
    change = transitions.approve(waiting(stores, sequence=sequence), approval(), ADMIN, LATER)
    stores.requests.commit(change)
    return change.after


def confirm(stores: Stores, request: BudgetRequest) -> None:
    assert request.hold_event_id
    finance_heard(stores.tellings, HELD, event_id=request.hold_event_id)


def release(stores: Stores, request: BudgetRequest, freed: Decimal) -> Begun:
    """Have Finance be told of a release, and confirm it."""
    assert request.hold_event_id
    return finance_heard(
        stores.tellings, freed, event_id=request.hold_event_id, telling=Telling.RELEASE
    )


def books(stores: Stores) -> tuple[Decimal, Decimal]:
    """Return (available, unconfirmed)."""
    known = stores.budgets.get(KEY)
    assert known
    return known.available, known.unconfirmed


@EVERY_END
def test_an_end_before_finance_heard_leaves_unconfirmed_what_it_keeps(
    stores: Stores, end: End, freed: Decimal
) -> None:
    request = hold(stores)

    stores.requests.commit(end(request))

    assert books(stores) == (REMAINING - HELD + freed, HELD - freed)


@EVERY_END
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_whatever_comes_first_an_end_gives_back_what_finance_still_counts(
    stores: Stores, end: End, freed: Decimal, *, is_confirmed: bool
) -> None:
    request = hold(stores)
    if is_confirmed:
        confirm(stores, request)
        assert books(stores) == (REMAINING - HELD, Decimal(0))

    stores.requests.commit(end(request))
    confirm(stores, request)
    confirm(stores, request)

    assert books(stores) == (REMAINING - HELD + freed, -freed)


@EVERY_END
def test_what_finance_was_told_is_free_is_not_given_back_by_it_again(
    stores: Stores, end: End, freed: Decimal
) -> None:
    request = hold(stores)
    confirm(stores, request)
    stores.requests.commit(end(request))

    assert [release(stores, request, freed) for _ in range(2)] == [Begun.FIRST, Begun.DONE]

    assert books(stores) == (REMAINING - HELD + freed, Decimal(0))


@EVERY_END
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_retry_of_our_own_end_gives_back_once(
    stores: Stores, end: End, freed: Decimal, *, is_confirmed: bool
) -> None:
    request = hold(stores)
    if is_confirmed:
        confirm(stores, request)
    change = end(request)
    stores.requests.commit(change)
    confirm(stores, request)

    stores.requests.commit(change)

    assert books(stores) == (REMAINING - HELD + freed, -freed)


@EVERY_END
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_of_two_ends_of_one_hold_one_wins(
    stores: Stores, end: End, freed: Decimal, *, is_confirmed: bool
) -> None:
    request = hold(stores)
    if is_confirmed:
        confirm(stores, request)
    other = reservations.release(request, LEDGER, LATER, "Someone else was faster")

    stores.requests.commit(end(request))
    with pytest.raises(ConflictError):
        stores.requests.commit(other)

    available, _ = books(stores)
    assert available == REMAINING - HELD + freed


@EVERY_END
def test_figures_that_contain_the_hold_and_its_end_make_the_books_whole(
    stores: Stores, end: End, freed: Decimal
) -> None:
    request = hold(stores)
    stores.requests.commit(end(request))
    confirm(stores, request)
    release(stores, request, freed)

    finance_said(stores.budgets, figures(REMAINING - HELD + freed))

    assert books(stores) == (REMAINING - HELD + freed, Decimal(0))


@EVERY_END
def test_figures_that_contain_the_hold_and_not_its_end_make_nothing_unusable(
    stores: Stores, end: End, freed: Decimal
) -> None:
    request = hold(stores)
    confirm(stores, request)
    stores.requests.commit(end(request))

    finance_said(stores.budgets, figures(REMAINING - HELD))

    assert books(stores) == (REMAINING - HELD + freed, -freed)


def test_figures_without_the_hold_leave_out_what_of_it_was_given_back(stores: Stores) -> None:
    request = hold(stores)
    stores.requests.commit(reservations.consume(request, USED, LEDGER, LATER))

    finance_said(stores.budgets, figures(REMAINING))

    assert books(stores) == (REMAINING - USED, USED)


def doubt(stores: Stores) -> Decimal:
    known = stores.budgets.get(KEY)
    assert known
    return known.doubt


@pytest.mark.parametrize("remaining", [REMAINING, REMAINING - HELD])
def test_figures_on_their_way_while_a_hold_is_confirmed_count_it_and_are_in_doubt(
    stores: Stores, remaining: Decimal
) -> None:
    request = hold(stores)
    fetch = stores.budgets.begin_fetch(KEY)
    confirm(stores, request)

    stores.budgets.record(KEY, figures(remaining), fetch=fetch, by=ADMIN, at=LATER)

    assert books(stores) == (remaining - HELD, Decimal(0))
    assert doubt(stores) == HELD


@pytest.mark.parametrize("remaining", [REMAINING, REMAINING - HELD])
def test_figures_on_their_way_while_a_release_is_told_do_not_count_it_and_are_in_doubt(
    stores: Stores, remaining: Decimal
) -> None:
    request = hold(stores)
    confirm(stores, request)
    stores.requests.commit(reservations.release(request, LEDGER, LATER, None))
    fetch = stores.budgets.begin_fetch(KEY)
    release(stores, request, HELD)

    stores.budgets.record(KEY, figures(remaining), fetch=fetch, by=ADMIN, at=LATER)

    assert books(stores) == (remaining, Decimal(0))
    assert doubt(stores) == HELD


@pytest.mark.parametrize("telling", Telling)
def test_what_finance_may_have_heard_is_in_doubt_until_it_is_known(
    stores: Stores, telling: Telling
) -> None:
    request = hold(stores)
    event_id = request.hold_event_id or ""
    if telling is Telling.RELEASE:
        confirm(stores, request)
        stores.requests.commit(reservations.release(request, LEDGER, LATER, None))
    finance_said(stores.budgets, figures(REMAINING))
    assert doubt(stores) == 0

    begun = [stores.tellings.begin(KEY, telling, HELD, event_id=event_id) for _ in range(2)]
    finance_said(stores.budgets, figures(REMAINING))
    assert (begun, doubt(stores)) == ([Begun.FIRST, Begun.AGAIN], HELD)

    for _ in range(2):
        stores.tellings.confirm(KEY, telling, HELD, event_id=event_id)
    finance_said(stores.budgets, figures(REMAINING))
    assert doubt(stores) == 0


@pytest.mark.parametrize("telling", Telling)
def test_what_finance_refused_is_as_if_it_had_not_been_told(
    stores: Stores, telling: Telling
) -> None:
    request = hold(stores)
    event_id = request.hold_event_id or ""
    if telling is Telling.RELEASE:
        confirm(stores, request)
        stores.requests.commit(reservations.release(request, LEDGER, LATER, None))
    finance_said(stores.budgets, figures(REMAINING))
    before = books(stores)

    stores.tellings.begin(KEY, telling, HELD, event_id=event_id)
    for _ in range(2):
        stores.tellings.withdraw(KEY, telling, HELD, event_id=event_id)

    finance_said(stores.budgets, figures(REMAINING))
    assert (books(stores), doubt(stores)) == (before, Decimal(0))
    assert stores.tellings.begin(KEY, telling, HELD, event_id=event_id) is Begun.FIRST
    stores.tellings.confirm(KEY, telling, HELD, event_id=event_id)
    stores.tellings.withdraw(KEY, telling, HELD, event_id=event_id)  # of a worker that was slow
    assert stores.tellings.begin(KEY, telling, HELD, event_id=event_id) is Begun.DONE


def test_finances_word_on_one_hold_says_nothing_of_another(stores: Stores) -> None:
    first, second = hold(stores, sequence=1), hold(stores, sequence=2)
    confirm(stores, first)
    for request in (first, second):
        stores.requests.commit(reservations.release(request, LEDGER, LATER, None))

    assert release(stores, second, HELD) is Begun.EARLY
    assert release(stores, first, HELD) is Begun.FIRST
    assert books(stores) == (REMAINING, Decimal(0))


def test_ends_and_holds_of_one_commit_move_one_budget_together(stores: Stores) -> None:
    confirmed, unconfirmed = hold(stores, sequence=1), hold(stores, sequence=2)
    confirm(stores, confirmed)
    third = waiting(stores, sequence=3)

    stores.requests.commit(
        reservations.release(confirmed, LEDGER, LATER, None),
        reservations.release(unconfirmed, LEDGER, LATER, None),
        transitions.approve(third, approval(), ADMIN, LATER),
    )

    assert books(stores) == (REMAINING - HELD, Decimal(0))  # it counts one hold, as we do


def override(request: BudgetRequest) -> Change:
    body = approval(override=True, overrideReason="The audit cannot wait")
    return transitions.approve(request, body, SUPERADMIN, LATER)


def test_an_override_takes_what_is_not_there(stores: Stores) -> None:
    finance_said(stores.budgets, figures(10))

    stores.requests.commit(override(waiting(stores)))

    assert books(stores) == (10 - HELD, HELD)


def test_an_overridden_budget_refuses_everyone_else(stores: Stores) -> None:
    finance_said(stores.budgets, figures(10))
    other = waiting(stores, sequence=2)
    stores.requests.commit(override(waiting(stores)))

    with pytest.raises(InsufficientBudgetError) as caught:
        stores.requests.commit(transitions.approve(other, approval(), ADMIN, LATER))

    assert caught.value.available == "-49990.00"


def test_an_override_holds_of_a_budget_that_nobody_knows_and_it_stays_unknown(
    stores: Stores,
) -> None:
    change = override(waiting(stores))
    other = transitions.approve(waiting(stores, sequence=2), approval(), ADMIN, LATER)

    stores.requests.commit(change)

    assert stores.budgets.get(KEY) is None
    assert change.hold
    assert stores.budgets.untold(KEY).unconfirmed == change.hold.amount
    assert stores.requests.get(change.after.id).status is Status.APPROVED
    with pytest.raises(BudgetUnknownError):
        stores.requests.commit(other)
    stores.budgets.note_commitment(KEY, LATER)
    assert stores.told_of_budgets() == []


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_what_was_held_blindly_counts_once_finance_says_what_there_is(
    stores: Stores, *, is_confirmed: bool
) -> None:
    change = override(waiting(stores))
    stores.requests.commit(change)
    if is_confirmed:
        confirm(stores, change.after)

    finance_said(stores.budgets, figures(REMAINING))

    held = Decimal(0) if is_confirmed else HELD
    assert books(stores) == (REMAINING - held, held)


@EVERY_END
@pytest.mark.parametrize("is_confirmed", [False, True])
def test_what_was_held_blindly_ends_like_any_other(
    stores: Stores, end: End, freed: Decimal, *, is_confirmed: bool
) -> None:
    change = override(waiting(stores))
    stores.requests.commit(change)
    if is_confirmed:
        confirm(stores, change.after)

    stores.requests.commit(end(change.after))
    confirm(stores, change.after)
    release(stores, change.after, freed)
    finance_said(stores.budgets, figures(REMAINING - HELD + freed))

    assert books(stores) == (REMAINING - HELD + freed, Decimal(0))
