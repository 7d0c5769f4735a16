"""A refusal that can be remedied is tried once more."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from chalicelib.domain.errors import BudgetRequestsError

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
