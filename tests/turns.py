"""Clients of DynamoDB that take turns: one round trip at a time, in an order drawn by chance.

Between its round trips a client does nothing that another could notice, so the turns are all there
is to an interleaving, and the same chance gives the same one again.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Semaphore, Thread, current_thread
from typing import Generic, TypeVar

from botocore.client import BaseClient
from botocore.model import OperationModel

from chalicelib.domain.errors import BudgetRequestsError

#: Longer than any round trip to an engine in memory.
PATIENCE_SECONDS = 30

_READS = {"GetItem", "BatchGetItem", "Query"}

_Made = TypeVar("_Made")


@dataclass
class Race(Generic[_Made]):
    """What came of it, by client: what each made, or the error it was refused with."""

    made: dict[str, _Made] = field(default_factory=dict)
    refused: dict[str, BudgetRequestsError] = field(default_factory=dict)
    #: Whose turn it was, one letter a round trip.
    order: str = ""


class _Racer(Thread, Generic[_Made]):
    """A client that waits for its turn before each of its round trips."""

    def __init__(self, act: Callable[[], _Made]) -> None:
        super().__init__(daemon=True)
        self._act = act
        self._goes, self._stops = Semaphore(0), Semaphore(0)
        self._operation = ""
        self.made: _Made | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.made = self._act()
        except BaseException as error:  # noqa: BLE001 - told to who awaits it
            self.error = error
        self._stops.release()

    def wait_for_turn(self, operation: str) -> None:
        """Stop until the next turn, in which it is this that is done; called by the racer."""
        self._operation = operation
        self._stops.release()
        assert self._goes.acquire(timeout=PATIENCE_SECONDS), "nobody gives turns any more"

    def go(self) -> bool:
        """Make one round trip, and all that follows until the next; return whether it wrote."""
        writes = self._operation not in _READS
        self._goes.release()
        self.stopped()
        return writes

    def stopped(self) -> None:
        """Wait until the racer waits for its turn, or has finished."""
        assert self._stops.acquire(timeout=PATIENCE_SECONDS), "a round trip does not end"
        if not self.has_turns_left():
            self.join()

    def has_turns_left(self) -> bool:
        """Whether there is more to come."""
        return self.made is None and self.error is None


def race(
    clients: Mapping[str, Callable[[], _Made]],
    chance: random.Random,
    after_write: Callable[[str], object],
) -> Race[_Made]:
    """Have clients act at the same time, one letter each; none may make None of it.

    Their round trips must be `taken_in_turns`. `after_write` may look at what each write left, or
    did not; it is told whose turn it has been so far.
    """
    told: Race[_Made] = Race()
    racers = {name: _Racer(act) for name, act in clients.items()}
    for racer in racers.values():
        racer.start()
        racer.stopped()
    while waiting := [name for name, racer in racers.items() if racer.has_turns_left()]:
        name = chance.choice(waiting)
        told.order += name
        if racers[name].go():
            after_write(told.order)
    for name, racer in racers.items():
        if racer.made is not None:
            told.made[name] = racer.made
        elif isinstance(racer.error, BudgetRequestsError):
            told.refused[name] = racer.error
        else:
            assert racer.error is not None
            raise racer.error
    return told


@contextmanager
def taken_in_turns(client: BaseClient) -> Iterator[None]:
    """Have the racers among those who use this client wait for their turns."""

    def wait(model: OperationModel, **_: object) -> None:
        racer = current_thread()
        if isinstance(racer, _Racer):
            racer.wait_for_turn(model.name)

    client.meta.events.register_first("before-call.dynamodb", wait)
    try:
        yield
    finally:
        client.meta.events.unregister("before-call.dynamodb", wait)
