"""Finance: queue → Finance Main."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import event_of
from chalicelib.handlers.batch import BatchResponse, each_message
from chalicelib.usecases import holds

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=10)
def finance(event: SQSEvent) -> BatchResponse:
    """Tell Finance Main of each hold and release."""

    def act(body: str) -> None:
        holds.tell_finance(
            event_of(body, seal_keys=bootstrap.seal_keys()),
            at=bootstrap.now(),
            claims=bootstrap.claims(),
            finance=bootstrap.finance(),
            tellings=bootstrap.tellings(),
        )

    return each_message(event, act)
