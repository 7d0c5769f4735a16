"""Jobs: which there are, what they may be asked, and the record of each run (SPEC.md 9)."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from chalicelib.domain.access import SYSTEM_ID_PREFIX, Actor, Department, Level
from chalicelib.domain.errors import BudgetRequestsError, FieldError, InvalidInputError
from chalicelib.domain.model import Value
from chalicelib.domain.paging import DEFAULT_LIMIT, Cursor, Day, Limit

#: The code of what nobody foresaw; the log has the rest, which may name people.
UNFORESEEN = "INTERNAL_ERROR"


#: What finance-sync counts: figures that are Finance's of this run, older ones, budgets with none.
SYNCED, STALE, UNKNOWN = "synced", "stale", "unknown"


class JobName(StrEnum):
    """Every job there is."""

    FINANCE_SYNC = "finance-sync"
    RESERVATION_EXPIRY = "reservation-expiry"
    DAILY_AGGREGATES = "daily-aggregates"
    SLA_CHECK = "sla-check"

    @property
    def actor(self) -> Actor:
        """The service itself, as histories and audit entries tell of what this job did."""
        return Actor(
            id=f"{SYSTEM_ID_PREFIX}{self}",
            name=self.value,
            role="System",
            level=Level.SYSTEM,
            department=None,
        )


class JobPayload(Value):
    """What a job may be asked: only to look, for one department, or for another day (in UTC)."""

    dry_run: StrictBool = False
    department: Department | None = None
    date: Day | None = None


def day_counted(payload: JobPayload, at: datetime) -> date:
    """Return the day that daily-aggregates counts when asked at `at`: yesterday, unless told."""
    return payload.date or at.astimezone(UTC).date() - timedelta(days=1)


class NewJobRun(JobPayload):
    """The body of a call that has a job run: only to look, for one department, or another day."""


class JobOrder(BaseModel):
    """The message that asks for a run: the same from the schedule, HTTP and by hand.

    `runId` and `queuedAt` name the run, so that the message may come as often as it likes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,  # as every value's: the API imports this for other things
    )

    job: JobName
    run_id: str
    queued_at: datetime
    by: str
    payload: JobPayload

    @property
    def day(self) -> date:
        """The day that is meant (UTC): what was asked, else today, or yesterday to be counted."""
        if self.job is JobName.DAILY_AGGREGATES:
            return day_counted(self.payload, self.queued_at)
        return self.payload.date or self.queued_at.astimezone(UTC).date()

    @property
    def task(self) -> str:
        """What is to be done, as text: that of two orders is the same where one run does for both.

        What is left out is filled in, so that who names a day asks for the same as who means it.
        """
        return self.payload.model_copy(update={"date": self.day}).model_dump_json()

    def check(self) -> None:
        """Raise InvalidInputError where no run could do it: a day to come cannot be counted."""
        today = self.queued_at.astimezone(UTC).date()
        if self.job is JobName.DAILY_AGGREGATES and self.day > today:
            wrong = FieldError("date", "must not be in the future: that day is yet to come")
            raise InvalidInputError((wrong,), f"{self.day} is yet to come and cannot be counted")


class RunStatus(StrEnum):
    """Where a run stands; one that FAILED goes on when its message comes back."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Step(Value):
    """What a job did since its last step, by what it counts, and where it would go on."""

    counts: dict[str, int]
    checkpoint: str


class RunError(Value):
    """Why a run failed: a code of the published catalogue, and words."""

    code: str
    message: str

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return what is told of `error`: all of ours, and no more than the kind of any other."""
        if isinstance(error, BudgetRequestsError):
            return cls(code=error.code, message=str(error))
        return cls(code=UNFORESEEN, message=type(error).__name__)


class JobRun(Value):
    """One run of a job: who asked, when, and how it went; `parts` counts how often it was begun.

    `skippedFor` is the run that was at the same task when this one came.
    """

    run_id: str
    job: JobName
    status: RunStatus
    requested_by: str
    payload: JobPayload
    counts: dict[str, int] = Field(default_factory=dict)
    error: RunError | None = None
    skipped_for: str | None = None
    parts: int = 0
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    checkpoint: str | None = None

    @classmethod
    def of(cls, order: JobOrder) -> Self:
        """Return the run that `order` asks for, which nobody has begun."""
        return cls(
            run_id=order.run_id,
            job=order.job,
            status=RunStatus.QUEUED,
            requested_by=order.by,
            payload=order.payload,
            queued_at=order.queued_at,
        )

    @property
    def position(self) -> str:
        """Where the run stands among the job's runs: by the time it was asked for, then its id."""
        return run_position(self.queued_at, self.run_id)

    @property
    def has_begun(self) -> bool:
        """Whether there is something to go on with."""
        return self.parts > 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do, however often its message comes."""
        return self.status in {RunStatus.SUCCEEDED, RunStatus.SKIPPED}

    def begun(self, at: datetime) -> Self:
        """Return the run as another part of it begins."""
        return self._now(
            status=RunStatus.RUNNING,
            parts=self.parts + 1,
            started_at=self.started_at or at,
            ended_at=None,
            error=None,
        )

    def advanced(self, step: Step) -> Self:
        """Return the run after a step."""
        names = self.counts | step.counts
        counts = {name: self.counts.get(name, 0) + step.counts.get(name, 0) for name in names}
        return self._now(counts=counts, checkpoint=step.checkpoint)

    def succeeded(self, at: datetime) -> Self:
        """Return the run as it ends with all done."""
        return self._now(status=RunStatus.SUCCEEDED, ended_at=at)

    def failed(self, at: datetime, error: Exception) -> Self:
        """Return the run as it ends in an error, to go on from its checkpoint one day."""
        return self._now(status=RunStatus.FAILED, ended_at=at, error=RunError.of(error))

    def skipped(self, at: datetime, *, other: str) -> Self:
        """Return the run as it ends before it began: the run `other` is at the same task."""
        return self._now(status=RunStatus.SKIPPED, ended_at=at, skipped_for=other)

    def _now(self, **fields: object) -> Self:
        return self.model_copy(update=fields)


def run_position(queued_at: datetime, run_id: str) -> str:
    """Return where a run stands among its job's runs, as sortable text."""
    return f"{queued_at.astimezone(UTC).isoformat(timespec='microseconds')}#{run_id}"


class RunQuery(Value):
    """The query of a job's runs, newest first; `cursor` is the `nextCursor` of the page before."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class RunMeta(Value):
    """Where a page of runs stands; runs come and go, so that nobody counts them."""

    limit: int
    next_cursor: str | None
