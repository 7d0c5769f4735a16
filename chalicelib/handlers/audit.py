"""Audit: queue → Audit Logs."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.messages import audit_entry_of
from chalicelib.handlers.batch import BatchResponse, each_message
from chalicelib.usecases import audit as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=10)
def audit(event: SQSEvent) -> BatchResponse:
    """Deliver each audit entry to the Audit Logs service."""

    def act(body: str) -> None:
        usecase.record(
            audit_entry_of(body, seal_keys=bootstrap.seal_keys()),
            at=bootstrap.now(),
            claims=bootstrap.claims(),
            logs=bootstrap.audit_logs(),
        )

    return each_message(event, act)
