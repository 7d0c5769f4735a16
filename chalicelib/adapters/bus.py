"""The EventBridge bus: events for everyone, signed, and audit entries for Audit alone."""

import json
from typing import Any

from chalicelib.adapters import aws
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.events import (
    AUDIT_DETAIL_TYPE,
    AUDIT_SOURCE,
    EVENT_SOURCE,
    AuditEntry,
    Event,
)
from chalicelib.domain.inbound import REJECTED, Parked, rejection_event
from chalicelib.domain.messages import cloud_event

#: The most entries one PutEvents call takes.
MAX_ENTRIES = 10


class EventBridgeBus:
    """The EventBus and Rejections on EventBridge.

    `key_id` names the signing key to those who verify.
    """

    def __init__(self, name: str, *, key: bytes, key_id: str) -> None:
        self._name = name
        self._key = key
        self._key_id = key_id

    def publish(self, events: tuple[Event, ...], audit: AuditEntry | None) -> None:
        """Publish what is told of one change; raises DeliveryFailedError naming what failed."""
        entries = [
            self._entry(
                EVENT_SOURCE,
                event.type.value,
                json.dumps(
                    cloud_event(event, key=self._key, key_id=self._key_id), ensure_ascii=False
                ),
            )
            for event in events
        ]
        if audit:
            entries.append(self._entry(AUDIT_SOURCE, AUDIT_DETAIL_TYPE, audit.model_dump_json()))
        for start in range(0, len(entries), MAX_ENTRIES):
            self._put(entries[start : start + MAX_ENTRIES])

    def tell(self, message: Parked) -> None:
        """Answer a refused message; raises DeliveryFailedError."""
        told = rejection_event(message, key=self._key, key_id=self._key_id)
        self._put([self._entry(EVENT_SOURCE, REJECTED, json.dumps(told, ensure_ascii=False))])

    def _entry(self, source: str, detail_type: str, detail: str) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": source,
            "DetailType": detail_type,
            "Detail": detail,
        }

    def _put(self, entries: list[dict[str, Any]]) -> None:
        # PutEvents succeeds with failed entries in its answer. The stream record comes back whole
        # then; that the others are published again is harmless, since every event has its id.
        answer = aws.client("events").put_events(Entries=entries)
        if not answer.get("FailedEntryCount"):
            return
        failed = [
            f"{entry['DetailType']}: {result.get('ErrorCode')}"
            for entry, result in zip(entries, answer["Entries"], strict=True)
            if result.get("ErrorCode")
        ]
        raise DeliveryFailedError(f"the bus did not take {', '.join(failed)}")
