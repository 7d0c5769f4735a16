"""A decision as data: what a request becomes, and the version, history, events and audit of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import Hold, Release
from chalicelib.domain.events import AuditAction, AuditEntry, Event, EventType, audit_entry, plain
from chalicelib.domain.requests import BudgetRequest, HistoryEntry

#: How much history a request carries; when it has more, the oldest half is put into a row of its
#: own, so that a request that is decided on a thousand times stays as quick as a new one.
MAX_CARRIED_HISTORY = 40
ARCHIVED_AT_ONCE = 20

#: What is told of a change: the event, and its data.
News = tuple[EventType, dict[str, Any]]


@dataclass(frozen=True)
class Change:
    """A decision as data: what the request becomes, the money it moves, and what is told of it."""

    before: BudgetRequest | None
    after: BudgetRequest
    events: tuple[Event, ...]
    audit: AuditEntry
    hold: Hold | None = None
    release: Release | None = None
    archived: tuple[HistoryEntry, ...] = ()


@dataclass(frozen=True)
class Step:
    """One move of one request: adds version, history, event and audit entry to a decision."""

    request: BudgetRequest
    by: Actor
    at: datetime
    action: AuditAction
    verb: str
    is_new: bool = False

    @property
    def version(self) -> int:
        """The version this step leads to."""
        return self.request.version + 1

    def event_id(self, number: int) -> str:
        """Return the id of this step's event `number`: the same however often it is rebuilt."""
        return f"evt_{self.request.id}_{self.version}_{number}"

    def to(
        self,
        fields: dict[str, Any],
        *news: News,
        comments: str | None = None,
        hold: Hold | None = None,
        release: Release | None = None,
    ) -> Change:
        """Return the Change to `fields` that is told by these events, in this order."""
        before = None if self.is_new else self.request
        entry = HistoryEntry(
            action=self.verb,
            from_status=before.status if before else None,
            to_status=fields.get("status", self.request.status),
            changed_by=self.by.id,
            changed_by_name=self.by.name,
            changed_by_role=self.by.role,
            changed_at=self.at,
            comments=comments,
        )
        history = (*self.request.history, entry)
        archived = history[:ARCHIVED_AT_ONCE] if len(history) > MAX_CARRIED_HISTORY else ()
        after = self.request.model_copy(
            update={
                **fields,
                "version": self.version,
                "updated_at": self.at,
                "history": history[len(archived) :],
                "archived_history": self.request.archived_history + len(archived),
                "events_so_far": self.request.events_so_far + len(news),
            }
        )
        old, new = _differences(before, after)
        return Change(
            before=before,
            after=after,
            events=tuple(
                Event(
                    id=self.event_id(number),
                    type=event,
                    time=self.at,
                    sequence=self.request.events_so_far + number,
                    budget_request_id=after.id,
                    request_code=after.request_code,
                    department=after.department,
                    data={name: plain(value) for name, value in data.items()},
                )
                for number, (event, data) in enumerate(news, start=1)
            ),
            audit=audit_entry(
                entry_id=f"aud_{after.id}_{self.version}",
                at=self.at,
                action=self.action,
                by=self.by,
                record_id=str(after.id),
                record_code=after.request_code,
                old=old,
                new=new,
                reason=comments,
            ),
            hold=hold,
            release=release,
            archived=archived,
        )


#: Bookkeeping that Audit does not need to hear of, and the requester's address, which stays here.
_NOT_AUDITED = {
    "history",
    "archived_history",
    "events_so_far",
    "items_so_far",
    "hold_event_id",
    "requested_by_email",
    "item_allocations",
}


def _differences(
    before: BudgetRequest | None, after: BudgetRequest
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return (old, new) values of the fields a change touched, named and told as on the wire."""
    new = _told(after)
    if before is None:
        return None, {name: value for name, value in new.items() if value is not None}
    old = _told(before)
    changed = [name for name, value in new.items() if old[name] != value]
    return {name: old[name] for name in changed}, {name: new[name] for name in changed}


def _told(request: BudgetRequest) -> dict[str, Any]:
    dumped = request.model_dump(exclude=_NOT_AUDITED)
    told = {name: plain(value) for name, value in dumped.items()}
    told["itemAllocations"] = [
        {name: plain(value) for name, value in item.model_dump().items()}
        for item in request.item_allocations
    ]
    return told
