"""Small builders: people, bodies, requests in each state, and what is told of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.domain import requests as domain
from chalicelib.domain.access import Actor, department_of, level_of
from chalicelib.domain.budgets import BudgetKey, BudgetPicture, DepartmentBudget, FinanceFigures
from chalicelib.domain.content import Approval, NewRequest, Rejection
from chalicelib.domain.events import Event
from chalicelib.domain.messages import PublishedEvent, cloud_event
from chalicelib.domain.requests import BudgetRequest, Change

#: The moment most tests happen at: a Tuesday in the first quarter.
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)

SIGNING_KEY = b"k" * 32
KEY = BudgetKey(department="finance", fiscal_year=2026, fiscal_period="Q1")


def actor(role: str = "Finance Clerk", **more: object) -> Actor:
    """Return a person as a token with that role would prove; two roles are two people."""
    given = {
        "id": f"u-{role.lower().replace(' ', '-')}",
        "name": f"{role} Name",
        "role": role,
        "level": level_of(role),
        "department": department_of(role),
        "email": f"{role.lower().replace(' ', '.')}@example.com",
    }
    return Actor.model_validate(given | more)


CLERK = actor("Finance Clerk")
ADMIN = actor("Finance Admin")
SUPERADMIN = actor("SuperAdmin")


def request_body(**more: object) -> dict[str, Any]:
    """Return the JSON body of a new request that is fine as it is."""
    return {
        "department": "finance",
        "amountRequested": 50000,
        "purpose": "New laptops for the audit team",
    } | more


def item_body(**more: object) -> dict[str, Any]:
    """Return the JSON of one line that is fine as it is."""
    return {"itemName": "Laptop", "quantity": 2, "unitCost": 1250, "totalCost": 2500} | more


def new_request(**more: object) -> NewRequest:
    """Return a new request as parsed from its body."""
    return NewRequest.model_validate(request_body(**more))


def approval(**more: object) -> Approval:
    """Return the body of an approval as parsed."""
    return Approval.model_validate(more)


def rejection(notes: str = "Not this quarter") -> Rejection:
    """Return the body of a rejection as parsed."""
    return Rejection(review_notes=notes)


def figures(remaining: Decimal | int | str = 380_000, **more: object) -> FinanceFigures:
    """Return what Finance says of a budget."""
    given = {
        "budget_id": "b-1",
        "allocated_amount": Decimal(500_000),
        "used_amount": Decimal(120_000),
        "reserved_amount": Decimal(0),
        "remaining_amount": Decimal(remaining),
        "period_start": None,
        "period_end": None,
    }
    return FinanceFigures.model_validate(given | more)


def budget(remaining: Decimal | int | str = 380_000, **more: object) -> DepartmentBudget:
    """Return a budget as known, with nothing held."""
    given = {
        "key": KEY,
        "figures": figures(remaining),
        "unconfirmed": Decimal(0),
        "available": Decimal(remaining),
        "confirmations": 0,
        "last_synced_at": AT,
        "is_stale": False,
    }
    return DepartmentBudget.model_validate(given | more)


def created(*, by: Actor = CLERK, at: datetime = AT, sequence: int = 1, **fields: object) -> Change:
    """Return the change that creates a draft."""
    return domain.create(
        new_request(**fields),
        by=by,
        at=at,
        sequence=sequence,
        budget=BudgetPicture(budget=budget()),
    )


def draft(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> BudgetRequest:
    """Return a draft of `by`'s, with `fields` of its body as given."""
    return created(by=by, at=AT, sequence=sequence, **fields).after


def submitted(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> Change:
    """Return the change that sends such a draft to review."""
    return draft(by=by, sequence=sequence, **fields).submit(by, AT)


def waiting(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> BudgetRequest:
    """Return such a request waiting for review."""
    return submitted(by=by, sequence=sequence, **fields).after


def approved(
    *, notes: str | None = "Go ahead", by: Actor = CLERK, sequence: int = 1, **fields: object
) -> Change:
    """Return the change that approves such a request with a buffer of 5 %."""
    body = approval(reviewNotes=notes, bufferPercentage=5)
    return waiting(by=by, sequence=sequence, **fields).approve(body, ADMIN, LATER)


def rejected(notes: str = "Not this quarter", *, by: Actor = CLERK, sequence: int = 1) -> Change:
    """Return the change that rejects such a request."""
    return waiting(by=by, sequence=sequence).reject(rejection(notes), ADMIN, LATER)


def published(change: Change) -> PublishedEvent:
    """Return a change's event as a worker reads it from its queue."""
    return PublishedEvent.model_validate(signed(change.events[0]))


def signed(event: Event) -> dict[str, Any]:
    """Return an event as it stands on the bus."""
    return cloud_event(event, key=SIGNING_KEY, key_id="budget-requests")
