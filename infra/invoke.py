"""Jobs run by hand: queued through the API of a running stack, and watched until they end."""

import json
from pathlib import Path
from urllib.parse import quote

from chalicelib.adapters.keys import job_pk, run_sk
from chalicelib.domain.events import plain
from chalicelib.domain.jobs import JobOrder, JobRun, RunStatus, run_position
from infra import operator_api
from infra.cloud import Cloud, one_clear_line
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.progress import Progress, Report
from infra.waiting import wait_for

#: A run that failed goes on when its message comes back; whoever watches need not wait for that.
_ENDS = {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SKIPPED}


def read_payload(path: Path | None) -> object:
    """Return the payload in a file, an empty one without a file; raises OperatorError, OSError."""
    if path is None:
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise OperatorError(f"{path} is not JSON: {error}") from None


def run(
    stack: RunningStack, job: str, payload: object, *, deadline_seconds: float, progress: Progress
) -> JobRun:
    """Have a job run and return its record when it has ended, well or not.

    Its counts are shown as they grow. Raises OperatorError where it was refused, or has not ended
    by the deadline; it runs on then.
    """
    asked = operator_api.call(stack, "POST", f"/ops/jobs/{quote(job, safe='')}", payload)
    order = JobOrder(
        job=asked["job"],
        run_id=asked["runId"],
        queued_at=asked["queuedAt"],
        by=asked["requestedBy"],
        payload=asked["payload"],
    )
    with progress.step(f"Running {job}") as report:
        ended = _watched(stack, order, report, deadline_seconds)
    if ended is None:
        raise OperatorError(
            f"{job} has not ended after {deadline_seconds:.0f} s; it runs on as {order.run_id}."
        )
    return ended


def result(ended: JobRun) -> str:
    """Return a run's record as JSON, as the API tells it."""
    shown = ended.model_dump(exclude={"checkpoint"})
    return json.dumps(shown, default=plain, indent=2, ensure_ascii=False)


def failure(ended: JobRun) -> str | None:
    """Return why a run did not do what it was asked, in one line; None where it did."""
    if ended.status is RunStatus.SKIPPED:
        return f"{ended.job} was skipped: the run {ended.skipped_for} is at it."
    if ended.error is not None:
        return f"{ended.job} failed: {ended.error.message} ({ended.error.code})"
    return None


def _watched(
    stack: RunningStack, order: JobOrder, report: Report, deadline_seconds: float
) -> JobRun | None:
    # The table is asked, not the API: that counts its calls, and a long job takes many looks.
    dynamodb = Cloud(region=stack.region, endpoint_url=stack.endpoint_url).dynamodb
    position = run_position(order.queued_at, order.run_id)
    key = {"pk": {"S": job_pk(order.job)}, "sk": {"S": run_sk(position)}}

    def ended() -> JobRun | None:
        found = dynamodb.get_item(
            TableName=stack.outputs["WorkTableName"], Key=key, ConsistentRead=True
        )
        seen = JobRun.model_validate_json(found["Item"]["body"]["S"])
        counts = ", ".join(f"{name} {count}" for name, count in sorted(seen.counts.items()))
        report(f"{seen.status.lower()}{': ' if counts else ''}{counts}")
        return seen if seen.status in _ENDS else None

    with one_clear_line():
        return wait_for(ended, deadline_seconds=deadline_seconds)
