"""The EventBridge bus: events for everyone, signed, and audit entries for Audit alone."""

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters import aws
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.events import (
    AUDIT_DETAIL_TYPE,
    AUDIT_SOURCE,
    EVENT_SOURCE,
    AuditEntry,
    Event,
)
from chalicelib.domain.messages import UntellableError, cloud_event
from chalicelib.domain.signing import SEAL, seal
from chalicelib.observability import correlation_id

#: The most entries one PutEvents call takes.
MAX_ENTRIES = 10

#: The largest entry that the bus takes (bytes, as EventBridge counts them), since January 2026.
MAX_ENTRY_BYTES = 1_048_576

#: Entries share a call up to this size, which is what every EventBridge has always taken.
MAX_CALL_BYTES = 262_144

#: What the bus says of an entry that it will never take; everything else may pass.
_NEVER = frozenset({"InvalidArgument", "MalformedDetail", "ValidationException"})


class EventBridgeBus:
    """The EventBus on EventBridge: all that it brings to our own functions is sealed.

    `key_id` names the signing key to those who verify.
    """

    def __init__(self, name: str, *, key: bytes, key_id: str, seal_key: bytes) -> None:
        self._name = name
        self._key = key
        self._key_id = key_id
        self._seal_key = seal_key

    def publish(self, events: tuple[Event, ...], audit: AuditEntry | None) -> None:
        """Publish what is told of one change.

        Raises DeliveryFailedError naming what failed, UntellableError where the bus will never
        take it.
        """
        told = [(EVENT_SOURCE, event.type.value, self._cloud_event(event)) for event in events]
        if audit:
            named = audit.with_correlation(correlation_id())
            told.append((AUDIT_SOURCE, AUDIT_DETAIL_TYPE, named.model_dump(mode="json")))
        entries = [
            entry_of(self._name, source, kind, detail | {SEAL: seal(self._seal_key, detail)})
            for source, kind, detail in told
        ]
        for entry in entries:
            if _size(entry) > MAX_ENTRY_BYTES:
                raise UntellableError(f"{entry['DetailType']} has {_size(entry)} bytes")
        for call in _calls(entries):
            put(call)

    def _cloud_event(self, event: Event) -> dict[str, Any]:
        return cloud_event(
            event, key=self._key, key_id=self._key_id, correlation_id=correlation_id()
        )


def entry_of(bus: str, source: str, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
    """Return an entry as PutEvents takes it."""
    return {
        "EventBusName": bus,
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail, ensure_ascii=False),
    }


def put(entries: list[dict[str, Any]]) -> None:
    """Put entries on their bus in one call; raises DeliveryFailedError, UntellableError."""
    # PutEvents succeeds with failed entries in its answer. The stream record comes back whole
    # then; that the others are published again is harmless, since every event has its id.
    try:
        answer = aws.client("events").put_events(Entries=entries)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NEVER:
            why = error.response["Error"]["Message"]
            raise UntellableError(f"the bus refused it: {why}") from None
        raise
    if not answer.get("FailedEntryCount"):
        return
    failed = {
        entry["DetailType"]: str(result["ErrorCode"])
        for entry, result in zip(entries, answer["Entries"], strict=True)
        if result.get("ErrorCode")
    }
    told = ", ".join(f"{kind}: {code}" for kind, code in failed.items())
    if _NEVER.intersection(failed.values()):
        raise UntellableError(f"the bus refused {told}")
    raise DeliveryFailedError(f"the bus did not take {told}")


def _size(entry: dict[str, Any]) -> int:
    """Return how large EventBridge says that an entry is (bytes)."""
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _calls(entries: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield entries in their order, as many at once as one call takes; a large one alone."""
    call: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        if call and (len(call) == MAX_ENTRIES or size + _size(entry) > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += _size(entry)
    if call:
        yield call
