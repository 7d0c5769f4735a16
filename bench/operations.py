"""Round trips and units of each operation, by the project's own calculator (bench/capacity.py)."""

import os
from datetime import UTC, datetime
from decimal import Decimal

from bench.capacity import Bill, billed
from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.content import Approval, Cancellation, DraftChange, NewRequest, Rejection
from chalicelib.domain.listing import ListQuery
from chalicelib.usecases import drafts, lists, requests
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
NEW = NewRequest(
    department="hr", amount_requested=Decimal(100), purpose="Chairs for the interview room"
)

#: DESIGN.md's aims: (round trips, write units); None where it names none.
AIMS: dict[str, tuple[int | None, float | None]] = {
    "create": (3, 6),
    "get": (1, None),
    "update": (None, None),
    "submit": (2, 9),
    "approve": (2, 9),
    "reject": (None, None),
    "cancel": (None, None),
    "list": (2, None),
}


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


def measure(stack: RunningStack) -> dict[str, Bill]:
    """Return what each operation asks of DynamoDB; the budget is known and fresh."""
    compose(stack)
    store, budgets, finance = bootstrap.requests(), bootstrap.budgets(), bootstrap.finance()
    rows = (tables.RequestRow, tables.BudgetRow, tables.SequenceRow, tables.CountRow)
    clients = [tables.connection(row).client for row in rows]
    bills: dict[str, Bill] = {}
    shared = Bill()

    def create() -> int:
        return requests.create(
            NEW, by=CLERK, at=_now(), store=store, budget_store=budgets, finance=finance
        ).id

    create()  # Finance is asked once, now
    with billed(shared, *clients):

        def bill(name: str) -> None:
            bills[name] = Bill(shared.round_trips, shared.write_units, shared.read_units)
            shared.round_trips, shared.write_units, shared.read_units = 0, 0.0, 0.0

        first = create()
        bill("create")
        store.get(first)
        bill("get")
        change = DraftChange.model_validate({"purpose": "Better chairs for the interview room"})
        drafts.update(first, change, by=CLERK, at=_now(), store=store, budget_store=budgets)
        bill("update")
        requests.submit(first, by=CLERK, at=_now(), store=store)
        bill("submit")
        approval = Approval(buffer_percentage=Decimal(5))
        requests.approve(
            first,
            approval,
            by=ADMIN,
            at=_now(),
            store=store,
            budget_store=budgets,
            finance=finance,
        )
        bill("approve")
        requests.cancel(first, Cancellation(), by=CLERK, at=_now(), store=store)
        bill("cancel")
        second = create()
        requests.submit(second, by=CLERK, at=_now(), store=store)
        bill("")
        rejection = Rejection(review_notes="Not this quarter")
        requests.reject(second, rejection, by=ADMIN, at=_now(), store=store)
        bill("reject")
        query = ListQuery()
        lists.requests(query, by=ADMIN, lists=bootstrap.request_lists(), cursor_key=b"bench")
        bill("list")
    del bills[""]
    return bills


def _now() -> datetime:
    return datetime.now(UTC)
