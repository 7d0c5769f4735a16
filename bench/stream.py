"""How many changes a second the embedded cloud carries from the table to a partner."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter

from bench.operations import compose
from bench.queues import idleness
from chalicelib import bootstrap
from chalicelib.adapters.outbox import outbox
from chalicelib.adapters.request_rows import row_of
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain import transitions
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import NewRequest
from infra.local import RunningStack
from infra.waiting import wait_for

CHANGES = 400
#: Changes that are not counted: they start the processes of the functions.
WARM_UP = 50
DEADLINE_SECONDS = 120.0
#: Above the numbers of all other requests here.
FIRST_SEQUENCE = 700_000

CLERK = Actor(id="u-1", name="clerk", role="Inventory Clerk", level=Level.USER,
              department="inventory")  # fmt: skip
NEW = NewRequest(
    department="inventory", amount_requested=Decimal(1), purpose="Straps for the loading ramp"
)


@dataclass(frozen=True)
class Flow:
    """How fast changes went through the relay, the bus, a queue and its worker to Audit."""

    changes: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Changes a second, of which each is an event and an audit entry."""
        return self.changes / self.seconds


def measure(stack: RunningStack) -> Flow:
    """Write changes at once and wait until Audit has heard of all; RuntimeError if it does not."""
    compose(stack)
    _written(stack, FIRST_SEQUENCE, WARM_UP)
    return Flow(CHANGES, _written(stack, FIRST_SEQUENCE + WARM_UP, CHANGES))


def _written(stack: RunningStack, first: int, number: int) -> float:
    """Return the seconds until Audit has heard of so many new requests."""
    rows = [_row(sequence) for sequence in range(first, first + number)]
    wait_for(idleness(stack), deadline_seconds=DEADLINE_SECONDS)
    stack.audit.forget()
    started = perf_counter()
    with RequestRow.batch_write() as writes:
        for row in rows:
            writes.save(row)

    is_idle = idleness(stack)

    def is_heard() -> bool:
        # What the stand-in received is much to ask for: not while queues tell that it is not all.
        return is_idle() and sum(call.accepted for call in stack.audit.received()) >= number

    if not wait_for(is_heard, deadline_seconds=DEADLINE_SECONDS):
        raise RuntimeError(f"Audit heard of {len(stack.audit.received())} changes of {number}")
    return perf_counter() - started


def _row(sequence: int) -> RequestRow:
    at, calendar = datetime.now(UTC), bootstrap.calendar()
    picture = BudgetPicture(budget=None)
    made = transitions.create(NEW, CLERK, at, sequence=sequence, calendar=calendar, budget=picture)
    return row_of(made.after, outbox(made.events, made.audit))
