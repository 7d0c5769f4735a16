"""Requests played through the domain: the examples are what the service itself makes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from chalicelib.domain import (
    allocations,
    deadlines,
    drafting,
    reservations,
    syncs,
    transitions,
)
from chalicelib.domain.access import DEPARTMENTS, SERVICE_ROLE, Actor, Level, Scope
from chalicelib.domain.budgets import BudgetKey, BudgetPicture, DepartmentBudget, FinanceFigures
from chalicelib.domain.changes import Change
from chalicelib.domain.content import (
    Approval,
    Cancellation,
    DraftChange,
    ItemApproval,
    ItemModification,
    ItemRejection,
    NewItem,
    NewRequest,
    Rejection,
)
from chalicelib.domain.events import Event
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.jobs import JobName
from chalicelib.domain.requests import BudgetRequest

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

CLERK = Actor(
    id="u-17",
    name="ada.clerk",
    role="Finance Clerk",
    level=Level.USER,
    department="finance",
    email="ada@example.com",
)
ADMIN = Actor(
    id="u-4", name="grace.admin", role="Finance Admin", level=Level.ADMIN, department="finance"
)

LEDGER = Actor(
    id="key:key_5f0c9f2f6c1e4b0f9d5a0d9be1f1d2a3",
    name="Ledger",
    role=SERVICE_ROLE,
    level=Level.SERVICE,
    department=None,
    scopes=(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE),
    departments=DEPARTMENTS,
)

BUDGET = DepartmentBudget(
    key=BudgetKey(department="finance", fiscal_year=2026, fiscal_period="Q1"),
    figures=FinanceFigures(
        budget_id="b-finance-2026-q1",
        allocated_amount=Decimal(500_000),
        used_amount=Decimal(120_000),
        reserved_amount=Decimal(0),
        remaining_amount=Decimal(380_000),
        period_start=datetime(2026, 1, 1, tzinfo=UTC),
        period_end=datetime(2026, 3, 31, tzinfo=UTC),
    ),
    unconfirmed=Decimal(0),
    available=Decimal(380_000),
    last_synced_at=AT - timedelta(minutes=5),
    is_stale=False,
)
_PICTURE = BudgetPicture(budget=BUDGET)

LAPTOPS = NewItem(
    item_name="Laptop",
    quantity=Decimal(20),
    unit_cost=Decimal(2500),
    total_cost=Decimal(50_000),
    supplier_id="sup-8",
    supplier_name="Example Computers",
    item_priority="must_have",
    is_essential=True,
)
BAGS = NewItem(
    item_name="Bag", quantity=Decimal(20), unit_cost=Decimal(125), total_cost=Decimal(2500)
)


_OVER_COMMITTED = syncs.over_committed(
    BUDGET.key,
    remaining=Decimal(50_000),
    available=Decimal(-5_125),
    sequence=1,
    at=AT + timedelta(days=1),
)


@dataclass(frozen=True)
class Story:
    """Every step of a few requests."""

    draft: Change
    updated: Change
    item_added: Change
    deleted: Change
    submitted: Change
    approved: Change
    rejected: Change
    cancelled: Change
    item_approved: Change
    item_modified: Change
    item_rejected: Change
    overdue: Change
    consumed: Change
    released: Change
    expiring: Change
    expired: Change

    @property
    def steps(self) -> tuple[Change, ...]:
        """All of them."""
        return tuple(vars(self).values())

    @property
    def events(self) -> tuple[Event, ...]:
        """What is told of them, and what becomes of their budget afterwards."""
        return (*(event for step in self.steps for event in step.events), _OVER_COMMITTED)


def play() -> Story:
    """Play the requests through."""
    new = NewRequest(
        department="finance",
        amount_requested=Decimal(52_500),
        purpose="Laptops for the new team",
        priority="high",
        items=(LAPTOPS,),
    )
    draft = transitions.create(
        new, CLERK, AT, sequence=1, calendar=FiscalCalendar(), budget=_PICTURE
    )
    more = DraftChange(justification="The old ones are out of warranty.")
    updated = drafting.update(draft.after, more, CLERK, AT, budget=_PICTURE)
    item_added = drafting.add_item(updated.after, BAGS, CLERK, AT)
    submitted = transitions.submit(item_added.after, CLERK, AT)
    later = AT + timedelta(hours=3)
    approval = Approval(review_notes="Go ahead", buffer_percentage=Decimal(5))
    approved = transitions.approve(submitted.after, approval, ADMIN, later)
    rejection = Rejection(review_notes="Not this quarter")
    cancellation = Cancellation(reason="No longer needed")
    decided = _decided(approved.after, later)
    deadline, end = submitted.after.sla_deadline or AT, approved.after.reservation_expiry or AT
    clock, sweeper = JobName.SLA_CHECK.actor, JobName.RESERVATION_EXPIRY.actor
    expiring = reservations.warn(approved.after, sweeper, end - timedelta(days=7))
    return Story(
        draft=draft,
        updated=updated,
        item_added=item_added,
        deleted=drafting.delete(draft.after, CLERK, AT),
        submitted=submitted,
        approved=approved,
        rejected=transitions.reject(submitted.after, rejection, ADMIN, later),
        cancelled=transitions.cancel(approved.after, cancellation, ADMIN, later),
        item_approved=decided[0],
        item_modified=decided[1],
        item_rejected=decided[2],
        overdue=deadlines.mark_overdue(submitted.after, clock, deadline),
        consumed=reservations.consume(approved.after, Decimal(50_000), LEDGER, later),
        released=reservations.release(approved.after, LEDGER, later, "Bought elsewhere"),
        expiring=expiring,
        expired=reservations.expire(expiring.after, sweeper, end),
    )


def _decided(request: BudgetRequest, at: datetime) -> tuple[Change, Change, Change]:
    approval = ItemApproval()
    less = ItemModification(allocated_amount=Decimal(2000), notes="A simpler bag will do")
    refusal = ItemRejection(review_notes="Bags come from the store")
    return (
        allocations.approve_item(request, 1, approval, ADMIN, at),
        allocations.modify_item(request, 2, less, ADMIN, at),
        allocations.reject_item(request, 2, refusal, ADMIN, at),
    )
