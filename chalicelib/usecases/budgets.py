"""What is known of a department's budget, and asking Finance when that is old."""

from datetime import datetime

from chalicelib.domain.budgets import BudgetKey, DepartmentBudget
from chalicelib.domain.errors import FinanceUnavailableError
from chalicelib.usecases.ports import BudgetStore, Finance

#: How often figures are fetched again because a hold was confirmed while they were on their way.
MAX_FETCHES = 3


def current(
    key: BudgetKey, *, at: datetime, store: BudgetStore, finance: Finance
) -> DepartmentBudget | None:
    """Return the budget, fetched from Finance when what is kept is old.

    With Finance down the kept figures come back marked stale; None where there are none.
    """
    known = store.get(key)
    if known is not None and (known.is_fresh(at) or not known.may_ask_finance(at)):
        return known
    return refresh(key, at=at, store=store, finance=finance, known=known) or known


def refresh(
    key: BudgetKey,
    *,
    at: datetime,
    store: BudgetStore,
    finance: Finance,
    known: DepartmentBudget | None = None,
) -> DepartmentBudget | None:
    """Fetch a budget from Finance and keep it.

    Returns the budget as kept, marked stale where Finance did not answer; None where there is
    nothing to return.
    """
    for _ in range(MAX_FETCHES):
        known = known or store.get(key)
        confirmations = known.confirmations if known else 0
        try:
            figures = finance.fetch(key)
        except FinanceUnavailableError:
            store.mark_stale(key, at)
            return known and known.model_copy(update={"is_stale": True})
        if figures is None:
            return known
        if store.record(key, figures, confirmations=confirmations, at=at):
            return store.get(key)
        known = None
    return store.get(key)
