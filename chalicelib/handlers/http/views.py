"""How the service's values are shown: what a caller may see of them."""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.notifications import Notification
from chalicelib.domain.requests import RECENT_HISTORY, BudgetRequest, LineItem
from chalicelib.handlers.http.call import Answer

#: What a request keeps for itself: the requester's address is for mail, history has its own
#: place, and the rest is bookkeeping.
HIDDEN = {
    "requested_by_email",
    "history",
    "events_so_far",
    "items_so_far",
    "hold_event_id",
    "is_deleted",
}


def request(shown: BudgetRequest) -> Answer:
    """Return a request, with its version as ETag."""
    return Answer(shown.model_dump(exclude=HIDDEN), etag(shown))


def request_in_full(shown: BudgetRequest, notifications: Sequence[Notification]) -> Answer:
    """Return a request with its recent history and mails, newest first."""
    more: dict[str, Any] = {
        "approvalHistory": [e.model_dump() for e in shown.history[: -RECENT_HISTORY - 1 : -1]],
        "notifications": [n.model_dump() for n in notifications],
    }
    return Answer(shown.model_dump(exclude=HIDDEN) | more, etag(shown))


def item(shown: BudgetRequest, line: LineItem) -> Answer:
    """Return one line, with the version of its request as ETag."""
    return Answer(line.model_dump(), etag(shown))


def etag(shown: BudgetRequest) -> dict[str, str]:
    """Return the header that names a request's version."""
    return {"ETag": f'"{shown.version}"'}
