"""Jobs: queue → the job that the message asks for, once at a time, in parts where it is long."""

from chalice import Blueprint
from chalice.app import SQSEvent

from chalicelib import bootstrap
from chalicelib.domain.errors import ClaimHeldError
from chalicelib.domain.jobs import STALE, JobName, JobOrder, JobRun, RunStatus
from chalicelib.handlers.batch import BatchResponse, each_message, seconds_left
from chalicelib.observability import Metric, logger, measure
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
        order = JobOrder.model_validate_json(body)
        try:
            run = usecase.run(order, works)
        except ClaimHeldError:
            raise  # it waits for its turn
        except Exception:
            measure({Metric.JOBS_FAILED: 1}, job=order.job)
            raise
        told = {"job": run.job, "run_id": run.run_id, "status": run.status, "counts": run.counts}
        logger().info("job run", extra=told)
        _measure(run)

    return each_message(event, act)


def _measure(run: JobRun) -> None:
    if run.status is RunStatus.FAILED:
        measure({Metric.JOBS_FAILED: 1}, job=run.job)
    elif run.status is RunStatus.SUCCEEDED:
        measure({Metric.JOBS_DONE: 1}, job=run.job)
        if run.job is JobName.FINANCE_SYNC and not run.payload.dry_run:
            measure({Metric.BUDGETS_STALE: run.counts.get(STALE, 0)})
