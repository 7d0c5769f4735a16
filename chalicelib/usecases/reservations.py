"""The verbs of a hold: consume, release, expire, warn; and what expired before anyone swept it.

Each verb raises RequestNotFoundError, StaleVersionError, ForbiddenError, InvalidStatusError,
AlreadyConsumedError, AlreadyReleasedError, AlreadyExpiredError, ConflictError and BusyError.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from chalicelib.domain import reservations
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.budgets import BudgetKey, BudgetPicture, DepartmentBudget, UntoldBudget
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.errors import BusyError, ConflictError
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.jobs import JobName
from chalicelib.domain.listing import Summary
from chalicelib.domain.money import ZERO
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import DueRequests, RequestStore
from chalicelib.usecases.writing import Writing

#: A budget, whether Finance has told of it or not.
B = TypeVar("B", DepartmentBudget, UntoldBudget)

#: How much of what is due is read at once, and how often in one call at the most. Holds whose
#: warning is due stand among those that have expired, as many as a day approves; where the nightly
#: job did not come for long, readers count what they overlook as held, and a sweep refuses.
AT_ONCE = 100
MAX_READS = 50

#: How many holds one sweep ends; where more have expired, it is for the next call to go on.
MAX_SWEPT = 200


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
    key: BudgetKey, budget: B, at: datetime, *, due: DueRequests, store: RequestStore
) -> B:
    """Return a budget, which has just been read, with what has expired by `at` free again.

    In this order: a hold that is swept in between counts as held, and never as free twice.
    """
    expired = expired_holds(key, at, due=due, store=store)
    return budget.less(sum((request.reserved_amount or ZERO for request in expired), ZERO))


def picture(
    budget: DepartmentBudget | None,
    at: datetime,
    *,
    calendar: FiscalCalendar,
    due: DueRequests,
    store: RequestStore,
) -> BudgetPicture:
    """Return what a request shows at `at` of a budget, which has just been read.

    What has expired is looked for only where anything can have: a hold lasts about as long as a
    quarter, so that a draft of today's costs no such look but on the quarter's last days.
    """
    if budget and reservations.may_have_expired(budget.key, at, calendar):
        budget = counting_expired(budget.key, budget, at, due=due, store=store)
    return BudgetPicture(budget=budget)


def expired_holds(
    key: BudgetKey, at: datetime, *, due: DueRequests, store: RequestStore
) -> Iterator[BudgetRequest]:
    """Yield the requests that hold of a budget what has expired by `at`; none as a rule."""
    return expired_in(key.department, at, due=due, store=store, among=_drawing_on(key))


def expired_in(
    department: Department,
    at: datetime,
    *,
    due: DueRequests,
    store: RequestStore,
    among: Callable[[Summary], bool] = lambda _: True,
) -> Iterator[BudgetRequest]:
    """Yield the requests of a department that hold what has expired by `at`; none as a rule.

    What is overlooked, because more is due than one call looks through, counts as held.
    """
    with suppress(BusyError):
        yield from _expired(department, at, due, store, among)


def _expired(
    department: Department,
    at: datetime,
    due: DueRequests,
    store: RequestStore,
    among: Callable[[Summary], bool],
) -> Iterator[BudgetRequest]:
    """Yield what has expired by `at`; raises BusyError where more is due than is looked through.

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
    raise BusyError


def sweep(key: BudgetKey, at: datetime, *, due: DueRequests, store: RequestStore) -> bool:
    """Write down which holds of a budget have expired by `at`; says whether any money is free now.

    Another who is at the same hold may be faster. Raises BusyError, also where there are more than
    one call ends or finds, so that nobody is told that there is no money because of that.
    """
    by, freed = JobName.RESERVATION_EXPIRY.actor, 0
    for request in _expired(key.department, at, due, store, _drawing_on(key)):
        if freed == MAX_SWEPT:
            raise BusyError
        with suppress(ConflictError):
            store.commit(reservations.expire(request, by, at))
        freed += 1
    return freed > 0


def _drawing_on(key: BudgetKey) -> Callable[[Summary], bool]:
    return lambda row: (row.fiscal_year, row.fiscal_period) == (key.fiscal_year, key.fiscal_period)
