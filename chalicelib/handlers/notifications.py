"""Notifications: queue → mail."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import event_of
from chalicelib.domain.notifications import Notification
from chalicelib.handlers.batch import BatchResponse, each_message
from chalicelib.observability import Metric, logger, measure
from chalicelib.usecases import notifications as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=10)
def notifications(event: SQSEvent) -> BatchResponse:
    """Send the mails each event asks for."""

    def act(body: str) -> None:
        usecase.notify(
            event_of(body, seal_keys=bootstrap.seal_keys()),
            at=bootstrap.now(),
            store=bootstrap.requests(),
            notifications=bootstrap.notifications(),
            mailer=bootstrap.mailer(),
            admins=bootstrap.department_admins(),
            frontend_url=bootstrap.frontend_url(),
            tell=_tell,
        )

    return each_message(event, act)


def _tell(refused: Notification) -> None:
    """Say that a mail will never be sent; the record of it has the address."""
    measure({Metric.MAILS_REFUSED: 1})
    told = {"notification_id": refused.id, "why": refused.delivery_error}
    logger().warning("mail refused", extra=told)
