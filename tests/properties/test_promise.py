"""Whatever happens, in whatever order, and whoever dies in the middle: money is promised once.

A failing run prints its story and its seed. `STORM_SEED=n` draws other storms, the same ones for
the same n; `STORMS=n` draws so many; `SHORTEST=1` looks for the shortest story, for minutes.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from functools import partial

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.domain.requests import Status
from tests.conftest import Aws, make_tables
from tests.properties.ledger import Mood
from tests.properties.storm import Fate, Storm

SEED = int(os.environ.get("STORM_SEED", "1"))
STORMS = int(os.environ.get("STORMS", "25"))
STEPS = 40

#: More calls to the outside world than any command makes here.
MOST_CALLS = 20

CALLS = st.one_of(
    st.integers(min_value=1, max_value=5), st.integers(min_value=1, max_value=MOST_CALLS)
)

#: Half of the commands live; the others die before or after a call to the outside world, if they
#: get as far as that.
FATES = st.one_of(
    st.none(),
    st.builds(Fate, at_call=CALLS, is_after=st.booleans()),
)
MOVES = st.sampled_from(["approve", "cancel", "consume", "release", "deliver", "sync", "sweep"])
AMOUNTS = st.decimals(min_value=1, max_value=45_000, places=2)
WHICH = st.integers(min_value=0, max_value=30)
BUFFERS = st.sampled_from([0, 0, 5, 33])


class Machine(RuleBasedStateMachine):
    """One storm, from an empty table to the calm after it."""

    environment: dict[str, str]
    aws: Aws

    def __init__(self) -> None:
        super().__init__()
        make_tables(self.environment)
        self.storm = Storm(self.aws)
        self.stack = ExitStack()
        self.stack.enter_context(self.storm.watched())
        self.storm.happen(self.storm.sync)

    def one(self, which: int, status: Status | None = None) -> int:
        """Return one of the requests there are; mostly one of this status."""
        fitting = [each for each in self.storm.requests if each.status is status]
        among = fitting if fitting and which % 4 else self.storm.requests
        return among[which % len(among)].id

    @initialize(amounts=st.lists(AMOUNTS, min_size=3, max_size=6))
    def some_ask(self, amounts: list[Decimal]) -> None:
        for amount in amounts:
            self.storm.happen(partial(self.storm.ask, amount))

    @rule(amount=AMOUNTS, fate=FATES)
    def ask(self, amount: Decimal, fate: Fate | None) -> None:
        self.storm.happen(lambda: self.storm.ask(amount), fate)

    @rule(which=WHICH, buffer=BUFFERS, fate=FATES)
    def approve(self, which: int, buffer: int, fate: Fate | None) -> None:
        request_id = self.one(which, Status.PENDING)
        self.storm.happen(lambda: self.storm.approve(request_id, buffer, override=False), fate)

    @rule(which=WHICH, fate=FATES)
    def override(self, which: int, fate: Fate | None) -> None:
        request_id = self.one(which, Status.PENDING)
        self.storm.happen(lambda: self.storm.approve(request_id, 0, override=True), fate)

    @rule(which=st.lists(WHICH, min_size=1, max_size=4), fate=FATES)
    def approve_many(self, which: list[int], fate: Fate | None) -> None:
        ids = sorted({self.one(each) for each in which})
        self.storm.happen(lambda: self.storm.approve_many(ids), fate)

    @rule(which=WHICH, fate=FATES)
    def reject(self, which: int, fate: Fate | None) -> None:
        request_id = self.one(which)
        self.storm.happen(lambda: self.storm.reject(request_id), fate)

    @rule(which=WHICH, fate=FATES)
    def cancel(self, which: int, fate: Fate | None) -> None:
        request_id = self.one(which, Status.APPROVED)
        self.storm.happen(lambda: self.storm.cancel(request_id), fate)

    @rule(
        which=WHICH,
        share=st.sampled_from([None, Decimal("0.25"), Decimal(1), Decimal("1.5")]),
        fate=FATES,
    )
    def consume(self, which: int, share: Decimal | None, fate: Fate | None) -> None:
        request_id = self.one(which, Status.APPROVED)
        self.storm.happen(lambda: self.storm.consume(request_id, share), fate)

    @rule(which=WHICH, fate=FATES)
    def release(self, which: int, fate: Fate | None) -> None:
        request_id = self.one(which, Status.APPROVED)
        self.storm.happen(lambda: self.storm.release(request_id), fate)

    @precondition(lambda self: self.storm.waiting)
    @rule(often=st.integers(min_value=2, max_value=5), which=WHICH)
    def deliver_some(self, often: int, which: int) -> None:
        for _ in range(often):
            self._happens("deliver", which)

    @precondition(lambda self: self.storm.waiting)
    @rule(which=WHICH, again=st.booleans(), fate=FATES)
    def deliver(self, which: int, again: bool, fate: Fate | None) -> None:  # noqa: FBT001 - drawn
        self.storm.happen(lambda: self.storm.deliver(which, again=again), fate)

    @rule(fate=FATES)
    def sync(self, fate: Fate | None) -> None:
        self.storm.happen(self.storm.sync, fate)

    @rule(which=WHICH, what=MOVES)
    def sync_while(self, which: int, what: str) -> None:
        """Finance looks into its books, and answers when something else has happened."""
        self.storm.ledger.meanwhile = lambda: self._happens(what, which)
        self.storm.happen(self.storm.sync)
        self.storm.ledger.meanwhile = None

    @rule(which=WHICH, first=MOVES, second=MOVES, at_call=CALLS, is_after=st.booleans())
    def two_at_once(
        self,
        which: int,
        first: str,
        second: str,
        at_call: int,
        is_after: bool,  # noqa: FBT001 - drawn by name
    ) -> None:
        """Between two calls of one command another happens, often to the same request."""
        fate = Fate(at_call, is_after, instead=lambda: self._happens(second, which))
        self._happens(first, which, fate)

    def _happens(self, what: str, which: int, fate: Fate | None = None) -> None:
        storm = self.storm
        request_id = self.one(which, Status.PENDING if what == "approve" else Status.APPROVED)
        commands: dict[str, Callable[[], None]] = {
            "approve": lambda: storm.approve(request_id, 0, override=False),
            "cancel": lambda: storm.cancel(request_id),
            "consume": lambda: storm.consume(request_id, Decimal("0.5")),
            "release": lambda: storm.release(request_id),
            "deliver": lambda: storm.deliver(which, again=False),
            "sync": storm.sync,
            "sweep": storm.sweep,
        }
        if what != "deliver" or storm.waiting:
            storm.happen(commands[what], fate)

    @rule(fate=FATES)
    def sweep(self, fate: Fate | None) -> None:
        self.storm.happen(self.storm.sweep, fate)

    @rule(days=st.integers(min_value=1, max_value=50))
    def time_passes(self, days: int) -> None:
        self.storm.now += timedelta(days=days)

    @rule(mood=st.sampled_from(Mood))
    def finance_changes_its_mood(self, mood: Mood) -> None:
        self.storm.ledger.mood = mood

    @rule(base=st.sampled_from([Decimal(0), Decimal(50_000), Decimal(100_000), Decimal(250_000)]))
    def finance_decides_anew(self, base: Decimal) -> None:
        self.storm.ledger.base = base

    @invariant()
    def the_books_are_right(self) -> None:
        self.storm.check()

    def teardown(self) -> None:
        try:
            self.storm.settle()
            self.storm.check_settled()
        finally:
            self.stack.close()


def test_money_is_never_promised_twice_and_never_lost(
    environment: dict[str, str], aws: Aws
) -> None:
    Machine.environment, Machine.aws = environment, aws
    phases = [hypothesis.Phase.generate]
    if os.environ.get("SHORTEST"):
        phases.append(hypothesis.Phase.shrink)
    try:
        run_state_machine_as_test(
            hypothesis.seed(SEED)(Machine),
            settings=hypothesis.settings(
                max_examples=STORMS,
                stateful_step_count=STEPS,
                deadline=None,
                phases=phases,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )
    except BaseException as error:
        error.add_note(f"to see this storm again: STORM_SEED={SEED} STORMS={STORMS}")
        raise


def _a_usual_day(storm: Storm) -> None:
    """Have four ask; two hold money, of which Finance has heard once, and one has expired."""
    storm.happen(storm.sync)
    for amount in (30_000, 20_000, 55_000, 5_000):
        storm.happen(partial(storm.ask, Decimal(amount)))
    first, second, *_ = (request.id for request in storm.requests)
    storm.happen(lambda: storm.approve(first, 0, override=False))
    storm.now += timedelta(days=60)
    storm.happen(lambda: storm.approve(second, 5, override=False))
    storm.happen(lambda: storm.deliver(0, again=False))
    storm.now += timedelta(days=31)


#: Each command as it is given on such a day.
COMMANDS: dict[str, Callable[[Storm], None]] = {
    "ask": lambda storm: storm.ask(Decimal(40_000)),
    "approve": lambda storm: storm.approve(storm.requests[3].id, 5, override=False),
    "approve what only fits when the expired is swept": lambda storm: storm.approve(
        storm.requests[2].id, 0, override=False
    ),
    "override": lambda storm: storm.approve(storm.requests[2].id, 50, override=True),
    "approve many": lambda storm: storm.approve_many([r.id for r in storm.requests[2:]]),
    "reject": lambda storm: storm.reject(storm.requests[2].id),
    "cancel what is held": lambda storm: storm.cancel(storm.requests[1].id),
    "cancel what has expired": lambda storm: storm.cancel(storm.requests[0].id),
    "consume": lambda storm: storm.consume(storm.requests[1].id, Decimal("0.25")),
    "release": lambda storm: storm.release(storm.requests[1].id),
    "sweep": lambda storm: storm.sweep(),
    "sync": lambda storm: storm.sync(),
    "tell of a hold": lambda storm: storm.deliver(0, again=False),
    "tell of a hold that is refused": lambda storm: storm.deliver(0, again=False),
    "tell of a release": lambda storm: storm.deliver(0, again=False),
}


def _finance_refuses(storm: Storm) -> None:
    storm.ledger.mood = Mood.REFUSES


def _a_confirmed_hold_is_released(storm: Storm) -> None:
    storm.happen(lambda: storm.deliver(0, again=False))
    storm.happen(lambda: storm.release(storm.requests[1].id))


#: What happens before some of them.
BEFORE: dict[str, Callable[[Storm], None]] = {
    "tell of a hold that is refused": _finance_refuses,
    "tell of a release": _a_confirmed_hold_is_released,
}


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_may_die_at_every_call_to_the_outside_world(
    command: str,
    is_after: bool,  # noqa: FBT001 - a case
    environment: dict[str, str],
    aws: Aws,
) -> None:
    for at_call in range(1, MOST_CALLS + 1):
        make_tables(environment)
        storm, fate = Storm(aws), Fate(at_call, is_after)
        with storm.watched():
            _a_usual_day(storm)
            if command in BEFORE:
                BEFORE[command](storm)
            storm.check()
            storm.happen(lambda: COMMANDS[command](storm), fate)  # noqa: B023 - at once
            storm.check()
            storm.settle()
            storm.check_settled()
        if not fate.is_dead:
            break
    else:
        raise AssertionError(f"{command} makes more than {MOST_CALLS} calls")
    assert at_call > 1
