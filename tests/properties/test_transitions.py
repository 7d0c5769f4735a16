"""Whatever people do to requests, in whatever order: the books balance."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Cancellation
from chalicelib.domain.errors import (
    ConflictError,
    ForbiddenError,
    InsufficientBudgetError,
    InvalidStatusError,
)
from chalicelib.domain.requests import BudgetRequest, Status
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    budget,
    created,
    rejection,
)
from tests.fakes import FakeBudgetStore, FakeRequestStore

BUDGET = Decimal(100_000)
PEOPLE = [CLERK, ADMIN, SUPERADMIN, actor("Finance Clerk", id="u-colleague"), actor("HR Admin")]
REFUSALS = (ForbiddenError, InvalidStatusError, InsufficientBudgetError, ConflictError)

VERBS = st.sampled_from(["submit", "submit", "approve", "approve", "reject", "cancel"])
STEPS = st.lists(
    st.tuples(
        VERBS,
        st.integers(min_value=1, max_value=3),  # which request
        st.sampled_from(PEOPLE),
        st.sampled_from([0, 5, Decimal("33.33"), 100]),  # buffer
        st.booleans(),  # whether this one decides on what it read a step ago
    ),
    max_size=25,
)


class Books:
    """Three requests and one budget, and everything that was ever told of them."""

    def __init__(self) -> None:
        self.budgets = FakeBudgetStore()
        self.budgets.budgets[KEY] = budget(BUDGET)
        self.store = FakeRequestStore(self.budgets)
        self.ids: dict[int, int] = {}
        self._read_before: dict[int, BudgetRequest] = {}
        for sequence in (1, 2, 3):
            change = created(sequence=sequence, amountRequested=40_000)
            self.store.commit(change)
            self.ids[sequence] = change.after.id

    def do(self, verb: str, which: int, by: Actor, buffer: object, *, late: bool) -> None:
        """Try one verb; a refusal is as good as a success."""
        now = self.store.get(self.ids[which])
        read = self._read_before.get(which, now) if late else now
        self._read_before[which] = now
        try:
            self.store.commit(_decide(read, verb, by, buffer))
        except REFUSALS:
            assert self.store.get(self.ids[which]) == now

    @property
    def requests(self) -> list[BudgetRequest]:
        return [self.store.get(request_id) for request_id in self.ids.values()]


def _decide(request: BudgetRequest, verb: str, by: Actor, buffer: object) -> Change:
    match verb:
        case "submit":
            return transitions.submit(request, by, LATER)
        case "approve":
            return transitions.approve(request, approval(bufferPercentage=buffer), by, LATER)
        case "reject":
            return transitions.reject(request, rejection(), by, LATER)
        case _:
            return transitions.cancel(request, Cancellation(reason=None), by, AT)


@given(STEPS)
def test_the_books_balance_after_every_step(steps: list[tuple[str, int, Actor, Any, bool]]) -> None:
    books = Books()

    for verb, which, by, buffer, late in steps:
        books.do(verb, which, by, buffer, late=late)

        held = Decimal(0)
        for request in books.requests:
            assert (request.status is Status.APPROVED) == request.is_reserved
            if request.is_reserved:
                assert request.reserved_amount is not None
                assert request.buffer_amount is not None
                assert request.reserved_amount == request.amount_requested + request.buffer_amount
                held += request.reserved_amount
        assert held <= BUDGET
        known = books.budgets.budgets[KEY]
        assert (known.available, known.unconfirmed) == (BUDGET - held, held)


@given(STEPS)
def test_every_change_is_told_once_and_in_order(
    steps: list[tuple[str, int, Actor, Any, bool]],
) -> None:
    books = Books()
    for verb, which, by, buffer, late in steps:
        books.do(verb, which, by, buffer, late=late)

    for request in books.requests:
        changes = [change for change in books.store.changes if change.after.id == request.id]
        events = [event for change in changes for event in change.events]
        assert request.version == len(changes) == len(request.history)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert len({event.id for event in events}) == len(events)
        assert len({change.audit.id for change in changes}) == len(changes)
        assert [change.after.version for change in changes] == list(range(1, len(changes) + 1))
