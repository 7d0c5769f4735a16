"""Lists of requests: what may be asked for, what is selected by it, and what a row shows."""

import hmac
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from chalicelib.domain.access import DEPARTMENTS, Actor, Department, Level
from chalicelib.domain.content import Category, ItemPriority, Priority
from chalicelib.domain.fiscal import FiscalPeriod
from chalicelib.domain.model import Value
from chalicelib.domain.money import Money
from chalicelib.domain.paging import MAX_PAGE, Cursor, Day, PageQuery, key_of, whole_text
from chalicelib.domain.requests import BudgetRequest, LineItem, ReservationStatus, Status
from chalicelib.domain.text import Reference
from chalicelib.domain.totals import DepartmentTotals

#: The most index rows one call looks at for filters that no index serves and for far pages: about
#: half a megabyte. What stands behind them is reached by cursor.
ROW_BUDGET = 2_000

#: The most requests whose lines one search by supplier looks through; what is in those behind them
#: is reached by cursor.
SEARCH_BUDGET = 1_000


def _truth(value: object) -> object:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("must be true or false")
        return value == "true"
    return value


Truth = Annotated[bool, BeforeValidator(_truth)]


class CursorQuery(PageQuery):
    """The query of what is shown in pages by number or by cursor."""

    page: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_PAGE,
            description="From 1. One that lies further from both ends than one call may read is"
            " `FILTER_TOO_BROAD`; `cursor` leads there.",
        ),
        BeforeValidator(whole_text),
    ] = 1
    cursor: Annotated[
        Cursor | None, Field(description="`meta.nextCursor` of the page before, instead of `page`.")
    ] = None

    @model_validator(mode="after")
    def _one_way_to_a_page(self) -> Self:
        if self.cursor is not None and "page" in self.model_fields_set:
            raise PydanticCustomError("at_odds", "must not come with page", {"field": "cursor"})
        return self

    @property
    def question(self) -> str:
        """What is asked for, whichever page of it: a cursor is good for one question only."""
        asked = self.model_dump(mode="json", exclude={"page", "limit", "cursor"})
        return json.dumps(asked, sort_keys=True)


class ItemQuery(CursorQuery):
    """The query of the search for line items."""

    supplier_id: Reference
    is_essential: Truth | None = None
    item_priority: ItemPriority | None = None

    def takes(self, item: LineItem) -> bool:
        """Whether a line is among those asked for."""
        return (
            item.supplier_id == self.supplier_id
            and self.is_essential in {None, item.is_essential}
            and self.item_priority in {None, item.item_priority}
        )


class ListQuery(CursorQuery):
    """The query of the list of requests; dates are whole days in UTC, both ends included."""

    status: Status | None = None
    department: Department | None = None
    priority: Priority | None = None
    category: Category | None = None
    date_from: Day | None = None
    date_to: Day | None = None
    fiscal_year: Annotated[int, Field(ge=2000, le=9999), BeforeValidator(whole_text)] | None = None
    fiscal_period: FiscalPeriod | None = None
    is_overdue: Truth | None = None
    linked_purchase_request_id: Reference | None = None
    requested_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("status", mode="before")
    @classmethod
    def _known_status(cls, value: object) -> object:
        if isinstance(value, str) and value not in set(Status):
            raise ValueError(f"must be one of: {', '.join(Status)}")
        return value

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise PydanticCustomError("at_odds", "must not be after dateTo", {"field": "dateFrom"})
        return self


class Summary(Value):
    """What a list shows of a request; narrow, because it is stored once an index."""

    id: int
    request_code: str
    department: Department
    amount_requested: Money
    purpose: str
    category: Category | None = None
    priority: Priority
    linked_purchase_request_id: str | None = None
    linked_purchase_request_ref_no: str | None = None
    status: Status
    is_draft: bool
    requested_by: str
    requested_by_name: str
    fiscal_year: int
    fiscal_period: FiscalPeriod
    reserved_amount: Money | None = None
    is_reserved: bool
    reservation_expiry: datetime | None = None
    reservation_status: ReservationStatus | None = None
    is_expired: bool = False
    sla_deadline: datetime | None = None
    is_overdue: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, request: BudgetRequest) -> Self:
        """Return what a list shows of `request`."""
        return cls(**{name: getattr(request, name) for name in cls.model_fields})


class Sifted(Value):
    """What of the rows that were read is asked for, newest first.

    `stopped_at` is the position of the last row looked at; None where all were.
    """

    found: tuple[Summary, ...]
    stopped_at: str | None


