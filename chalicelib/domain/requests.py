"""A budget request and its transitions: each decides and returns the Change to be written."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from chalicelib.domain import access, money
from chalicelib.domain.access import Actor, Department
from chalicelib.domain.budgets import BudgetKey, BudgetPicture, Hold, Release, Terms
from chalicelib.domain.content import (
    Approval,
    Cancellation,
    Category,
    ItemPriority,
    NewItem,
    NewRequest,
    Priority,
    Rejection,
)
from chalicelib.domain.errors import InvalidStatusError, ItemNotFoundError
from chalicelib.domain.events import AuditAction, AuditEntry, Event, EventType, audit_entry, plain
from chalicelib.domain.fiscal import FiscalPeriod, fiscal_year_and_period
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money

#: A hold lasts this long from its approval (SPEC.md 3).
RESERVATION_DAYS = 90

#: How long a reviewer has, by priority, from the submit on (days).
REVIEW_DAYS: dict[Priority, int] = {"urgent": 1, "high": 3, "medium": 7, "low": 14}

#: History entries kept with the request itself, and shown with it.
RECENT_HISTORY = 10

#: How much history a request carries; when it has more, the oldest half is put into a row of its
#: own, so that a request that is decided on a thousand times stays as quick as a new one.
MAX_CARRIED_HISTORY = 40
ARCHIVED_AT_ONCE = 20

#: Requests a year can have; the id is the year followed by the sequence.
MAX_SEQUENCE = 9_999_999


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


class ItemStatus(StrEnum):
    """What was decided of a line."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    MODIFIED = "MODIFIED"


class LineItem(Value):
    """One line of a request and what was allocated to it."""

    id: int
    item_name: str
    quantity: Money
    unit_cost: Money
    total_cost: Money
    supplier_id: str | None = None
    supplier_name: str | None = None
    item_priority: ItemPriority | None = None
    is_essential: bool
    status: ItemStatus = ItemStatus.PENDING
    allocated_amount: Money | None = None
    decision_notes: str | None = None

    @classmethod
    def asked_for(cls, number: int, item: NewItem) -> Self:
        """Return line `number` (from 1) as it was asked for."""
        return cls(id=number, **dict(item))


class HistoryEntry(Value):
    """Who moved the request from where to where."""

    action: str
    from_status: Status | None = None
    to_status: Status
    changed_by: str
    changed_by_name: str
    changed_by_role: str
    changed_at: datetime
    comments: str | None = None


