"""Routes of operations, for SuperAdmins: jobs (SPEC.md 9)."""

from http import HTTPStatus

from chalicelib import bootstrap
from chalicelib.domain.errors import JobNotFoundError
from chalicelib.domain.jobs import JobRun, NewJobRun, RunMeta, RunQuery
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.usecases import jobs as usecase

#: A run as it is shown; where it would go on is between the job and itself.
JOB_RUN = Shown("JobRun", JobRun, hidden=frozenset({"checkpoint"}))


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/ops/jobs/{job}",
        takes=NewJobRun,
        acts_first=True,
        status=HTTPStatus.ACCEPTED,
        summary="Have a job run; its runs tell how it went",
        message="The job was queued",
        gives=JOB_RUN,
        raises=(JobNotFoundError,),
    )
    def run_job(call: Call[NewJobRun]) -> Answer:
        run = usecase.ask(
            call.path["job"],
            call.body,
            by=call.actor,
            at=call.at,
            known=bootstrap.job_names(),
            runs=bootstrap.job_runs(),
            queue=bootstrap.job_queue(),
            audit=bootstrap.audit_queue(),
            receipt=call.receipt(lambda asked: Answer(JOB_RUN.of(asked))),
        )
        return Answer(JOB_RUN.of(run))

    @api.route(
        "GET",
        "/ops/jobs/{job}/runs",
        asks=RunQuery,
        summary="The runs of a job in the last 90 days, newest first",
        message="Runs retrieved successfully",
        gives=ManyOf(JOB_RUN),
        meta=RunMeta,
        raises=(JobNotFoundError,),
    )
    def list_runs(call: Call[Nothing, RunQuery]) -> Answer:
        page = usecase.list_runs(
            call.path["job"],
            call.query,
            by=call.actor,
            known=bootstrap.job_names(),
            runs=bootstrap.job_runs(),
            cursor_secrets=bootstrap.jwt_secrets(),
        )
        meta = RunMeta(limit=page.limit, next_cursor=page.next_cursor)
        return Answer([JOB_RUN.of(run) for run in page.rows], meta=meta.model_dump())