class Place(Value):
    """Where a list goes on: after a position, with what was known of its total by then.

    `total` was counted at the generations that `mark` stands for; `is_long` is a list that has
    more rows than one call may count.
    """

    after: str
    total: int | None = None
    mark: str | None = None
    is_long: bool = False

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the place in a cursor; those of earlier releases are a position alone."""
        return cls.model_validate_json(text) if text.startswith("{") else cls(after=text)

    @property
    def text(self) -> str:
        """What a cursor carries of it."""
        return self.model_dump_json(exclude_defaults=True)


class Selection(Value):
    """Which requests a caller's question is about: partitions to read, and what to sift them by."""

    departments: tuple[Department, ...]
    requested_by: str | None
    linked_purchase_request_id: str | None
    status: Status | None
    first: datetime | None
    last: datetime | None
    priority: Priority | None
    category: Category | None
    is_overdue: bool | None
    fiscal_year: int | None
    fiscal_period: FiscalPeriod | None

    @classmethod
    def created_on(cls, day: date, department: Department) -> Self:
        """Return what selects all that a department created on a day (UTC)."""
        nothing = dict.fromkeys(cls.model_fields)
        span = {"first": _start(day), "last": _end(day)}
        return cls.model_validate(nothing | span | {"departments": (department,)})

    @property
    def is_counted(self) -> bool:
        """Whether counters know how many there are: departments and a status, and nothing else."""
        others = self.model_dump(exclude={"departments", "status"})
        return all(value is None for value in others.values())

    def counted(self, totals: Iterable[DepartmentTotals]) -> int:
        """Return how many its departments have of its status, by their totals.

        That is all of it where it `is_counted`.
        """
        statuses = [self.status] if self.status else list(Status)
        return sum(each.tally.count(status) for each in totals for status in statuses)

    def is_longer_than(self, rows: int, totals: Iterable[DepartmentTotals]) -> bool:
        """Whether its departments' totals tell that it means looking at more than `rows`."""
        spans = (self.requested_by, self.linked_purchase_request_id, self.first, self.last)
        return all(span is None for span in spans) and self.counted(totals) > rows

    def takes(self, row: Summary) -> bool:
        """Whether a row that was read is among those asked for."""
        return (
            row.department in self.departments
            and self.requested_by in {None, row.requested_by}
            and self.linked_purchase_request_id in {None, row.linked_purchase_request_id}
            and self.status in {None, row.status}
            and (self.first is None or row.created_at >= self.first)
            and (self.last is None or row.created_at < self.last)
            and self.priority in {None, row.priority}
            and self.category in {None, row.category}
            and self.is_overdue in {None, row.is_overdue}
            and self.fiscal_year in {None, row.fiscal_year}
            and self.fiscal_period in {None, row.fiscal_period}
        )


def select(query: ListQuery, by: Actor) -> Selection | None:
    """Return what `query` selects of what `by` may see; None for nothing at all."""
    departments: tuple[Department, ...] = DEPARTMENTS
    owner = query.requested_by
    if by.level is Level.ADMIN and by.department is not None:
        if owner != by.id:  # their own they may see wherever it is, as everyone may
            departments = (by.department,)
    elif by.level is Level.SERVICE:
        departments = by.departments
    elif by.level is not Level.SUPERADMIN:
        if owner not in {None, by.id}:
            return None
        owner = by.id
    if query.department is not None:
        departments = tuple(d for d in departments if d == query.department)
    if not departments:
        return None
    return Selection(
        departments=departments,
        requested_by=owner,
        linked_purchase_request_id=query.linked_purchase_request_id,
        status=query.status,
        first=_start(query.date_from),
        last=_end(query.date_to),
        priority=query.priority,
        category=query.category,
        is_overdue=query.is_overdue,
        fiscal_year=query.fiscal_year,
        fiscal_period=query.fiscal_period,
    )


def position(request: BudgetRequest | Summary) -> str:
    """Return where a request stands in every list: by creation, then id, as sortable text."""
    return f"{request.created_at.astimezone(UTC).isoformat(timespec='microseconds')}#{request.id}"


def request_at(place: str) -> int:
    """Return the id of the request at a position."""
    return int(place.rpartition("#")[2])


def mark_of(secrets: Iterable[str], totals: Iterable[DepartmentTotals]) -> str:
    """Return what stands for the generations of totals, and tells nobody what they are."""
    text = json.dumps([(each.department, each.generation) for each in totals])
    return hmac.digest(key_of(next(iter(secrets))), b"mark\n" + text.encode(), "sha256")[:8].hex()


def _start(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _end(day: date | None) -> datetime | None:
    if day is None or day == date.max:  # nothing comes after the last day there is
        return None
    return _start(day + timedelta(days=1))
