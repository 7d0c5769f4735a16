"""What each event's `data` holds: the published schemas of SPEC.md 6; tests hold events to them."""

from datetime import datetime

from chalicelib.domain.access import Department
from chalicelib.domain.content import Priority
from chalicelib.domain.events import EventType
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money


class EventData(Value):
    """What every event's `data` holds; `sequence` counts the events of what it is about from 1."""

    budget_request_id: int | None
    request_code: str | None
    department: Department
    sequence: int


class RequestEventData(EventData):
    """What the `data` of an event about a request holds."""

    budget_request_id: int
    request_code: str


class CreatedData(RequestEventData):
    """A draft was created."""

    amount_requested: Money


class UpdatedData(RequestEventData):
    """A draft was changed; `changedFields` names what is other than before."""

    changed_fields: list[str]


class DeletedData(RequestEventData):
    """A draft was thrown away."""

    amount_requested: Money


class SubmittedData(RequestEventData):
    """A draft was sent to review."""

    amount_requested: Money
    requested_by: str


class ApprovedData(RequestEventData):
    """A request was approved; `reservedAmount` is what it holds in all, its buffer included."""

    amount_requested: Money
    reserved_amount: Money
    approved_by: str
    fiscal_year: int
    fiscal_period: FiscalPeriod
    override: bool
    override_reason: str | None


class RejectedData(RequestEventData):
    """A request was rejected."""

    amount_requested: Money
    rejected_by: str
    reason: str


class CancelledData(RequestEventData):
    """A request was cancelled."""

    amount_requested: Money
    cancelled_by: str
    reason: str | None


class OverdueData(RequestEventData):
    """A request waits for review longer than its priority allows; told once."""

    amount_requested: Money
    priority: Priority
    sla_deadline: datetime
    requested_by: str


class ItemApprovedData(RequestEventData):
    """An item was allocated what it costs, or another amount."""

    item_id: int
    item_name: str
    total_cost: Money
    allocated_amount: Money
    decided_by: str
    notes: str | None


class ItemRejectedData(RequestEventData):
    """An item was allocated nothing."""

    item_id: int
    item_name: str
    total_cost: Money
    allocated_amount: None
    decided_by: str
    notes: str


class ItemModifiedData(ItemApprovedData):
    """An item was allocated another amount than was asked for."""


class HoldData(RequestEventData):
    """What the `data` of an event about a hold ends with; `holdEventId` is the approval's event."""

    hold_event_id: str
    fiscal_year: int
    fiscal_period: FiscalPeriod


class ReservationConsumedData(HoldData):
    """What a request held was used, in full or in part; the rest is free again."""

    consumed_amount: Money
    freed_amount: Money
    consumed_by: str


class ReservationReleasedData(HoldData):
    """What a request held was given back."""

    released_amount: Money
    reason: str | None


class ReservationExpiredData(HoldData):
    """What a request held is free again, because its time is over."""

    expired_amount: Money
    reservation_expiry: datetime


class ReservationExpiringData(HoldData):
    """What a request holds will be free again in a week; told once."""

    reserved_amount: Money
    reservation_expiry: datetime


class OverCommittedData(EventData):
    """More is promised of a budget than Finance has left; told once until there is enough again."""

    budget_request_id: None
    request_code: None
    fiscal_year: int
    fiscal_period: FiscalPeriod
    remaining_amount: Money
    held: Money
    available: Money
    shortfall: Money


CATALOGUE: dict[EventType, type[EventData]] = {
    EventType.CREATED: CreatedData,
    EventType.UPDATED: UpdatedData,
    EventType.DELETED: DeletedData,
    EventType.SUBMITTED: SubmittedData,
    EventType.APPROVED: ApprovedData,
    EventType.REJECTED: RejectedData,
    EventType.CANCELLED: CancelledData,
    EventType.OVERDUE: OverdueData,
    EventType.ITEM_APPROVED: ItemApprovedData,
    EventType.ITEM_REJECTED: ItemRejectedData,
    EventType.ITEM_MODIFIED: ItemModifiedData,
    EventType.RESERVATION_CONSUMED: ReservationConsumedData,
    EventType.RESERVATION_RELEASED: ReservationReleasedData,
    EventType.RESERVATION_EXPIRED: ReservationExpiredData,
    EventType.RESERVATION_EXPIRING: ReservationExpiringData,
    EventType.OVER_COMMITTED: OverCommittedData,
}
