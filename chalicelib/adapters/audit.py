"""Audit: the queue that leads to it, and the Audit Logs service over HTTP (SPEC.md 5)."""

import json
from datetime import timedelta
from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import web
from chalicelib.adapters.keys import audit_outbox_pk
from chalicelib.adapters.outbox import told
from chalicelib.adapters.rows.tellings import AuditOutboxRow
from chalicelib.adapters.sending import send
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.events import AUDIT_MODULE, AuditEntry, timestamp
from chalicelib.observability import correlation_id

TIMEOUT_SECONDS = 5.0


#: How long what the queue did not take is kept; its table's stream tells of it at once.
KEEP_UNQUEUED = timedelta(days=7)


class SqsAuditQueue:
    """The AuditQueue on SQS; messages have the form that the bus rule gives its own."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, entry: AuditEntry) -> None:
        """Queue `entry`, or leave it to the relay where the queue does not take it."""
        message = {"detail": entry.with_correlation(correlation_id()).model_dump(mode="json")}
        try:
            send(self._queue_url, json.dumps(message, ensure_ascii=False))
        except (BotoCoreError, ClientError):
            RelayedAuditQueue().send(entry)


class RelayedAuditQueue:
    """The AuditQueue by way of a row that the relay takes from its table's stream.

    `row` is the service's own, or that of another stack.
    """

    def __init__(self, row: type[AuditOutboxRow] = AuditOutboxRow) -> None:
        self._row = row

    def send(self, entry: AuditEntry) -> None:
        """Leave `entry` to the relay."""
        self._row(
            audit_outbox_pk(entry.id),
            outbox=told(audit=entry),
            expires_at=int((entry.time + KEEP_UNQUEUED).timestamp()),
        ).save()


class HttpAuditLogs:
    """The AuditLogs port over HTTP."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._url = f"{base_url}/api/audit-logs"
        self._headers = {"x-api-key": api_key}

    def record(self, entry: AuditEntry) -> None:
        """Deliver `entry`, known by its id as idempotency key; raises DeliveryFailedError."""
        try:
            answer = web.call(
                "POST",
                self._url,
                headers=self._headers | {"Idempotency-Key": entry.id},
                timeout_seconds=TIMEOUT_SECONDS,
                json=audit_log(entry),
            )
        except requests.RequestException as error:
            raise DeliveryFailedError(f"Audit did not answer: {type(error).__name__}") from None
        if not answer.succeeded:
            raise DeliveryFailedError(f"Audit answered {answer.status}")


def audit_log(entry: AuditEntry) -> dict[str, Any]:
    """Return the body Audit Logs takes, as in the guide: values as JSON strings."""
    return {
        "moduleName": AUDIT_MODULE,
        "recordId": entry.record_id,
        "recordCode": entry.record_code,
        "action": entry.action.value,
        "performedBy": entry.performed_by,
        "performedByName": entry.performed_by_name,
        "performedByRole": entry.performed_by_role,
        "oldValues": _text(entry.old_values),
        "newValues": _text(entry.new_values),
        "changedFields": _text(entry.changed_fields),
        "reason": entry.reason,
        "metadata": _text({"entryId": entry.id, "at": timestamp(entry.time), **entry.metadata}),
    }


def _text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
