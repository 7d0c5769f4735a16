"""A dead letter: what it is, as far as it says, and why it is one; nothing of its content."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from chalicelib.domain.deliveries import Delivery

#: What a rule of the bus writes beside an event that it could not deliver.
_RULES_REASON = ("ERROR_CODE", "ERROR_MESSAGE")


class Letter(BaseModel):
    """One dead letter, for people and for programs.

    `id` and `type` are those of what it carries, `about` names the request, webhook, job or row.
    `received` counts how often it was taken from its queue, looks of ours included; `since` is
    when it was first sent. `reason` is None where nobody knows it.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    queue: str
    message_id: str
    kind: str
    id: str | None = None
    type: str | None = None
    about: str | None = None
    reason: str | None = None
    received: int
    since: datetime

    def line(self, now: datetime) -> str:
        """Return it as a line for a person."""
        named = " ".join(filter(None, [self.kind, self.type, self.id]))
        about = f" of {self.about}" if self.about else ""
        why = self.reason or "reason not known"
        times = f"received {self.received} times"
        return f"{self.queue}  {named}{about}: {why}; {times}, {_age(now - self.since)} old"


def of_message(queue: str, message: dict[str, Any]) -> Letter:
    """Return the letter that a message of a dead-letter queue is."""
    system = message["Attributes"]
    milliseconds = int(system["SentTimestamp"])
    own = message.get("MessageAttributes", {})
    rule = ": ".join(own[name]["StringValue"] for name in _RULES_REASON if name in own)
    said: dict[str, str | None] = (
        {"reason": f"the rule could not deliver it: {rule}"} if rule else {}
    )
    return Letter(
        queue=queue,
        message_id=message["MessageId"],
        received=max(int(system["ApproximateReceiveCount"]) - 1, 0),  # less this look
        since=datetime.fromtimestamp(milliseconds / 1000, UTC),
        **{**_told(message["Body"]), **said},  # type: ignore[arg-type]  # the names of Letter
    )


def of_delivery(queue: str, delivery: Delivery) -> Letter:
    """Return the letter that a webhook delivery is which was given up."""
    last = delivery.attempts[-1] if delivery.attempts else None
    answered = f"the receiver said {last.status}" if last and last.status else None
    return Letter(
        queue=queue,
        message_id=delivery.id,
        kind="delivery",
        id=delivery.event_id,
        type=delivery.event,
        about=delivery.subscription_id,
        reason=(last and last.error) or answered,
        received=delivery.attempts_so_far,
        since=delivery.created_at,
    )


def _told(body: str) -> dict[str, str | None]:
    """Return what a message says that it is; it may be anything at all."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return {"kind": "unreadable"}
    detail = said.get("detail")
    if isinstance(detail, dict):
        return _of_the_bus(said, detail)
    if "do" in said:
        order = {"id": said.get("delivery_id"), "about": said.get("subscription_id")}
        return _texts({"kind": "order", "type": said["do"], **order})
    if "job" in said:
        return _texts({"kind": "job", "type": said["job"], "id": said.get("runId")})
    if "DDBStreamBatchInfo" in said:
        return _of_a_stream(said)
    if "sequenceNumber" in said:
        key = said.get("key")
        parts = [key[name] for name in sorted(key)] if isinstance(key, dict) else []
        about = " ".join(each for each in (said.get("table"), *parts) if isinstance(each, str))
        return _texts({"kind": "change", "about": about or None, "reason": said.get("reason")})
    return {"kind": "unreadable"}


def _of_the_bus(said: dict[str, Any], detail: dict[str, Any]) -> dict[str, str | None]:
    if "action" in detail:
        names = {"type": detail["action"], "about": detail.get("recordCode")}
        return _texts({"kind": "audit entry", "id": detail.get("id"), **names})
    data = detail.get("data")
    code = data.get("requestCode") if isinstance(data, dict) else None
    kind = detail.get("type") or said.get("detail-type")
    return _texts({"kind": "event", "id": detail.get("id"), "type": kind, "about": code})


def _of_a_stream(said: dict[str, Any]) -> dict[str, str | None]:
    """Return what Lambda says of records that it gave up on."""
    info, context = said["DDBStreamBatchInfo"], said.get("requestContext") or {}
    if not isinstance(info, dict) or not isinstance(context, dict):
        return {"kind": "unreadable"}
    table = str(info.get("streamArn")).split("/")
    about = f"{info.get('batchSize')} of {table[1] if len(table) > 1 else '?'}"
    return _texts({"kind": "changes", "about": about, "reason": context.get("condition")})


def _texts(named: dict[str, object]) -> dict[str, str | None]:
    return {name: value if isinstance(value, str) else None for name, value in named.items()}


def _age(time: timedelta) -> str:
    for name, unit in (("d", timedelta(days=1)), ("h", timedelta(hours=1))):
        if time >= unit:
            return f"{time // unit} {name}"
    return f"{max(time, timedelta()) // timedelta(minutes=1)} min"
