"""Notifications: queue → mail."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import EventMessage
from chalicelib.handlers.batch import BatchResponse, each_message
from chalicelib.usecases import notifications as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=10)
def notifications(event: SQSEvent) -> BatchResponse:
    """Send the mails each event asks for."""

    def act(body: str) -> None:
        usecase.notify(
            EventMessage.model_validate_json(body).detail,
            at=bootstrap.now(),
            claims=bootstrap.claims(),
            store=bootstrap.requests(),
            notifications=bootstrap.notifications(),
            mailer=bootstrap.mailer(),
            admins=bootstrap.department_admins(),
            frontend_url=bootstrap.frontend_url(),
        )

    return each_message(event, act)
