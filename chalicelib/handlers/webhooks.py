"""Webhooks: queue → subscribers."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import EventMessage
from chalicelib.handlers.batch import BatchResponse, each_message
from chalicelib.usecases import webhooks as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template.yaml", batch_size=10)
def webhooks(event: SQSEvent) -> BatchResponse:
    """Post each event to the subscribers that want it."""

    def act(body: str) -> None:
        usecase.deliver(
            EventMessage.model_validate_json(body).detail,
            at=bootstrap.now(),
            claims=bootstrap.claims(),
            subscriptions=bootstrap.subscriptions(),
            deliveries=bootstrap.deliveries(),
            sender=bootstrap.webhook_sender(),
        )

    return each_message(event, act)
