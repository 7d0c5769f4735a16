"""What is told of a change: events for everyone, audit entries for the Audit Logs service."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from chalicelib.domain.access import Actor, Department
from chalicelib.domain.model import Value
from chalicelib.domain.money import number

#: The bus source of events that partners and webhooks may see, and of what only Audit sees.
EVENT_SOURCE = "budget-requests"
AUDIT_SOURCE = "budget-requests.audit"
AUDIT_DETAIL_TYPE = "audit.entry"


class EventType(StrEnum):
    """The published catalogue of events (SPEC.md 6)."""

    CREATED = "budget_request.created"
    UPDATED = "budget_request.updated"
    DELETED = "budget_request.deleted"
    SUBMITTED = "budget_request.submitted"
    APPROVED = "budget_request.approved"
    REJECTED = "budget_request.rejected"
    CANCELLED = "budget_request.cancelled"
    OVERDUE = "budget_request.overdue"
    ITEM_APPROVED = "item_allocation.approved"
    ITEM_REJECTED = "item_allocation.rejected"
    ITEM_MODIFIED = "item_allocation.modified"
    RESERVATION_CONSUMED = "reservation.consumed"
    RESERVATION_RELEASED = "reservation.released"
    RESERVATION_EXPIRED = "reservation.expired"
    RESERVATION_EXPIRING = "reservation.expiring"
    OVER_COMMITTED = "budget.overcommitted"


#: What an entry's metadata calls the id of the call it comes from.
CORRELATION_ID = "correlationId"

#: The value of `moduleName` in every audit entry (the guide's).
AUDIT_MODULE = "Budget Request"


class Event(Value):
    """One thing that happened to one request; `sequence` counts that request's events from 1.

    What happened to a budget is of no request, and `sequence` counts the events of that budget;
    `subject` says what it is about.
    """

    id: str
    type: EventType
    time: datetime
    sequence: int
    budget_request_id: int | None
    request_code: str | None
    department: Department
    subject: str | None = None
    data: dict[str, Any]

    def payload(self) -> dict[str, Any]:
        """Return the public `data`: what every event carries, then the event's own fields."""
        return {
            "budgetRequestId": self.budget_request_id,
            "requestCode": self.request_code,
            "department": self.department,
            "sequence": self.sequence,
            **self.data,
        }


class AuditAction(StrEnum):
    """What the Audit Logs service is told was done."""

    VIEW = "VIEW"
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    SUBMIT = "SUBMIT"
    APPROVE = "APPROVE"
    OVERRIDE = "OVERRIDE"
    REJECT = "REJECT"
    CANCEL = "CANCEL"
    CONSUME = "CONSUME"
    RELEASE = "RELEASE"
    EXPIRE = "EXPIRE"
    WARN_OF_EXPIRY = "WARN_OF_EXPIRY"
    MARK_OVERDUE = "MARK_OVERDUE"
    APPROVE_ITEM = "APPROVE_ITEM"
    REJECT_ITEM = "REJECT_ITEM"
    MODIFY_ITEM = "MODIFY_ITEM"
    WEBHOOK_CREATE = "WEBHOOK_CREATE"
    WEBHOOK_UPDATE = "WEBHOOK_UPDATE"
    WEBHOOK_DELETE = "WEBHOOK_DELETE"
    WEBHOOK_ROTATE_SECRET = "WEBHOOK_ROTATE_SECRET"  # noqa: S105 - an action's name
    WEBHOOK_TEST = "WEBHOOK_TEST"
    WEBHOOK_REDELIVER = "WEBHOOK_REDELIVER"
    WEBHOOK_RECOVER = "WEBHOOK_RECOVER"
    WEBHOOK_WARN = "WEBHOOK_WARN"
    WEBHOOK_DISABLE = "WEBHOOK_DISABLE"
    SYNC = "SYNC"
    API_KEY_CREATE = "API_KEY_CREATE"
    API_KEY_REVOKE = "API_KEY_REVOKE"
    BUS_KEY_CREATE = "BUS_KEY_CREATE"
    BUS_KEY_REVOKE = "BUS_KEY_REVOKE"
    JOB_RUN = "JOB_RUN"
    REDRIVE = "REDRIVE"
    REPUBLISH = "REPUBLISH"
    SECRET_ROTATE = "SECRET_ROTATE"  # noqa: S105 - an action's name
    SECRET_FINISH = "SECRET_FINISH"  # noqa: S105 - an action's name
    RESTORE = "RESTORE"
    MIGRATE = "MIGRATE"


class AuditEntry(Value):
    """One line of the audit log; `id` is stable, so that a repeat is recognisable."""

    id: str
    time: datetime
    action: AuditAction
    record_id: str
    record_code: str
    performed_by: str
    performed_by_name: str
    performed_by_role: str
    old_values: dict[str, Any] | None = None
    new_values: dict[str, Any] | None = None
    reason: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    def with_correlation(self, correlation_id: str | None) -> "AuditEntry":
        """Return the entry with the id of the call it comes from."""
        if correlation_id is None:
            return self
        return self.model_copy(
            update={"metadata": {**self.metadata, CORRELATION_ID: correlation_id}}
        )

    @property
    def changed_fields(self) -> list[str] | None:
        """The names of the fields whose values differ, sorted; None where nothing changed."""
        old, new = self.old_values or {}, self.new_values or {}
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        return names or None


def audit_entry(
    *,
    entry_id: str,
    at: datetime,
    action: AuditAction,
    by: Actor,
    record_id: str,
    record_code: str,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    reason: str | None = None,
) -> AuditEntry:
    """Return the entry that tells Audit that `by` did `action` to a record."""
    return AuditEntry(
        id=entry_id,
        time=at,
        action=action,
        record_id=record_id,
        record_code=record_code,
        performed_by=by.id,
        performed_by_name=by.name,
        performed_by_role=by.role,
        old_values=old,
        new_values=new,
        reason=reason,
    )


def plain(value: object) -> object:
    """Return `value` as JSON can say it: amounts as numbers, times as UTC ISO 8601 with Z."""
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


def timestamp(moment: datetime) -> str:
    """Return `moment` as UTC ISO 8601 with milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
