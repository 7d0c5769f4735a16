"""What a page of the list costs, at 1 000, 10 000 and 100 000 requests."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from bench.capacity import Bill, billed
from bench.operations import compose
from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.adapters.keys import totals_pk
from chalicelib.adapters.request_rows import row_of
from chalicelib.adapters.rows.counters import TotalsRow
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain import transitions
from chalicelib.domain.access import DEPARTMENTS, Actor, Level
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.content import NewRequest
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.listing import ListQuery, Summary
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.usecases import lists
from chalicelib.usecases.caching import ListCache
from chalicelib.usecases.lists import Page
from infra.local import RunningStack

SIZES = (1_000, 10_000, 100_000)
LIMIT = 20
#: Each asks for the same number of requests, of one department; one in URGENT of these is urgent.
OWNERS = 20
URGENT = 10
CURSOR_SECRETS = ("bench",)

ROOT = Actor(id="root", name="root", role="SuperAdmin", level=Level.SUPERADMIN, department=None)
ADMIN = Actor(id="a", name="a", role="HR Admin", level=Level.ADMIN, department="hr")
OWNER = Actor(id="owner-1", name="o", role="HR Clerk", level=Level.USER, department="hr")


def measure(stack: RunningStack) -> list[tuple[int, str, Bill]]:
    """Return the cost of each kind of page at each size, filling the stack's table on the way."""
    compose(stack)
    found: list[tuple[int, str, Bill]] = []
    filled = 0
    for size in SIZES:
        _fill(filled, size)
        filled = size
        for name, query, by in _pages(size):
            with billed(Bill(), tables.client()) as cost:
                page = _listed(query, by)
            if not page.rows:
                raise RuntimeError(f"{name} at {size} came back empty")
            found.append((size, name, cost))
    return found


def _pages(size: int) -> Iterator[tuple[str, ListQuery, Actor]]:
    pages, own = -(-size // LIMIT), -(-size // len(DEPARTMENTS) // LIMIT)
    yield "everything, first page", ListQuery(), ROOT
    yield "everything, last page", ListQuery(page=pages), ROOT
    yield "a department, first page", ListQuery(), ADMIN
    yield "a department, last page", ListQuery(page=own), ADMIN
    yield "a department and status", ListQuery(status=Status.PENDING), ADMIN
    yield _next("a department, by cursor", ListQuery(), ADMIN)
    yield "an owner's, first page", ListQuery(), OWNER
    yield _next("an owner's, by cursor", ListQuery(), OWNER)
    urgent = ListQuery(priority="urgent")
    yield f"a priority of one in {URGENT}, first page", urgent, ADMIN
    yield _next(f"a priority of one in {URGENT}, by cursor", urgent, ADMIN)


def _next(name: str, query: ListQuery, by: Actor) -> tuple[str, ListQuery, Actor]:
    """Return the question of the page after the first."""
    first = _listed(query, by)
    return name, query.model_copy(update={"cursor": first.next_cursor}), by


def _listed(query: ListQuery, by: Actor) -> Page[Summary]:
    """Return a page as a process gives it that remembers none."""
    now = datetime.now(UTC)
    return lists.requests(
        query,
        by=by,
        at=now,
        lists=bootstrap.request_lists(),
        cache=ListCache(lambda: now),
        cursor_secrets=CURSOR_SECRETS,
    )


def _fill(first: int, last: int) -> None:
    """Put requests `first` to `last` into the table, spread over departments and years."""
    bootstrap.request_lists()
    bootstrap.requests()
    numbers = iter(range(first, last))
    while batch := list(islice(numbers, 1000)):
        with RequestRow.batch_write() as writes:
            for number in batch:
                writes.save(row_of(_created(number), Outbox()))
    for department in DEPARTMENTS:
        TotalsRow(totals_pk(department), pending=last // len(DEPARTMENTS)).save()


def _created(number: int) -> BudgetRequest:
    department = DEPARTMENTS[number % len(DEPARTMENTS)]
    by = Actor(id=f"owner-{number % OWNERS}", name="someone", role="Clerk", level=Level.USER,
               department=department)  # fmt: skip
    new = NewRequest(
        department=department,
        amount_requested=Decimal(100),
        purpose="Things that a department needs",
        priority="medium" if number // len(DEPARTMENTS) % URGENT else "urgent",
    )
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    picture = BudgetPicture(budget=None)
    made = transitions.create(
        new, by, at, sequence=number + 1, calendar=FiscalCalendar(), budget=picture
    )
    return made.after
