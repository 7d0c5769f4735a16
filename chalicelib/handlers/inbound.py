"""Inbound: queue → what partners ask for on the bus, verified, once."""

from datetime import UTC, datetime
from typing import Any

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.inbound import Delivered
from chalicelib.handlers.batch import BatchResponse, each_record
from chalicelib.observability import Metric, logger, measure
from chalicelib.usecases import inbound as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=10)
def inbound(event: SQSEvent) -> BatchResponse:
    """Do what each message asks for; what is refused for good is parked, answered and counted."""
    works = usecase.Works(
        keys=bootstrap.bus_keys(),
        roots=bootstrap.bus_keys_secrets(),
        receipts=bootstrap.receipts(),
        parked=bootstrap.parked_messages(),
        rejections=bootstrap.rejections(),
        store=bootstrap.requests(),
        due=bootstrap.due_requests(),
        budgets=bootstrap.budgets(),
        finance=bootstrap.finance(),
        calendar=bootstrap.calendar(),
        review_days=bootstrap.review_days(),
    )

    def act(record: dict[str, Any]) -> None:
        delivered = Delivered(
            body=record["body"],
            # The queue's own time: what the sender says of time may be part of an attack, and a
            # message that waited for us has not grown old by that.
            arrived_at=_moment(record["attributes"]["SentTimestamp"]),
            delivery_id=record["messageId"],
        )
        refused = usecase.take(delivered, at=bootstrap.now(), works=works)
        if refused:
            told = {
                "delivery_id": refused.delivery_id,
                "reason": refused.reason,
                "code": refused.code,
                "source": refused.named.source,
                "key_id": refused.named.key_id,
            }
            logger().warning("message rejected", extra=told)
            measure({Metric.MESSAGES_REJECTED: 1}, reason=refused.reason)

    return each_record(event, act)


def _moment(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
