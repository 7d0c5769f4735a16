"""Runs of jobs, and who is at work on which, in DynamoDB: a partition a job."""

from datetime import datetime, timedelta
from uuid import uuid4

from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.adapters.keys import job_pk, run_sk
from chalicelib.adapters.receipts import put_with_receipt, receipt_part
from chalicelib.adapters.rows.work import JobLeaseRow, JobRunRow
from chalicelib.adapters.transactions import transact
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.jobs import JobName, JobOrder, JobRun, run_position
from chalicelib.usecases.ports import HeldLease, Lease

#: How long the record of a run is kept.
KEEP_RUNS = timedelta(days=90)

#: A run that died holds its job this long after its last step: longer than the slowest step.
LEASE_SECONDS = 120

#: The token of a lease that waits for the next part of its run; no part has it.
_HANDED_OVER = "handed over"

_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoJobRuns:
    """The JobRuns on DynamoDB, until TTL takes them."""

    def add(self, run: JobRun, *, receipt: Receipt | None = None) -> None:
        """Keep a run that was asked for, with the receipt of the call; one that began stays."""
        try:
            put_with_receipt(_row(run), JobRunRow.pk.does_not_exist(), receipt)
        except PutError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
        except ConflictError:  # only with a receipt, which has yet to be kept
            if receipt:
                transact(receipt_part(receipt, run.queued_at))

    def get(self, order: JobOrder) -> JobRun | None:
        """Return the run that `order` asks for; None where there is no record of it."""
        position = run_position(order.queued_at, order.run_id)
        row = JobRunRow.read(job_pk(order.job), run_sk(position))
        return JobRun.model_validate_json(row.body) if row else None

    def save(self, run: JobRun) -> bool:
        """Keep a run as it is now; False where it has ended, or a later part of it has begun."""
        is_new = JobRunRow.pk.does_not_exist()
        try:
            _row(run).save(condition=is_new | (JobRunRow.open_parts <= run.parts))
        except PutError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            return False
        return True

    def latest(self, job: JobName, *, limit: int, after: str | None = None) -> list[JobRun]:
        """Return up to `limit` runs of a job, newest first, from behind position `after` on."""
        # A position begins with a year. The run at `after` may be among them, or gone.
        runs = JobRunRow.sk.between(run_sk("0"), run_sk(after or "~"))
        rows = JobRunRow.query(
            job_pk(job), runs, scan_index_forward=False, limit=limit + 1, consistent_read=True
        )
        found = [JobRun.model_validate_json(row.body) for row in rows]
        return [run for run in found if run.position != after][:limit]


class DynamoJobLeases:
    """The JobLeases on DynamoDB; times are whole seconds."""

    def take(self, order: JobOrder, now: datetime) -> Lease | HeldLease:
        """Take the lease of a job where nobody has it, or where this run was handed it over."""
        lease = Lease(job=order.job, run_id=order.run_id, token=uuid4().hex)
        seconds = int(now.timestamp())
        free = JobLeaseRow.pk.does_not_exist() | (JobLeaseRow.lease_until < seconds)
        own = (JobLeaseRow.run_id == lease.run_id) & (JobLeaseRow.token == _HANDED_OVER)
        row = JobLeaseRow(
            job_pk(lease.job),
            run_id=lease.run_id,
            task=order.task,
            token=lease.token,
            lease_until=seconds + LEASE_SECONDS,
        )
        try:
            row.save(condition=free | own)
        except PutError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            held = JobLeaseRow.get(row.pk, row.sk, consistent_read=True)
            return HeldLease(run_id=held.run_id, task=held.task)
        return lease

    def renew(self, lease: Lease, now: datetime) -> bool:
        """Have a lease count from now; False where it is another's by now."""
        return _update(lease, JobLeaseRow.lease_until.set(int(now.timestamp()) + LEASE_SECONDS))

    def hand_over(self, lease: Lease, now: datetime) -> None:
        """Leave a lease to the next part of its run, which is about to come, and to no other."""
        until = JobLeaseRow.lease_until.set(int(now.timestamp()) + LEASE_SECONDS)
        _update(lease, until, JobLeaseRow.token.set(_HANDED_OVER))

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing where it is another's by now."""
        _update(lease, JobLeaseRow.lease_until.set(0))


def _update(lease: Lease, *actions: Action) -> bool:
    mine: Condition = JobLeaseRow.token == lease.token
    try:
        JobLeaseRow(job_pk(lease.job)).update(actions=list(actions), condition=mine)
    except UpdateError as error:
        if error.cause_response_code != _CONDITION_FAILED:
            raise
        return False
    return True


def _row(run: JobRun) -> JobRunRow:
    return JobRunRow(
        job_pk(run.job),
        run_sk(run.position),
        body=run.model_dump_json(),
        open_parts=None if run.has_ended else run.parts,
        expires_at=int((run.queued_at + KEEP_RUNS).timestamp()),
    )
