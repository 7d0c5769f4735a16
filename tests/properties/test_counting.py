"""How far Finance knows of a hold when a sync looks into its books, and what the sync makes of it.

Each stage on its own, on the real stores; test_promise.py mixes them by chance.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from chalicelib.domain.budgets import DepartmentBudget
from chalicelib.domain.content import Approval
from chalicelib.domain.requests import Status
from chalicelib.usecases import reviews
from tests.conftest import Aws
from tests.factories import ADMIN, KEY
from tests.properties.ledger import Mood
from tests.properties.storm import Fate, Storm


@pytest.fixture
def storm(aws: Aws) -> Iterator[Storm]:
    """A department with 100 000, of which one request holds 60 000."""
    storm = Storm(aws)
    with storm.watched():
        assert storm.happen(storm.sync)
        assert storm.happen(lambda: storm.ask(Decimal(60_000)))
        assert storm.happen(lambda: storm.approve(storm.requests[0].id, 0, override=False))
        yield storm
        storm.check()
        storm.settle()
        storm.check_settled()


def known(storm: Storm) -> DepartmentBudget:
    found = storm.budgets.get(KEY)
    assert found
    return found


def available(storm: Storm) -> Decimal:
    return known(storm).available


def deliver(storm: Storm, mood: Mood = Mood.WELL) -> bool:
    """Have the worker take the message that waits, while Finance is in this mood."""
    storm.ledger.mood = mood
    done = storm.happen(lambda: storm.deliver(0, again=False))
    storm.ledger.mood = Mood.WELL
    return done


def end(storm: Storm) -> None:
    assert storm.happen(lambda: storm.cancel(storm.requests[0].id))


def approve_another(storm: Storm, amount: int) -> bool:
    """Say whether another request gets this much."""
    assert storm.happen(lambda: storm.ask(Decimal(amount)))
    newest = storm.requests[-1].id
    storm.happen(lambda: storm.approve(newest, 0, override=False))
    return storm.store.get(newest).status is Status.APPROVED


def test_a_hold_that_finance_has_not_been_told_of_counts(storm: Storm) -> None:
    assert storm.happen(storm.sync)

    assert available(storm) == Decimal(40_000)


def test_a_hold_that_finance_has_confirmed_is_in_its_figures(storm: Storm) -> None:
    assert deliver(storm)
    assert storm.happen(storm.sync)

    assert available(storm) == Decimal(40_000)


def test_a_sync_while_finance_may_know_of_a_hold_tells_of_no_shortage(storm: Storm) -> None:
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)

    assert available(storm) <= Decimal(40_000)
    assert not known(storm).is_over_committed
    assert storm.told == []


def test_a_hold_counted_twice_is_put_right_before_anyone_is_refused(storm: Storm) -> None:
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)
    assert deliver(storm)

    assert approve_another(storm, 40_000)
    assert available(storm) == 0


def test_a_hold_counted_twice_is_put_right_for_a_dry_run(storm: Storm) -> None:
    assert storm.happen(lambda: storm.ask(Decimal(40_000)))
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)
    assert deliver(storm)

    def look() -> None:
        shown = reviews.funds(
            storm.store.get(storm.requests[-1].id),
            Approval(),
            by=ADMIN,
            at=storm.now,
            store=storm.store,
            due=storm.due,
            budget_store=storm.budgets,
            finance=storm.ledger,
        )
        assert (shown.sufficient, shown.available_after) == (True, Decimal(0))

    assert storm.happen(look)


def test_a_finance_that_does_not_answer_is_left_alone_by_who_is_refused(storm: Storm) -> None:
    assert storm.happen(lambda: storm.ask(Decimal(40_000)))
    waiting = storm.requests[-1].id
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)
    storm.ledger.mood = Mood.SILENT
    fetches = [_fetches(storm)]

    for _ in range(2):
        assert not storm.happen(lambda: storm.approve(waiting, 0, override=False))
        fetches.append(_fetches(storm))
        storm.now -= timedelta(minutes=1)  # the next comes at the same time

    assert fetches == [2, 3, 3]


def _fetches(storm: Storm) -> int:
    return int(storm.row("BUDGET")["fetches"]["N"])


def test_a_hold_counted_twice_is_put_right_for_a_bulk(storm: Storm) -> None:
    assert storm.happen(lambda: storm.ask(Decimal(40_000)))
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)
    assert deliver(storm)

    assert storm.happen(lambda: storm.approve_many([storm.requests[-1].id]))


def test_a_hold_counted_twice_is_put_right_for_who_looks(storm: Storm) -> None:
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert storm.happen(storm.sync)
    assert deliver(storm)

    assert storm.happen(lambda: storm.ask(Decimal(1)))  # a clerk sees the budget, a minute later

    assert available(storm) == Decimal(40_000)


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.FORGETS_TO_ANSWER])
def test_a_hold_confirmed_while_figures_are_on_their_way_is_put_right(
    storm: Storm, mood: Mood
) -> None:
    deliver(storm, mood)
    storm.ledger.meanwhile = partial(deliver, storm)
    assert storm.happen(storm.sync)
    assert available(storm) <= Decimal(40_000)
    assert storm.told == []

    assert approve_another(storm, 40_000)


def test_what_is_free_again_stays_free_although_finance_still_counts_it(storm: Storm) -> None:
    assert deliver(storm)
    end(storm)
    assert available(storm) == Decimal(100_000)

    assert storm.happen(storm.sync)

    assert available(storm) == Decimal(100_000)
    assert approve_another(storm, 100_000)


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.FORGETS_TO_ANSWER])
def test_while_finance_may_know_of_a_release_nothing_is_promised_twice(
    storm: Storm, mood: Mood
) -> None:
    assert deliver(storm)
    end(storm)
    assert not deliver(storm, mood)

    assert storm.happen(storm.sync)

    assert available(storm) <= Decimal(100_000)
    assert not known(storm).is_over_committed
    assert storm.told == []
    assert deliver(storm)
    assert approve_another(storm, 100_000)


def test_figures_from_before_a_release_promise_no_more_than_those_from_after_it(
    storm: Storm,
) -> None:
    assert deliver(storm)
    storm.ledger.meanwhile = partial(end, storm)
    assert storm.happen(storm.sync)
    assert available(storm) == Decimal(100_000)

    storm.ledger.meanwhile = partial(deliver, storm)
    assert storm.happen(storm.sync)

    assert available(storm) <= Decimal(100_000)


def test_a_hold_that_ends_before_finance_has_heard_of_it_is_free_in_every_stage(
    storm: Storm,
) -> None:
    end(storm)
    for _ in storm.waiting.copy():
        assert storm.happen(storm.sync)
        assert available(storm) == Decimal(100_000)
        assert deliver(storm)
    assert storm.happen(storm.sync)
    assert available(storm) == Decimal(100_000)


def test_a_shortage_that_is_certain_is_told_although_something_is_on_its_way(
    storm: Storm,
) -> None:
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    storm.ledger.base = Decimal(50_000)

    assert storm.happen(storm.sync)
    assert known(storm).is_over_committed
    assert [event.sequence for event in storm.told] == [1]


def test_a_shortage_of_which_nobody_could_be_sure_is_told_once_it_is(storm: Storm) -> None:
    assert not deliver(storm, Mood.SILENT)
    storm.ledger.base = Decimal(50_000)
    assert storm.happen(storm.sync)
    assert storm.told == []  # if Finance had taken the hold, 110 000 would have been there

    assert deliver(storm)
    assert storm.happen(storm.sync)

    assert [event.sequence for event in storm.told] == [1]


def test_what_finance_refuses_is_not_in_its_figures(storm: Storm) -> None:
    assert not deliver(storm, Mood.REFUSES)
    storm.ledger.base = Decimal(50_000)
    assert storm.happen(storm.sync)

    assert available(storm) == Decimal(-10_000)
    assert len(storm.told) == 1


def test_a_release_that_finance_refuses_leaves_no_money_unusable(storm: Storm) -> None:
    assert deliver(storm)
    end(storm)
    assert not deliver(storm, Mood.REFUSES)

    assert storm.happen(storm.sync)

    assert available(storm) == Decimal(100_000)


def test_a_refusal_after_a_silence_says_nothing_of_what_the_silence_hid(storm: Storm) -> None:
    assert not deliver(storm, Mood.FORGETS_TO_ANSWER)
    assert not deliver(storm, Mood.REFUSES)

    assert storm.happen(storm.sync)

    assert storm.told == []
    assert not known(storm).is_over_committed


#: From the first look at the budget's row after Finance has answered, to the last at what is kept.
LATE_CALLS = range(4, 9)


@pytest.mark.parametrize("at_call", LATE_CALLS)
def test_a_shortage_that_ends_before_it_is_written_is_not_told(storm: Storm, at_call: int) -> None:
    storm.ledger.base = Decimal(50_000)

    fate = Fate(at_call, is_after=False, instead=partial(end, storm))
    assert storm.happen(storm.sync, fate)

    assert fate.calls >= at_call
    assert available(storm) == Decimal(50_000)


@pytest.mark.parametrize("at_call", LATE_CALLS)
def test_a_shortage_that_an_approval_makes_before_it_is_written_is_told(
    storm: Storm, at_call: int
) -> None:
    assert storm.happen(lambda: storm.ask(Decimal(40_000)))
    newest = storm.requests[-1].id
    storm.ledger.base = Decimal(70_000)

    def approve() -> None:
        storm.happen(lambda: storm.approve(newest, 0, override=False))

    assert storm.happen(storm.sync, Fate(at_call, is_after=False, instead=approve))

    assert known(storm).is_over_committed is bool(storm.told)
