"""The verbs of a hold: consume, release, expire, warn; and what expired before anyone swept it.

Each verb raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError,
AlreadyConsumedError, AlreadyReleasedError, AlreadyExpiredError, ConflictError and BusyError.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from chalicelib.domain import reservations
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.jobs import JobName
from chalicelib.domain.listing import Summary
from chalicelib.domain.money import ZERO
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import DueRequests, RequestStore
from chalicelib.usecases.writing import Writing

#: How much of what is due is read at once, and how much at the most in one call: what the nightly
#: sweep left is little, and what is overlooked is counted as held.
AT_ONCE = 25
MAX_READS = 20


def consume(
    request_id: int, amount: Decimal | None, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Use up `amount` of a hold, or all of it, and free the rest; raises InvalidInputError too."""
    return writing.write(request_id, lambda r: reservations.consume(r, amount, by, at))


def release(
    request_id: int, reason: str | None, *, by: Actor, at: datetime, writing: Writing
) -> BudgetRequest:
    """Give all of a hold back."""
    return writing.write(request_id, lambda r: reservations.release(r, by, at, reason))


def expire(request_id: int, *, by: Actor, at: datetime, writing: Writing) -> BudgetRequest:
    """Write down that a hold has expired, and give all of it back."""
    return writing.write(request_id, lambda r: reservations.expire(r, by, at))


def warn(request_id: int, *, by: Actor, at: datetime, writing: Writing) -> BudgetRequest:
    """Tell, once, that a hold is about to expire."""
    return writing.write(request_id, lambda r: reservations.warn(r, by, at))


def counting_expired(
    budget: DepartmentBudget, at: datetime, *, due: DueRequests, store: RequestStore
) -> DepartmentBudget:
    """Return a budget, which has just been read, with what has expired by `at` free again.

    In this order: a hold that is swept in between counts as held, and never as free twice.
    """
    expired = expired_holds(budget.key, at, due=due, store=store)
    freed = sum((request.reserved_amount or ZERO for request in expired), ZERO)
    return budget.model_copy(update={"available": budget.available + freed})


def expired_holds(
    key: BudgetKey, at: datetime, *, due: DueRequests, store: RequestStore
) -> Iterator[BudgetRequest]:
    """Yield the requests that hold of a budget what has expired by `at`; none as a rule."""
    return expired_in(
        key.department,
        at,
        due=due,
        store=store,
        among=lambda row: _draws_on(key, row.fiscal_year, row.fiscal_period),
    )


def expired_in(
    department: Department,
    at: datetime,
    *,
    due: DueRequests,
    store: RequestStore,
    among: Callable[[Summary], bool] = lambda _: True,
) -> Iterator[BudgetRequest]:
    """Yield the requests of a department that hold what has expired by `at`; none as a rule.

    The index says where to look, and may be late: each is what it is when it is read itself.
    """
    after = None
    for _ in range(MAX_READS):
        page = due.page(department, DueKind.HOLD, until=at, after=after, limit=AT_ONCE)
        found = [row.summary for row in page if reservations.is_past_expiry(row.summary, at)]
        ids = [row.id for row in found if among(row)]
        if ids:
            known = store.get_many(ids).values()
            yield from (request for request in known if reservations.is_past_expiry(request, at))
        if len(page) < AT_ONCE:
            return
        after = page[-1].position


def sweep(key: BudgetKey, at: datetime, *, due: DueRequests, store: RequestStore) -> bool:
    """Write down which holds of a budget have expired by `at`; says whether any money is free now.

    Another who is at the same hold may be faster. Raises BusyError.
    """
    by, freed = JobName.RESERVATION_EXPIRY.actor, False
    for request in expired_holds(key, at, due=due, store=store):
        with suppress(ConflictError):
            store.commit(reservations.expire(request, by, at))
        freed = True
    return freed


def _draws_on(key: BudgetKey, year: int, period: str) -> bool:
    return (key.fiscal_year, key.fiscal_period) == (year, period)
