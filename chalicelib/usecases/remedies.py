"""A refusal that can be remedied is tried once more."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar

from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    InsufficientBudgetError,
)
from chalicelib.usecases import budgets, reservations
from chalicelib.usecases.budgets import Synced
from chalicelib.usecases.ports import BudgetStore, DueRequests, Finance, RequestStore

T = TypeVar("T")

#: What may help against which error; it says whether it has changed anything.
Remedies = Mapping[type[BudgetRequestsError], Callable[[], bool]]


def remedied(act: Callable[[], T], remedies: Remedies) -> T:
    """Return what `act` gives, again after each remedy that helped; each is taken once.

    Raises what `act` raises where there is no remedy, or it was of no use.
    """
    left = dict(remedies)
    while True:
        try:
            return act()
        except BudgetRequestsError as error:
            remedy = left.pop(type(error), None)
            if remedy is None or not remedy():
                raise


def for_want_of_money(
    keys: Collection[BudgetKey],
    *,
    by: Actor,
    at: datetime,
    due: DueRequests,
    store: RequestStore,
    budget_store: BudgetStore,
    finance: Finance,
) -> Remedies:
    """Return what may help an approval that draws on these budgets.

    Where money is short, holds that have expired give back theirs, and figures that are in doubt
    are fetched again; where a budget is unknown, Finance is asked for it.
    """

    def synced(key: BudgetKey) -> Synced:
        return budgets.sync(
            key, by=by, at=at, store=budget_store, finance=finance, due=due, requests=store
        )

    def asked() -> bool:
        unknown = [key for key in keys if budget_store.get(key) is None]
        return all(synced(key).budget for key in unknown)

    def freed() -> bool:
        swept = [reservations.sweep(key, at, due=due, store=store) for key in keys]
        known = [budget_store.get(key) for key in keys]
        in_doubt = [budget for budget in known if budget and budget.may_turn_out_more(at)]
        settled = [synced(budget.key).is_synced for budget in in_doubt]
        return any(swept) or any(settled)

    return {BudgetUnknownError: asked, InsufficientBudgetError: freed}
