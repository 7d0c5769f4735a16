"""Audit hears of every change and every view, once each."""

from datetime import datetime

from chalicelib.domain.events import AuditEntry
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import AuditLogs, Claims

CONSUMER = "audit"


def record(entry: AuditEntry, *, at: datetime, claims: Claims, logs: AuditLogs) -> None:
    """Deliver `entry` to Audit Logs; raises DeliveryFailedError, ClaimHeldError."""
    once(claims, CONSUMER, entry.id, at, lambda: logs.record(entry))
