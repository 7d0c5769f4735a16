"""Small builders: people, bodies, requests in each state, and what is told of them."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import rfc8785

from chalicelib.domain import bus_keys, transitions
from chalicelib.domain.access import (
    DEPARTMENTS,
    SERVICE_ROLE,
    Actor,
    Department,
    Level,
    Scope,
    department_of,
    level_of,
)
from chalicelib.domain.budgets import BudgetKey, BudgetPicture, DepartmentBudget, FinanceFigures
from chalicelib.domain.bus_keys import BusKey, Command
from chalicelib.domain.changes import Change
from chalicelib.domain.content import Approval, NewRequest, Rejection
from chalicelib.domain.events import Event
from chalicelib.domain.fiscal import FiscalCalendar
from chalicelib.domain.messages import PublishedEvent, cloud_event
from chalicelib.domain.requests import BudgetRequest
from chalicelib.domain.signing import format_secret, seal
from chalicelib.domain.syncs import Recording
from chalicelib.domain.tellings import Begun, Telling
from chalicelib.domain.webhooks import Endpoint, Subscription
from chalicelib.usecases.ports import BudgetStore, Tellings

#: The moment most tests happen at: a Tuesday in the first quarter.
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)

SIGNING_KEY = b"k" * 32
SEAL_KEY = b"s" * 64
BUS_KEYS_SECRET = "r" * 64
PARTNER = "procurement"
CALENDAR = FiscalCalendar()
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


def service(*scopes: Scope, departments: tuple[Department, ...] = DEPARTMENTS) -> Actor:
    """Return a service that is good for `scopes`."""
    return Actor(
        id="key:key_ledger",
        name="Ledger",
        role=SERVICE_ROLE,
        level=Level.SERVICE,
        department=None,
        scopes=scopes,
        departments=departments,
    )


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


def endpoint(url: str, secret: str | None = None, **more: object) -> Endpoint:
    """Return a subscription to everything, with the secret that signs what it is sent."""
    fields: dict[str, object] = {
        "id": "wh_1",
        "url": url,
        "events": ("*",),
        "departments": (),
        "description": None,
        "is_active": True,
        "created_by": "u-superadmin",
        "created_at": AT,
    }
    return Endpoint(
        subscription=Subscription.model_validate(fields | more),
        secret=secret or format_secret(b"s" * 32),
    )


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


def finance_said(
    store: BudgetStore, said: FinanceFigures, *, key: BudgetKey = KEY, at: datetime = AT
) -> Recording:
    """Have a store take over what Finance said, as a sync does."""
    return store.record(key, said, fetch=store.begin_fetch(key), by=ADMIN, at=at)


def finance_heard(
    tellings: Tellings,
    amount: Decimal,
    *,
    event_id: str,
    telling: Telling = Telling.RESERVE,
    key: BudgetKey = KEY,
) -> Begun:
    """Have Finance be told of a hold, or of its end, and confirm it, as its worker does."""
    begun = tellings.begin(key, telling, amount, event_id=event_id)
    tellings.confirm(key, telling, amount, event_id=event_id)
    return begun


def budget(remaining: Decimal | int | str = 380_000, **more: object) -> DepartmentBudget:
    """Return a budget as known, with nothing held."""
    given = {
        "key": KEY,
        "figures": figures(remaining),
        "unconfirmed": Decimal(0),
        "available": Decimal(remaining),
        "last_synced_at": AT,
        "is_stale": False,
    }
    return DepartmentBudget.model_validate(given | more)


def created(*, by: Actor = CLERK, at: datetime = AT, sequence: int = 1, **fields: object) -> Change:
    """Return the change that creates a draft."""
    return transitions.create(
        new_request(**fields),
        by,
        at,
        sequence=sequence,
        calendar=CALENDAR,
        budget=BudgetPicture(budget=budget()),
    )


def draft(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> BudgetRequest:
    """Return a draft of `by`'s, with `fields` of its body as given."""
    return created(by=by, at=AT, sequence=sequence, **fields).after


def submitted(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> Change:
    """Return the change that sends such a draft to review."""
    return transitions.submit(draft(by=by, sequence=sequence, **fields), by, AT)


def waiting(*, by: Actor = CLERK, sequence: int = 1, **fields: object) -> BudgetRequest:
    """Return such a request waiting for review."""
    return submitted(by=by, sequence=sequence, **fields).after


def approved(
    *, notes: str | None = "Go ahead", by: Actor = CLERK, sequence: int = 1, **fields: object
) -> Change:
    """Return the change that approves such a request with a buffer of 5 %."""
    body = approval(reviewNotes=notes, bufferPercentage=5)
    return transitions.approve(waiting(by=by, sequence=sequence, **fields), body, ADMIN, LATER)


def rejected(notes: str = "Not this quarter", *, by: Actor = CLERK, sequence: int = 1) -> Change:
    """Return the change that rejects such a request."""
    return transitions.reject(waiting(by=by, sequence=sequence), rejection(notes), ADMIN, LATER)


def published(change: Change) -> PublishedEvent:
    """Return a change's event as a worker reads it from its queue."""
    return PublishedEvent.model_validate(signed(change.events[0]))


def signed(event: Event) -> dict[str, Any]:
    """Return an event as it stands on the bus."""
    return sealed(cloud_event(event, key=SIGNING_KEY, key_id="budget-requests"))


def sealed(detail: dict[str, Any]) -> dict[str, Any]:
    """Return the detail of a bus message as the relay seals it."""
    return detail | {"seal": seal(SEAL_KEY, detail)}


def bus_key(**more: object) -> BusKey:
    """Return a partner's key on the bus, good for everything in every department."""
    given = {
        "key_id": f"bus_{1:024x}",
        "source": PARTNER,
        "types": tuple(Command),
        "departments": DEPARTMENTS,
        "expires_at": None,
        "is_active": True,
        "created_by": "operator",
        "created_at": AT,
    }
    return BusKey.model_validate(given | more)


def purchase_data(**more: object) -> dict[str, Any]:
    """Return the data of an approved purchase request that are fine as they are."""
    return (
        request_body()
        | {"linkedPurchaseRequestId": "PR-77", "linkedPurchaseRequestRefNo": "PR-2026-077"}
        | more
    )


def partner_message(
    command: str, data: dict[str, Any], *, key: BusKey | None = None, **more: str
) -> dict[str, Any]:
    """Return a partner's message, signed as docs/events.md says; `more` takes the place of its own.

    What is given as `more` is signed too, but for `signature` itself.
    """
    key = key or bus_key()
    message: dict[str, Any] = {
        "id": "msg-1",
        "source": key.source,
        "type": command,
        "time": "2026-03-10T12:01:00Z",
        "keyId": key.key_id,
        "data": data,
    } | more
    secret = bus_keys.secret_of(key.key_id, BUS_KEYS_SECRET)
    seconds = int(datetime.fromisoformat(message["time"]).timestamp())
    signed_text = f"{message['id']}.{seconds}.".encode() + rfc8785.dumps(message["data"])
    digest = hmac.digest(secret.encode(), signed_text, "sha256")
    return {"signature": "v1," + base64.b64encode(digest).decode()} | message
