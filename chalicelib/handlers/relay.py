"""Relay: the streams of the tables whose rows say what is told of them → the event bus."""

from collections import Counter
from typing import Any

from chalice import Blueprint
from chalice.app import DynamoDBEvent
from pydantic import ValidationError

from chalicelib import bootstrap
from chalicelib.domain.events import EventType
from chalicelib.domain.messages import Outbox, UntellableError
from chalicelib.domain.set_aside import SetAside
from chalicelib.handlers.batch import records_of
from chalicelib.observability import Metric, correlated, logger, measure

blueprint = Blueprint(__name__)


@blueprint.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:replaced:by:infra/template", starting_position="TRIM_HORIZON"
)
def relay(event: DynamoDBEvent) -> None:
    """Publish what each changed row has to tell, in the order of its stream; nothing else of it.

    Rows of webhooks and keys hold secrets and hashes (streams: infra/template/functions.yaml).
    Each is kept before it is published, so that it can be told again. What can never be told is
    set aside, and the rest goes on. For everything else this raises at the first failure, so that
    nothing overtakes what failed: the batch comes again, bisected until it passes. What of the
    batch had been published is published twice then, with the same ids.

    An operator calls it with `byHand` and records made of rows: then nothing is set aside, and
    what cannot be told raises UntellableError.
    """
    is_by_hand = bool(event.to_dict().get("byHand"))
    bus, told, published = bootstrap.bus(), bootstrap.told(), 0
    kinds: Counter[EventType] = Counter()
    for record in records_of(event):
        try:
            text = _news_in(record)
            if text is None:
                continue  # a child row, a delete, or a change that has nothing to tell
            outbox = _read(text)
            told.keep(outbox, text)
            with correlated(outbox.correlation_id):
                bus.publish(outbox.events, outbox.audit)
                logger().info("told", extra={"events": [event.id for event in outbox.events]})
        except UntellableError as error:
            if is_by_hand:
                raise
            _set_aside(record, str(error))
        else:
            published += 1
            kinds.update(each.type for each in outbox.events)
    logger().info("relayed", extra={"changes": published})
    measure({Metric.CHANGES_RELAYED: published})
    for kind, count in kinds.items():
        measure({Metric.EVENTS_PUBLISHED: count}, event=kind)


def _news_in(record: dict[str, Any]) -> str | None:
    """Return what a record tells that its row did not tell before; raises UntellableError."""
    images = record["dynamodb"]
    told = bootstrap.told_in(images.get("NewImage", {}))
    if told is None:
        return None
    try:
        before = bootstrap.told_in(images.get("OldImage", {}))
    except UntellableError:
        return told  # set aside when it was new
    return told if told != before else None


def _read(text: str) -> Outbox:
    try:
        return Outbox.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UntellableError(f"what it tells cannot be read: {where}: {first['msg']}") from None


def _set_aside(record: dict[str, Any], reason: str) -> None:
    aside = SetAside.of(record, reason, bootstrap.now())
    bootstrap.set_aside().put(aside)
    # Documented for who looks: docs/dead-letters.md.
    told = {"table": aside.table, "sequence_number": aside.sequence_number, "reason": reason}
    logger().error("record set aside", extra=told)
