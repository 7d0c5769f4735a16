"""The job daily-aggregates: what a day's new requests came to, by department and status."""

from collections.abc import Generator, Sequence
from datetime import UTC
from typing import Self

from pydantic import Field

from chalicelib.domain import reservations
from chalicelib.domain.access import DEPARTMENTS, Department
from chalicelib.domain.aggregates import DayAggregate, Sums, added
from chalicelib.domain.jobs import Step, day_counted
from chalicelib.domain.listing import Selection, position
from chalicelib.domain.model import Value
from chalicelib.domain.requests import Status
from chalicelib.usecases.jobs import Assignment, Job
from chalicelib.usecases.ports import Aggregates, RequestLists

#: How many index rows are read, and held in memory, in one step.
PAGE = 500

#: What is counted: the requests of the day, and the departments that are done.
REQUESTS, DEPARTMENTS_DONE = "requests", "departments"


class _Place(Value):
    """Where a run stands: at a department, behind a position, with what came before it added up.

    `department` is None where all is done.
    """

    department: Department | None
    after: str | None = None
    by_status: dict[Status, Sums] = Field(default_factory=dict)

    @classmethod
    def behind(cls, department: Department, asked: Sequence[Department]) -> Self:
        """Return the beginning of the department after this one."""
        rest = asked[asked.index(department) + 1 :]
        return cls(department=rest[0] if rest else None)


def daily_aggregates(*, lists: RequestLists, aggregates: Aggregates) -> Job:
    """Return the job; a step is a page of a department's requests of the day.

    `date` is the day, yesterday (UTC) otherwise; doing one again puts its figures in the place of
    the earlier ones. A day that had not ended when the run was asked for is kept as a part of
    itself. A dry run counts and keeps nothing.
    """

    def job(given: Assignment) -> Generator[Step, None, None]:
        day = day_counted(given.payload, given.at)
        is_over = day < given.at.astimezone(UTC).date()
        asked = (given.payload.department,) if given.payload.department else DEPARTMENTS
        place = _Place(department=asked[0])
        if given.checkpoint:
            place = _Place.model_validate_json(given.checkpoint)
        while department := place.department:
            selection = Selection.created_on(day, department)
            rows = lists.slice(selection, after=place.after, limit=PAGE)
            sums = added(place.by_status, (reservations.as_of(row, given.at) for row in rows))
            is_done = len(rows) < PAGE
            if is_done:
                if not given.payload.dry_run:
                    counted = DayAggregate(
                        department=department, day=day, by_status=sums, is_whole=is_over
                    )
                    aggregates.record(counted)
                place = _Place.behind(department, asked)
            else:
                place = _Place(department=department, after=position(rows[-1]), by_status=sums)
            counts = {REQUESTS: len(rows), DEPARTMENTS_DONE: int(is_done)}
            yield Step(counts=counts, checkpoint=place.model_dump_json())

    return job
