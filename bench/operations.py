"""Round trips and units of each operation, by the project's own calculator (bench/capacity.py)."""

import os
from datetime import UTC, datetime
from decimal import Decimal

from bench.capacity import Bill, billed
from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.content import Approval, Cancellation, DraftChange, NewRequest, Rejection
from chalicelib.domain.events import AuditEntry
from chalicelib.domain.listing import ListQuery
from chalicelib.handlers.http.requests import RECENT_NOTIFICATIONS
from chalicelib.usecases import drafts, lists, requests
from chalicelib.usecases.caching import LONG_AGO, ListCache
from chalicelib.usecases.lists import Cut
from chalicelib.usecases.writing import Writing
from infra.local import RunningStack

CLERK = Actor(
    id="u-1",
    name="clerk",
    role="HR Clerk",
    level=Level.USER,
    department="hr",
    email="clerk@example.com",
)
ADMIN = Actor(id="u-2", name="admin", role="HR Admin", level=Level.ADMIN, department="hr")
#: What a request is as a rule: some lines, and a word on why.
NEW = NewRequest.model_validate(
    {
        "department": "hr",
        "amountRequested": Decimal("1250.50"),
        "purpose": "Chairs for the interview room",
        "justification": "The chairs are from 2009, and two of them have broken this year.",
        "items": [
            {
                "itemName": f"Chair {name}",
                "quantity": Decimal(2),
                "unitCost": Decimal(cost),
                "totalCost": Decimal(2 * cost),
            }
            for name, cost in (("Oslo", 210), ("Bergen", 195), ("Tromsø", 220))
        ],
    }
)
#: As many rows as a list shows of itself.
PAGE = 20

#: Aims: (round trips, write units, read units); None where there is none.
AIMS: dict[str, tuple[int | None, float | None, float | None]] = {
    "create": (3, 6, None),
    "get": (1, None, None),
    "get again": (1, None, None),
    "update": (None, None, None),
    "submit": (2, 9, None),
    "approve": (2, 9, None),
    "reject": (None, None, None),
    "cancel": (None, None, None),
    "list": (2, None, 1),
    "list again": (1, None, None),
}


class _NoQueue:
    """The way to Audit for views, which is no table: none is taken."""

    def send(self, entry: AuditEntry) -> None:
        """Drop it."""


def compose(stack: RunningStack) -> None:
    """Let this process be the service, on the tables of a stack."""
    os.environ |= {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "STAGE": "local",
        "REQUESTS_TABLE": stack.outputs["RequestsTableName"],
        "BUDGETS_TABLE": stack.outputs["BudgetsTableName"],
        "WORK_TABLE": stack.outputs["WorkTableName"],
        "FINANCE_API_URL": stack.finance.url,
        "FINANCE_API_KEY": stack.secrets.finance_api_key,
    }
    bootstrap.settings.cache_clear()


def measure() -> dict[str, Bill]:
    """Return what each operation asks of DynamoDB; the budget is known and fresh.

    This process is composed as the service already.
    """
    store, budgets, finance = bootstrap.requests(), bootstrap.budgets(), bootstrap.finance()
    writing, days = Writing(store), bootstrap.review_days()
    # Its clock says that all was written long ago: pages are kept at first sight.
    cache: ListCache[Cut] = ListCache(lambda: datetime.now(UTC) + LONG_AGO)
    in_full = bootstrap.request_cache()
    bills: dict[str, Bill] = {}
    shared = Bill()

    def create() -> int:
        return requests.create(
            NEW,
            by=CLERK,
            at=_now(),
            writing=writing,
            calendar=bootstrap.calendar(),
            due=bootstrap.due_requests(),
            budget_store=budgets,
            finance=finance,
        ).id

    create()  # Finance is asked once, now
    with billed(shared, tables.client()):

        def bill(name: str) -> None:
            bills[name] = Bill(shared.round_trips, shared.write_units, shared.read_units)
            shared.round_trips, shared.write_units, shared.read_units = 0, 0.0, 0.0

        first = create()
        bill("create")
        for name in ("get", "get again"):
            requests.view_in_full(
                first,
                mails=RECENT_NOTIFICATIONS,
                by=CLERK,
                at=_now(),
                call_id="bench",
                store=store,
                cache=in_full,
                audit=_NoQueue(),
            )
            bill(name)
        change = DraftChange.model_validate({"purpose": "Better chairs for the interview room"})
        drafts.update(
            first,
            change,
            by=CLERK,
            at=_now(),
            writing=writing,
            calendar=bootstrap.calendar(),
            due=bootstrap.due_requests(),
            budget_store=budgets,
        )
        bill("update")
        requests.submit(first, by=CLERK, at=_now(), review_days=days, writing=writing)
        bill("submit")
        approval = Approval(buffer_percentage=Decimal(5))
        requests.approve(
            first,
            approval,
            by=ADMIN,
            at=_now(),
            writing=writing,
            due=bootstrap.due_requests(),
            budget_store=budgets,
            finance=finance,
        )
        bill("approve")
        requests.cancel(first, Cancellation(), by=CLERK, at=_now(), writing=writing)
        bill("cancel")
        second = create()
        requests.submit(second, by=CLERK, at=_now(), review_days=days, writing=writing)
        bill("")
        rejection = Rejection(review_notes="Not this quarter")
        requests.reject(second, rejection, by=ADMIN, at=_now(), writing=writing)
        bill("reject")
        for _ in range(PAGE):
            create()
        bill("")
        query = ListQuery(limit=PAGE)
        for name in ("list", "list again"):
            lists.requests(
                query,
                by=ADMIN,
                at=_now(),
                lists=bootstrap.request_lists(),
                cache=cache,
                cursor_secrets=("bench",),
            )
            bill(name)
    del bills[""]
    return bills


def _now() -> datetime:
    """Return this time of day on the first day of today's quarter: its last days cost more."""
    now, calendar = datetime.now(UTC), bootstrap.calendar()
    return datetime.combine(calendar.begins(calendar.quarter_of(now)), now.timetz())