class BudgetRequest(Value):
    """A request with everything the service knows of it. Amounts in the one currency, times UTC."""

    id: int
    request_code: str
    department: Department
    amount_requested: Money
    purpose: str
    justification: str | None = None
    category: Category | None = None
    priority: Priority
    linked_purchase_request_id: str | None = None
    linked_purchase_request_ref_no: str | None = None

    status: Status
    is_draft: bool
    requested_by: str
    requested_by_name: str
    requested_by_role: str
    requested_by_email: str | None = None
    fiscal_year: int
    fiscal_period: FiscalPeriod

    department_budget_remaining: Money | None = None
    budget_shortfall: Money | None = None
    budget_utilization_before_request: Money | None = None
    requires_budget_approval: bool
    budget_data_stale: bool

    reviewed_by: str | None = None
    reviewed_by_name: str | None = None
    review_notes: str | None = None
    reviewed_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    rejected_by: str | None = None
    rejected_at: datetime | None = None

    reserved_amount: Money | None = None
    buffer_amount: Money | None = None
    buffer_percentage: Money | None = None
    is_reserved: bool = False
    reserved_at: datetime | None = None
    reservation_expiry: datetime | None = None
    is_expired: bool = False
    hold_event_id: str | None = None

    cancelled_by: str | None = None
    cancelled_at: datetime | None = None
    cancellation_reason: str | None = None

    sla_deadline: datetime | None = None
    is_overdue: bool = False

    version: int
    created_at: datetime
    updated_at: datetime
    item_allocations: tuple[LineItem, ...]
    items_so_far: int = 0
    is_deleted: bool = False
    history: tuple[HistoryEntry, ...] = ()
    archived_history: int = 0
    events_so_far: int = 0

    @property
    def budget_key(self) -> BudgetKey:
        """The budget this request draws on."""
        return BudgetKey(
            department=self.department,
            fiscal_year=self.fiscal_year,
            fiscal_period=self.fiscal_period,
        )

    def terms(self, approval: Approval) -> Terms:
        """Return what an approval holds: the amount, and its buffer on top."""
        base = approval.reserved_amount or self.amount_requested
        buffer = money.percentage_of(base, approval.buffer_percentage)
        return Terms(
            held=base + buffer, buffer=buffer, buffer_percentage=approval.buffer_percentage
        )

    def item(self, item_id: int) -> LineItem:
        """Return one line; raises ItemNotFoundError."""
        found = next((item for item in self.item_allocations if item.id == item_id), None)
        if found is None:
            raise ItemNotFoundError
        return found

    @property
    def standing(self) -> str:
        """The state in words a person reads, such as `a draft` or `approved`."""
        if self.status is Status.PENDING:
            return "a draft" if self.is_draft else "waiting for review"
        return self.status.value.lower()

    def submit(self, by: Actor, at: datetime) -> "Change":
        """Move from draft to waiting for review; raises ForbiddenError, InvalidStatusError."""
        access.may_edit(by, department=self.department, requested_by=self.requested_by)
        if not (self.status is Status.PENDING and self.is_draft):
            raise InvalidStatusError(
                f"Only draft budget requests can be submitted; this one is {self.standing}"
            )
        return Step(self, by, at, AuditAction.SUBMIT, "SUBMITTED").to(
            {"is_draft": False, "sla_deadline": at + timedelta(days=REVIEW_DAYS[self.priority])},
            EventType.SUBMITTED,
            {"amountRequested": self.amount_requested, "requestedBy": self.requested_by},
            comments="Budget request submitted for review",
        )

    def approve(self, approval: Approval, by: Actor, at: datetime) -> "Change":
        """Move from waiting to approved, holding money.

        Raises ForbiddenError, InvalidStatusError.
        """
        self._reviewable(by, "approved")
        terms = self.terms(approval)
        step = Step(self, by, at, AuditAction.APPROVE, "APPROVED")
        return step.to(
            {
                "status": Status.APPROVED,
                **_review(by, at, approval.review_notes),
                "approved_by": by.id,
                "approved_at": at,
                "reserved_amount": terms.held,
                "buffer_amount": terms.buffer,
                "buffer_percentage": terms.buffer_percentage,
                "is_reserved": True,
                "reserved_at": at,
                "reservation_expiry": at + timedelta(days=RESERVATION_DAYS),
                "hold_event_id": step.event_id(1),
            },
            EventType.APPROVED,
            {
                "amountRequested": self.amount_requested,
                "reservedAmount": terms.held,
                "approvedBy": by.id,
                "fiscalYear": self.fiscal_year,
                "fiscalPeriod": self.fiscal_period,
            },
            comments=approval.review_notes,
            hold=Hold(key=self.budget_key, amount=terms.held),
        )

    def reject(self, rejection: Rejection, by: Actor, at: datetime) -> "Change":
        """Move from waiting to rejected; raises ForbiddenError, InvalidStatusError."""
        self._reviewable(by, "rejected")
        return Step(self, by, at, AuditAction.REJECT, "REJECTED").to(
            {
                "status": Status.REJECTED,
                **_review(by, at, rejection.review_notes),
                "rejected_by": by.id,
                "rejected_at": at,
            },
            EventType.REJECTED,
            {
                "amountRequested": self.amount_requested,
                "rejectedBy": by.id,
                "reason": rejection.review_notes,
            },
            comments=rejection.review_notes,
        )

    def cancel(self, cancellation: Cancellation, by: Actor, at: datetime) -> "Change":
        """Move to cancelled from a draft, from waiting or from approved, freeing what is held.

        Raises ForbiddenError, InvalidStatusError.
        """
        access.may_edit(by, department=self.department, requested_by=self.requested_by)
        if self.status not in {Status.PENDING, Status.APPROVED}:
            raise InvalidStatusError(
                f"This budget request cannot be cancelled; it is {self.standing}"
            )
        fields: dict[str, Any] = {
            "status": Status.CANCELLED,
            "cancelled_by": by.id,
            "cancelled_at": at,
            "cancellation_reason": cancellation.reason,
        }
        told: list[tuple[EventType, dict[str, Any]]] = [
            (
                EventType.CANCELLED,
                {
                    "amountRequested": self.amount_requested,
                    "cancelledBy": by.id,
                    "reason": cancellation.reason,
                },
            )
        ]
        release = None
        if self.is_reserved and self.reserved_amount and self.hold_event_id:
            fields["is_reserved"] = False
            release = Release(
                key=self.budget_key,
                amount=self.reserved_amount,
                hold_event_id=self.hold_event_id,
            )
            told.append((EventType.RESERVATION_RELEASED, self._released()))
        return Step(self, by, at, AuditAction.CANCEL, "CANCELLED").telling(
            fields, told, comments=cancellation.reason, release=release
        )

    def _released(self) -> dict[str, Any]:
        return {
            "releasedAmount": self.reserved_amount,
            "fiscalYear": self.fiscal_year,
            "fiscalPeriod": self.fiscal_period,
        }

    def _reviewable(self, by: Actor, verb: str) -> None:
        access.may_review(by, department=self.department, requested_by=self.requested_by)
        if self.status is not Status.PENDING or self.is_draft:
            raise InvalidStatusError(
                f"Only budget requests waiting for review can be {verb}; "
                f"this one is {self.standing}"
            )


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


