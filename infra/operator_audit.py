"""What Audit hears of an operator's work: told before it is done, so that no work goes untold."""

from datetime import UTC, datetime
from typing import Any

from chalicelib.adapters.audit import RelayedAuditQueue
from chalicelib.adapters.rows.tellings import AuditOutboxRow
from chalicelib.domain.events import AuditAction, audit_entry
from infra.place import Place


def tell(place: Place, action: AuditAction, what: str, told: dict[str, Any]) -> None:
    """Have Audit hear of what is about to be done to `what`, by way of the relay."""
    at = datetime.now(UTC)
    entry = audit_entry(
        entry_id=f"aud_{action.lower()}_{what}_{at:%Y%m%dT%H%M%S%f}",
        at=at,
        action=action,
        by=place.operator,
        record_id=what,
        record_code=what,
        new=told,
    )
    RelayedAuditQueue(place.row(AuditOutboxRow, "WebhooksTableName")).send(entry)
