"""Jobs: queue → the job that the message asks for, once at a time, in parts where it is long."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.jobs import JobOrder
from chalicelib.handlers.batch import BatchResponse, each_message, seconds_left
from chalicelib.observability import logger
from chalicelib.usecases import jobs as usecase

blueprint = Blueprint(__name__)


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=1)
def jobs(event: SQSEvent) -> BatchResponse:
    """Run the job a message asks for, or the next part of its run."""

    def act(body: str) -> None:
        works = usecase.Works(
            find=bootstrap.job,
            runs=bootstrap.job_runs(),
            leases=bootstrap.job_leases(),
            queue=bootstrap.job_queue(),
            now=bootstrap.now,
            seconds_left=lambda: seconds_left(event),
        )
        run = usecase.run(JobOrder.model_validate_json(body), works)
        told = {"job": run.job, "run_id": run.run_id, "status": run.status, "counts": run.counts}
        logger().info("job run", extra=told)

    return each_message(event, act)
