"""How the service's values are shown: what a caller may see of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.access import Department
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    BusyError,
    ConflictError,
    InsufficientBudgetError,
    InvalidStatusError,
    StaleVersionError,
)
from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import BudgetRequest, HistoryEntry, LineItem, Status
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.call import Answer

# For its readers alone: what shows one request does without the lists.
if TYPE_CHECKING:
    from chalicelib.usecases.lists import FoundItem

#: History entries shown with a request (SPEC.md 3).
RECENT_HISTORY = 10

#: What a request keeps for itself: the requester's address is for mail, history has its own
#: place, and the rest is bookkeeping.
HIDDEN = frozenset(
    {
        "requested_by_email",
        "history",
        "archived_history",
        "events_so_far",
        "items_so_far",
        "hold_event_id",
        "expiry_warned_at",
        "is_deleted",
    }
)

REQUEST = Shown("BudgetRequest", BudgetRequest, hidden=HIDDEN)
REQUEST_IN_FULL = Shown(
    "BudgetRequestInFull",
    BudgetRequest,
    hidden=HIDDEN,
    more={"approvalHistory": list[HistoryEntry], "notifications": list[Notification]},
)
DELETED_REQUEST = Shown("DeletedRequest", BudgetRequest, only=frozenset({"id", "request_code"}))
REMOVED_ITEM = Shown("RemovedItem", LineItem, only=frozenset({"id"}))
ITEMS = ManyOf(LineItem)
FOUND_ITEM = Shown(
    "FoundItem",
    LineItem,
    more={
        "budgetRequestId": int,
        "requestCode": str,
        "department": Department,
        "requestStatus": Status,
    },
)

_Errors = tuple[type[BudgetRequestsError], ...]

#: What every write of a request that exists may be refused with, and what holding money adds.
STATE_ERRORS: _Errors = (InvalidStatusError, StaleVersionError, ConflictError, BusyError)
MONEY_ERRORS: _Errors = (InsufficientBudgetError, BudgetUnknownError)


def request(shown: BudgetRequest) -> Answer:
    """Return a request, with its version as ETag."""
    return Answer(REQUEST.of(shown), etag(shown))


def request_in_full(
    shown: BudgetRequest, notifications: Sequence[Notification], *, is_cached: bool = False
) -> Answer:
    """Return a request with its recent history and mails, newest first."""
    told = REQUEST_IN_FULL.of(
        shown,
        approvalHistory=[e.model_dump() for e in shown.history[: -RECENT_HISTORY - 1 : -1]],
        notifications=[n.model_dump() for n in notifications],
    )
    return Answer(told, etag(shown), is_cached=is_cached)


def item(shown: BudgetRequest, line: LineItem) -> Answer:
    """Return one line, with the version of its request as ETag."""
    return Answer(line.model_dump(), etag(shown))


def found_item(found: "FoundItem") -> dict[str, Any]:
    """Return a line that a search found, with the request it is of."""
    return FOUND_ITEM.of(
        found.item,
        budgetRequestId=found.budget_request_id,
        requestCode=found.request_code,
        department=found.department,
        requestStatus=found.request_status,
    )


def etag(shown: BudgetRequest) -> dict[str, str]:
    """Return the header that names a request's version."""
    return {"ETag": f'"{shown.version}"'}
