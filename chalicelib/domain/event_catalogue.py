"""What each event's `data` holds: the published schemas of SPEC.md 6; tests hold events to them."""

from chalicelib.domain.access import Department
from chalicelib.domain.events import EventType
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money


class EventData(Value):
    """What every event's `data` holds; `sequence` counts the events of one request from 1."""

    budget_request_id: int
    request_code: str
    department: Department
    sequence: int


class CreatedData(EventData):
    """A draft was created."""

    amount_requested: Money


class UpdatedData(EventData):
    """A draft was changed; `changedFields` names what."""

    changed_fields: list[str]


class DeletedData(EventData):
    """A draft was thrown away."""

    amount_requested: Money


class SubmittedData(EventData):
    """A draft was sent to review."""

    amount_requested: Money
    requested_by: str


class ApprovedData(EventData):
    """A request was approved; `reservedAmount` is what it holds in all, its buffer included."""

    amount_requested: Money
    reserved_amount: Money
    approved_by: str
    fiscal_year: int
    fiscal_period: FiscalPeriod


class RejectedData(EventData):
    """A request was rejected."""

    amount_requested: Money
    rejected_by: str
    reason: str


class CancelledData(EventData):
    """A request was cancelled."""

    amount_requested: Money
    cancelled_by: str
    reason: str | None


class ItemApprovedData(EventData):
    """An item was allocated what it costs, or another amount."""

    item_id: int
    item_name: str
    total_cost: Money
    allocated_amount: Money
    decided_by: str
    notes: str | None


class ItemRejectedData(EventData):
    """An item was allocated nothing."""

    item_id: int
    item_name: str
    total_cost: Money
    allocated_amount: None
    decided_by: str
    notes: str


class ItemModifiedData(ItemApprovedData):
    """An item was allocated another amount than was asked for."""


class ReservationReleasedData(EventData):
    """What a cancelled request held is free again."""

    released_amount: Money
    fiscal_year: int
    fiscal_period: FiscalPeriod


CATALOGUE: dict[EventType, type[EventData]] = {
    EventType.CREATED: CreatedData,
    EventType.UPDATED: UpdatedData,
    EventType.DELETED: DeletedData,
    EventType.SUBMITTED: SubmittedData,
    EventType.APPROVED: ApprovedData,
    EventType.REJECTED: RejectedData,
    EventType.CANCELLED: CancelledData,
    EventType.ITEM_APPROVED: ItemApprovedData,
    EventType.ITEM_REJECTED: ItemRejectedData,
    EventType.ITEM_MODIFIED: ItemModifiedData,
    EventType.RESERVATION_RELEASED: ReservationReleasedData,
}
