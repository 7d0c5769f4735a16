"""What a budget request is: its lines, its history, and where it stands."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.budgets import BudgetKey, Terms
from chalicelib.domain.content import Approval, Category, ItemPriority, NewItem, Priority
from chalicelib.domain.errors import ItemNotFoundError
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money

#: Requests a year can have; the id is the year followed by the sequence.
MAX_SEQUENCE = 9_999_999


def request_id(year: int, sequence: int) -> int:
    """Return the id of the request that is number `sequence` of `year`; raises ValueError."""
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise ValueError(f"a year has at most {MAX_SEQUENCE} budget requests")
    return year * (MAX_SEQUENCE + 1) + sequence


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


class ReservationStatus(StrEnum):
    """What has become of the money a request held: each end is the last."""

    HELD = "HELD"
    CONSUMED = "CONSUMED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


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
    """Who moved the request from where to where; of a decided item, which and what it was given."""

    action: str
    from_status: Status | None = None
    to_status: Status
    changed_by: str
    changed_by_name: str
    changed_by_role: str
    changed_at: datetime
    comments: str | None = None
    item_id: int | None = None
    allocated_amount: Money | None = None


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
    reservation_status: ReservationStatus | None = None
    consumed_amount: Money | None = None
    is_expired: bool = False
    hold_event_id: str | None = None
    expiry_warned_at: datetime | None = None
    override_reason: str | None = None
    overridden_by: str | None = None

    cancelled_by: str | None = None
    cancelled_at: datetime | None = None
    cancellation_reason: str | None = None

    submitted_at: datetime | None = None
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
