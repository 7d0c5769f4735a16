"""A decision as data: what a request becomes, and the version, history, events and audit of it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import Hold, Release
from chalicelib.domain.events import AuditAction, AuditEntry, Event, EventType, audit_entry, plain
from chalicelib.domain.requests import BudgetRequest, HistoryEntry, LineItem

#: How much history a request carries; when it has more, the oldest half is put into a row of its
#: own, so that a request that is decided on a thousand times stays as quick as a new one.
#: At its longest, with every text as long as it may be, it still fits an item of 400 KB.
MAX_CARRIED_HISTORY = 30
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
        item: LineItem | None = None,
        hold: Hold | None = None,
        release: Release | None = None,
    ) -> Change:
        """Return the Change to `fields` that is told by these events, in this order.

        `item` is the line that was decided, as it is now.
        """
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
            item_id=item.id if item else None,
            allocated_amount=item.allocated_amount if item else None,
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
    "item_allocations",  # told line by line
}
_AUDITED = BudgetRequest.model_fields.keys() - _NOT_AUDITED


#: How much is told of lines that came and went in one change, as they were and as they are. Where
#: it is more, those that went are named alone: Audit heard of all of them when they came.
MAX_TOLD_OF_LINES_BYTES = 128 * 1024

_Told = dict[str, Any]


def _differences(before: BudgetRequest | None, after: BudgetRequest) -> tuple[_Told | None, _Told]:
    """Return (old, new) values of the fields a change touched, named and told as on the wire.

    Of the lines, only those that changed, and of these only what did.
    """
    if before is None:
        lines = [_told_line(line) for line in after.item_allocations]
        told = {name: value for name, value in _told(after, _AUDITED).items() if value is not None}
        return None, told | {"itemAllocations": lines}
    changed = {name for name in _AUDITED if getattr(before, name) != getattr(after, name)}
    old, new = _told(before, changed), _told(after, changed)
    # What differs by less than is told is not told.
    differ = [name for name in new if old[name] != new[name]]
    old_told, new_told = {n: old[n] for n in differ}, {n: new[n] for n in differ}
    if before.item_allocations != after.item_allocations:
        lines_told = _differences_of_lines(before, after)
        old_told["itemAllocations"], new_told["itemAllocations"] = lines_told
    return old_told, new_told


def _differences_of_lines(
    before: BudgetRequest, after: BudgetRequest
) -> tuple[list[_Told], list[_Told]]:
    old = {line.id: _told_line(line) for line in before.item_allocations}
    new = {line.id: _told_line(line) for line in after.item_allocations}
    old_told = [each for n, line in old.items() if (each := _changed(line, new.get(n)))]
    new_told = [each for n, line in new.items() if (each := _changed(line, old.get(n)))]
    told = json.dumps([old_told, new_told], ensure_ascii=False)
    if len(told.encode()) > MAX_TOLD_OF_LINES_BYTES:
        old_told = [{"id": line["id"]} for line in old_told]
    return old_told, new_told


def _changed(line: _Told, other: _Told | None) -> _Told | None:
    """Return what is other in a line than in its other state, under its id; all where it has none.

    None where nothing is.
    """
    if other is None:
        return line
    changed = {name: value for name, value in line.items() if other[name] != value}
    return {"id": line["id"], **changed} if changed else None


def _told(request: BudgetRequest, names: set[str]) -> _Told:
    dumped = request.model_dump(include=names)
    return {name: plain(value) for name, value in dumped.items()}


def _told_line(line: LineItem) -> _Told:
    return {name: plain(value) for name, value in line.model_dump().items()}