def create(
    new: NewRequest, *, by: Actor, at: datetime, sequence: int, budget: BudgetPicture
) -> Change:
    """Return the Change that creates a draft as number `sequence` of its year.

    Raises ForbiddenError where `by` may not create for the department.
    """
    access.may_create(by, new.department)
    year, period = fiscal_year_and_period(at)
    draft = BudgetRequest(
        id=request_id(at.year, sequence),
        request_code=f"BR-{at.year}-{sequence:03d}",
        **{name: value for name, value in new if name != "items"},
        status=Status.PENDING,
        is_draft=True,
        requested_by=by.id,
        requested_by_name=by.name,
        requested_by_role=by.role,
        requested_by_email=by.email,
        fiscal_year=year,
        fiscal_period=period,
        **budget.seen_by(new.amount_requested),
        version=0,
        created_at=at,
        updated_at=at,
        item_allocations=tuple(
            LineItem.asked_for(number, item) for number, item in enumerate(new.items, start=1)
        ),
        items_so_far=len(new.items),
    )
    return Step(draft, by, at, AuditAction.CREATE, "CREATED", is_new=True).to(
        {}, EventType.CREATED, {"amountRequested": draft.amount_requested}
    )


def request_id(year: int, sequence: int) -> int:
    """Return the id of the request that is number `sequence` of `year`; raises ValueError."""
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"a year has at most {MAX_SEQUENCE} budget requests")
    return year * (MAX_SEQUENCE + 1) + sequence


def _review(by: Actor, at: datetime, notes: str | None) -> dict[str, Any]:
    return {
        "reviewed_by": by.id,
        "reviewed_by_name": by.name,
        "review_notes": notes,
        "reviewed_at": at,
    }


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
        event: EventType,
        data: dict[str, Any],
        *,
        comments: str | None = None,
        hold: Hold | None = None,
    ) -> Change:
        """Return the Change to `fields` that is told by one event."""
        return self.telling(fields, [(event, data)], comments=comments, hold=hold)

    def telling(
        self,
        fields: dict[str, Any],
        told: list[tuple[EventType, dict[str, Any]]],
        *,
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
                "events_so_far": self.request.events_so_far + len(told),
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
                for number, (event, data) in enumerate(told, start=1)
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
