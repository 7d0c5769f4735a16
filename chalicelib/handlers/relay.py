"""Relay: the streams of the tables whose rows say what is told of them → the event bus."""

from chalice import Blueprint
from chalice.app import DynamoDBEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import Outbox
from chalicelib.handlers.batch import records_of
from chalicelib.observability import logger

blueprint = Blueprint(__name__)


@blueprint.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:replaced:by:infra/template", starting_position="TRIM_HORIZON"
)
def relay(event: DynamoDBEvent) -> None:
    """Publish what each changed row has to tell, in the order of its stream; nothing else of it.

    Rows of webhooks and keys hold secrets and hashes (streams: infra/template/functions.yaml).
    Raises at the first failure, so that nothing overtakes what failed: the batch comes again,
    bisected until the record that cannot be published is set aside alone. What of the batch had
    been published is published twice then, with the same ids.
    """
    bus, published = bootstrap.bus(), 0
    for record in records_of(event):
        told, before = (
            record["dynamodb"].get(image, {}).get("outbox") for image in ("NewImage", "OldImage")
        )
        if told is None or told == before:
            continue  # a child row, a delete, or a change that has nothing to tell
        outbox = Outbox.model_validate_json(told["S"])
        bus.publish(outbox.events, outbox.audit)
        published += 1
    logger().info("relayed", extra={"changes": published})
