"""What a department's requests come to: kept with every commit, so that nobody reads them all."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

from chalicelib.domain import money
from chalicelib.domain.access import Department
from chalicelib.domain.changes import Change
from chalicelib.domain.model import Value
from chalicelib.domain.requests import BudgetRequest, Status


class Tally(Value):
    """What requests count for, as whole numbers that add up; amounts are in cents.

    `pending` counts drafts too, as lists of that status show them. `reserved_cents` is what they
    hold. `decided` and `approved_ever` count decisions, whatever became of the request afterwards;
    `waited_seconds` is how long all of these were waited for, from the submit on. `overdue` are
    those that still wait.
    """

    pending: int = 0
    approved: int = 0
    rejected: int = 0
    cancelled: int = 0
    drafts: int = 0
    pending_cents: int = 0
    approved_cents: int = 0
    rejected_cents: int = 0
    cancelled_cents: int = 0
    reserved_cents: int = 0
    decided: int = 0
    approved_ever: int = 0
    waited_seconds: int = 0
    overdue: int = 0

    @classmethod
    def of(cls, request: BudgetRequest | None) -> Self:
        """Return what one request counts for; nothing where there is none, or none any more."""
        if request is None or request.is_deleted:
            return cls()
        status = request.status.lower()
        waits = request.status is Status.PENDING and not request.is_draft
        held = request.reserved_amount if request.is_reserved else None
        return cls.model_validate(
            {
                status: 1,
                f"{status}_cents": money.to_cents(request.amount_requested),
                "drafts": int(request.status is Status.PENDING and request.is_draft),
                "reserved_cents": money.to_cents(held or money.ZERO),
                "decided": int(bool(request.approved_at or request.rejected_at)),
                "approved_ever": int(bool(request.approved_at)),
                "waited_seconds": _waited_seconds(request),
                "overdue": int(waits and request.is_overdue),
            }
        )

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: figure + getattr(other, name) for name, figure in self})

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(**{name: figure - getattr(other, name) for name, figure in self})

    @property
    def requests(self) -> int:
        """How many requests there are."""
        return sum(self.count(status) for status in Status)

    def count(self, status: Status) -> int:
        """Return how many requests are of a status."""
        return int(getattr(self, status.lower()))

    def requested(self, status: Status) -> Decimal:
        """Return what the requests of a status ask for."""
        return money.from_cents(getattr(self, f"{status.lower()}_cents"))

    @property
    def reserved(self) -> Decimal:
        """What the requests hold."""
        return money.from_cents(self.reserved_cents)


class DepartmentTotals(Value):
    """What a department's requests come to, as of its last commit.

    Every commit raises `generation` by one, so that what was read at a generation is what there is
    for as long as it stays. `changed_at` is None where there was never one.
    """

    department: Department
    tally: Tally
    generation: int
    changed_at: datetime | None


def moved(changes: Iterable[Change]) -> dict[Department, Tally]:
    """Return what a commit adds to the totals of each department it touches, be it nothing."""
    found: dict[Department, Tally] = {}
    for change in changes:
        department, more = change.after.department, Tally.of(change.after) - Tally.of(change.before)
        found[department] = found[department] + more if department in found else more
    return found


def _waited_seconds(request: BudgetRequest) -> int:
    if not (request.submitted_at and request.reviewed_at):
        return 0
    return int((request.reviewed_at - request.submitted_at).total_seconds())
