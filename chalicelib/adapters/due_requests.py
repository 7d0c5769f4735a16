"""Requests by when the service has to look at them again, from the index of what is due."""

from datetime import datetime

from chalicelib.adapters.keys import due_at, due_for
from chalicelib.adapters.request_rows import summary_in
from chalicelib.adapters.rows.requests import RequestRow
from chalicelib.domain.access import Department
from chalicelib.domain.deadlines import DueKind, DueRequest

#: Sorts before every position.
_BEFORE_ALL = "0"

#: Added to a position: sorts behind it, and before every other.
_NEXT = " "

#: Added to a moment: sorts behind all that is due at it.
_BEHIND = "~"


class DynamoDueRequests:
    """The DueRequests on DynamoDB; index rows follow their request within moments."""

    def page(
        self,
        department: Department,
        kind: DueKind,
        *,
        until: datetime,
        after: str | None = None,
        limit: int,
    ) -> list[DueRequest]:
        """Return up to `limit` of what is due at `until` at the latest, the longest due first."""
        first = _BEFORE_ALL if after is None else after + _NEXT
        last = due_at(until) + _BEHIND
        if first > last:
            return []
        rows = RequestRow.by_due.query(
            due_for(department, kind),
            RequestRow.due_at.between(first, last),
            limit=limit,
        )
        return [DueRequest(position=row.due_at, summary=summary_in(row.summary)) for row in rows]
