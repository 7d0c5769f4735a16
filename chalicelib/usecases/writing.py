"""The one way a request is changed: read it, let the domain decide, commit."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from chalicelib.domain.changes import Change
from chalicelib.domain.errors import BudgetRequestsError, ForbiddenError, StaleVersionError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.requests import BudgetRequest
from chalicelib.usecases.ports import RequestStore


@dataclass(frozen=True)
class Writing:
    """How a change is written: where, decided on which version, and kept with which receipt.

    `expected` are the versions it may be decided on, None stands for any; `receipt` makes the
    receipt of the answer that tells of the request as it is after the change.
    """

    store: RequestStore
    expected: Collection[int] | None = None
    receipt: Callable[[BudgetRequest], Receipt] | None = None

    def write(self, request_id: int, decide: Callable[[BudgetRequest], Change]) -> BudgetRequest:
        """Change a request as `decide` says and return what it became, in two round trips.

        Raises what `decided` and `commit` raise.
        """
        return self.commit(self.decided(request_id, decide))

    def decided(self, request_id: int, decide: Callable[[BudgetRequest], Change]) -> Change:
        """Return what `decide` makes of a request.

        Whom it forbids does not learn the version; whoever may act learns of a stale one before
        anything else. Raises RequestNotFoundError, StaleVersionError, and what `decide` raises.
        """
        request = self.store.get(request_id)
        stale = self.expected is not None and request.version not in self.expected
        try:
            change = decide(request)
        except BudgetRequestsError as error:
            if stale and not isinstance(error, ForbiddenError):
                raise StaleVersionError(request.version) from None
            raise
        if stale:
            raise StaleVersionError(request.version)
        return change

    def commit(self, change: Change) -> BudgetRequest:
        """Commit a change and return what the request became; raises as `RequestStore.commit`."""
        self.store.commit(change, receipt=self.receipt(change.after) if self.receipt else None)
        return change.after
