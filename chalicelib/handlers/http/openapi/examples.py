"""Examples: bodies as people send them, answers as the service gives them; tests check both."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from chalicelib.domain import content
from chalicelib.domain.access import Scope
from chalicelib.domain.aggregates import DayAggregate, Sums, trend
from chalicelib.domain.analytics import (
    Dashboard,
    DepartmentAnalytics,
    DepartmentFigures,
    Expiring,
    Figures,
    utilization,
)
from chalicelib.domain.api_keys import ApiKey, NewApiKey
from chalicelib.domain.budgets import Funds, UntoldBudget
from chalicelib.domain.content import Approval
from chalicelib.domain.deliveries import PING, Answered, Delivery, DeliveryMeta
from chalicelib.domain.events import EventType, timestamp
from chalicelib.domain.jobs import JobName, JobPayload, JobRun, NewJobRun, RunMeta, RunStatus
from chalicelib.domain.listing import Summary
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.metrics import Depth, Health, Hits, Metrics, Part
from chalicelib.domain.model import Value
from chalicelib.domain.money import ZERO
from chalicelib.domain.notifications import MailStatus, Notification
from chalicelib.domain.overviews import (
    DetailedOverview,
    FiguresSaid,
    Freshness,
    Overview,
    SyncOrder,
    SyncResult,
)
from chalicelib.domain.paging import PageMeta
from chalicelib.domain.requests import Status
from chalicelib.domain.signing import format_secret
from chalicelib.domain.syncs import FiguresVersion, SyncOutcome
from chalicelib.domain.totals import DepartmentTotals, Tally
from chalicelib.domain.webhooks import NewSubscription, Subscription, SubscriptionChange
from chalicelib.handlers.http import api_keys, deliveries, ops, reviews, views, webhooks
from chalicelib.handlers.http.call import Answer
from chalicelib.handlers.http.openapi import story
from chalicelib.handlers.http.openapi.story import AT, BUDGET, Story
from chalicelib.usecases.lists import FoundItem

_ITEM = {"itemName": "Laptop", "quantity": 20, "unitCost": 2500, "totalCost": 50000}

_BODIES: dict[type[Value], dict[str, dict[str, Any]]] = {
    content.NewRequest: {
        "short": {
            "department": "finance",
            "amountRequested": 52500,
            "purpose": "Laptops for the new team",
        },
        "withItems": {
            "department": "finance",
            "amountRequested": 50000,
            "purpose": "Laptops for the new team",
            "justification": "The old ones are out of warranty.",
            "category": "capital",
            "priority": "high",
            "linkedPurchaseRequestId": "pr-311",
            "items": [_ITEM | {"supplierId": "sup-8", "isEssential": True}],
        },
    },
    content.DraftChange: {"amount": {"amountRequested": 48000.5, "priority": "urgent"}},
    content.NewItem: {"item": {**_ITEM, "itemPriority": "must_have"}},
    content.ItemUpdate: {
        "content": {"quantity": 10, "totalCost": 25000},
        "allocation": {"allocatedAmount": 20000, "notes": "A simpler model will do"},
    },
    content.ItemApproval: {"asAsked": {}, "otherAmount": {"allocatedAmount": 45000}},
    content.ItemRejection: {"rejection": {"reviewNotes": "Bags come from the store"}},
    content.Approval: {
        "asAsked": {},
        "withBuffer": {"reviewNotes": "Go ahead", "bufferPercentage": 5},
        "lessThanAsked": {"reservedAmount": 40000},
        "overTheLimit": {"override": True, "overrideReason": "The audit cannot wait"},
    },
    content.Rejection: {"rejection": {"reviewNotes": "Not this quarter"}},
    content.Cancellation: {"withReason": {"reason": "No longer needed"}, "without": {}},
    content.BulkApproval: {"two": {"ids": [20260000001, 20260000002], "reviewNotes": "Go ahead"}},
    NewApiKey: {
        "key": {
            "name": "Procurement",
            "scopes": ["requests:read", "requests:write"],
            "departments": ["finance"],
            "expiresAt": "2027-01-01T00:00:00Z",
        }
    },
    SyncOrder: {"thisQuarter": {}, "another": {"fiscalYear": 2026, "fiscalPeriod": "Q1"}},
    NewJobRun: {"everything": {}, "onlyToLook": {"dryRun": True, "department": "finance"}},
    NewSubscription: {
        "everything": {"url": "https://example.com/hooks/budget", "events": ["*"]},
        "some": {
            "url": "https://example.com/hooks/budget",
            "events": ["budget_request.approved", "reservation.released"],
            "departments": ["finance"],
            "description": "Keeps the ledger up to date",
        },
    },
    SubscriptionChange: {
        "address": {"url": "https://example.com/hooks/v2"},
        "off": {"isActive": False},
    },
}


def of_body(model: type[Value]) -> list[tuple[str, dict[str, Any]]]:
    """Return the named examples of a body."""
    return list(_BODIES.get(model, {}).items())


def of_answer(operation: str) -> Answer | None:
    """Return what an operation might answer."""
    make = _ANSWERS.get(operation)
    return make(the_story()) if make else None


@cache
def the_story() -> Story:
    """Return the requests that the examples are about."""
    return story.play()


_NOTIFICATION = Notification(
    id="ntf_evt_20260000001_2_1_1",
    budget_request_id=20260000001,
    notification_type="REQUEST_SUBMITTED",
    recipient_email="finance.admin@example.com",
    subject="New Budget Request: BR-2026-001",
    message="A new budget request is waiting for your review.",
    delivery_status=MailStatus.SENT,
    created_at=AT,
    sent_at=AT,
)
_META = PageMeta(page=1, limit=20, total=1, total_pages=1, next_cursor=None).model_dump()
_SUBSCRIPTION = Subscription(
    id="wh_6b0a4f0c6c1e4b0f9d5a0d9be1f1d2a3",
    url="https://example.com/hooks/budget",
    events=("*",),
    departments=(),
    description=None,
    is_active=True,
    created_by="u-1",
    created_at=AT,
)
_ROTATED = _SUBSCRIPTION.rotated(AT)
_FAILED = Answered(status=503, duration_ms=87, answer="busy", retry_after="60")
_TAKEN = Answered(status=204, duration_ms=41, answer="")


def _delivered(told: Story) -> Delivery:
    """Return a delivery that was taken at the second attempt."""
    (event,) = told.approved.events
    published = PublishedEvent(id=event.id, type=event.type, time=event.time, data=event.payload())
    new = Delivery.of(_SUBSCRIPTION.id, published, AT)
    failed = new.begun(AT).ended(_FAILED, AT, chance=0)
    again = failed.next_attempt_at or AT
    return failed.begun(again).ended(_TAKEN, again, chance=0)


def _ping() -> Delivery:
    ping = PublishedEvent(id="ping_0d9be1f1d2a34b0f9d5a6b0a4f0c6c1e", type=PING, time=AT, data={})
    return Delivery.of(_SUBSCRIPTION.id, ping, AT)


_API_KEY = ApiKey(
    id="key_5f0c9f2f6c1e4b0f9d5a0d9be1f1d2a3",
    name="Procurement",
    prefix="brk_9aZk…",
    scopes=(Scope.REQUESTS_READ, Scope.REQUESTS_WRITE),
    departments=("finance",),
    expires_at=None,
    is_active=True,
    last_used_at=None,
    created_by="u-1",
    created_at=AT,
)
_REVOKED = _API_KEY.model_copy(
    update={"is_active": False, "revoked_by": "u-1", "revoked_at": AT, "last_used_at": AT}
)
_OVERVIEW = Overview.of(BUDGET.key, BUDGET, AT)
_SAID = FiguresVersion(
    version=1, figures=BUDGET.figures, recorded_at=BUDGET.last_synced_at, recorded_by="u-1"
)
_DETAILED = DetailedOverview(**dict(_OVERVIEW), figures_history=(FiguresSaid.of(_SAID),))
_FRESHNESS = Freshness.of(BUDGET.key, BUDGET, AT)
_SYNCED = SyncResult.of(BUDGET.key, SyncOutcome.UPDATED, None, BUDGET, AT)
_OF_HR = BUDGET.key.model_copy(update={"department": "hr"})
_NOT_SYNCED = SyncResult.of(
    _OF_HR, SyncOutcome.UNAVAILABLE, "Finance did not answer: ConnectTimeout", UntoldBudget(), AT
)
_QUEUED = JobRun(
    run_id="run_2f6f0b8f6c1e4b0f9d5a0d9be1f1d2a3",
    job=JobName.FINANCE_SYNC,
    status=RunStatus.QUEUED,
    requested_by="u-1",
    payload=JobPayload(),
    queued_at=AT,
)
_DONE = _QUEUED.model_copy(
    update={
        "status": RunStatus.SUCCEEDED,
        "counts": {"synced": 7, "unknown": 1},
        "parts": 1,
        "started_at": AT,
        "ended_at": AT,
    }
)
_RUN_META = RunMeta(limit=20, next_cursor=None).model_dump()
_KEY_TEXT = "brk_" + "9aZk" + "0" * 45
_SECRET = format_secret(b"not a secret, but an example of one")


_TALLY = Tally(
    pending=5,
    approved=12,
    rejected=3,
    drafts=2,
    pending_cents=26_250_000,
    approved_cents=60_000_000,
    rejected_cents=9_000_000,
    reserved_cents=63_000_000,
    decided=15,
    approved_ever=12,
    waited_seconds=486_000,
)
_METRICS = Metrics.of(
    [DepartmentTotals(department="finance", tally=_TALLY, generation=48, changed_at=AT)],
    expired=ZERO,
    hits=Hits(hits=420, misses=180),
    days=7,
    depths={
        "audit": Depth(waiting=3, in_flight=1, delayed=0),
        "audit-dlq": Depth(waiting=0, in_flight=0, delayed=0),
    },
)


_DAY = DayAggregate(
    department="finance",
    day=AT.date() - timedelta(days=1),
    by_status={Status.PENDING: Sums(count=3, requested_cents=15_750_000)},
)
_TREND = trend([_DAY], ("finance",), _DAY.day, _DAY.day)


def _figures(told: Story) -> DepartmentFigures:
    expiring = Expiring.of([Summary.of(told.approved.after)], is_complete=True)
    figures = Figures.of(_TALLY, expired=ZERO, expiring=expiring)
    return DepartmentFigures(**dict(figures), department="finance", budget=_OVERVIEW)


def _dashboard(told: Story) -> Answer:
    figures = _figures(told)
    dashboard = Dashboard(
        fiscal_year=_OVERVIEW.fiscal_year,
        fiscal_period=_OVERVIEW.fiscal_period,
        totals=Figures(**{name: getattr(figures, name) for name in Figures.model_fields}),
        utilization_rate=utilization([_OVERVIEW]),
        departments=(figures,),
    )
    return Answer(dashboard.model_dump())


def _department(told: Story) -> Answer:
    return Answer(DepartmentAnalytics(**dict(_figures(told)), trend=_TREND).model_dump())


def _funds(told: Story) -> Answer:
    terms = told.submitted.after.terms(Approval(reserved_amount=None))
    return Answer(Funds.of(terms, BUDGET).model_dump())


def _found(told: Story) -> Answer:
    request = told.submitted.after
    found = FoundItem(
        item=request.item_allocations[0],
        budget_request_id=request.id,
        request_code=request.request_code,
        department=request.department,
        request_status=request.status,
    )
    return Answer([views.found_item(found)], meta=_META)


_ANSWERS: dict[str, Callable[[Story], Answer]] = {
    "healthHealth": lambda _: Answer(
        Health(
            status="ok",
            stage="prod",
            parts=(Part(name="table requests", status="ok", duration_ms=4),),
        ).model_dump()
    ),
    "analyticsDashboard": _dashboard,
    "analyticsTrends": lambda _: Answer(_TREND.model_dump()),
    "analyticsViewDepartment": _department,
    "metricsView": lambda _: Answer(_METRICS.model_dump()),
    "requestsCreate": lambda s: views.request(s.draft.after),
    "requestsGet": lambda s: views.request_in_full(s.submitted.after, [_NOTIFICATION]),
    "requestsSubmit": lambda s: views.request(s.submitted.after),
    "requestsApprove": lambda s: views.request(s.approved.after),
    "requestsReject": lambda s: views.request(s.rejected.after),
    "requestsCancel": lambda s: views.request(s.cancelled.after),
    "draftsUpdate": lambda s: views.request(s.updated.after),
    "draftsDelete": lambda s: Answer(views.DELETED_REQUEST.of(s.deleted.after)),
    "itemsListItems": lambda s: Answer(
        [item.model_dump() for item in s.submitted.after.item_allocations]
    ),
    "itemsAddItem": lambda s: _line(s, 2),
    "itemsChangeItem": lambda s: Answer(s.item_modified.after.item(2).model_dump()),
    "itemsRemoveItem": lambda s: Answer(
        views.REMOVED_ITEM.of(s.item_added.after.item(2)),
    ),
    "itemsApproveItem": lambda s: Answer(s.item_approved.after.item(1).model_dump()),
    "itemsRejectItem": lambda s: Answer(s.item_rejected.after.item(2).model_dump()),
    "reviewsBulkApprove": lambda s: Answer([reviews.BULK_RESULT.of(s.approved.after)]),
    "reviewsFunds": _funds,
    "listsListRequests": lambda s: Answer([Summary.of(s.submitted.after).model_dump()], meta=_META),
    "listsHistory": lambda s: Answer(
        [entry.model_dump() for entry in reversed(s.approved.after.history)], meta=_META
    ),
    "listsNotifications": lambda _: Answer([_NOTIFICATION.model_dump()], meta=_META),
    "listsSearchItems": _found,
    "apiKeysCreate": lambda _: Answer(api_keys.NEW_API_KEY.of(_API_KEY, key=_KEY_TEXT)),
    "apiKeysListAll": lambda _: Answer([_API_KEY.model_dump()]),
    "apiKeysView": lambda _: Answer(_API_KEY.model_dump()),
    "apiKeysRevoke": lambda _: Answer(_REVOKED.model_dump()),
    "opsRunJob": lambda _: Answer(ops.JOB_RUN.of(_QUEUED)),
    "opsListRuns": lambda _: Answer([ops.JOB_RUN.of(_DONE)], meta=_RUN_META),
    "budgetsListBudgets": lambda _: Answer([_OVERVIEW.model_dump()]),
    "budgetsViewBudget": lambda _: Answer(_DETAILED.model_dump()),
    "syncStatus": lambda _: Answer([_FRESHNESS.model_dump()]),
    "syncSyncAll": lambda _: Answer([_SYNCED.model_dump(), _NOT_SYNCED.model_dump()]),
    "syncSyncOne": lambda _: Answer(_SYNCED.model_dump()),
    "webhooksListEvents": lambda _: Answer(
        [
            webhooks.CATALOGUE_ENTRY.of(
                webhooks.CatalogueEntry(
                    event=EventType.DELETED, meaning="A draft was thrown away.", body={}
                ),
                schema={"type": "object"},
            )
        ]
    ),
    "webhooksSubscribe": lambda _: Answer(webhooks.NEW_WEBHOOK.of(_SUBSCRIPTION, secret=_SECRET)),
    "webhooksListAll": lambda _: Answer([_SUBSCRIPTION.model_dump()]),
    "webhooksView": lambda _: Answer(_SUBSCRIPTION.model_dump()),
    "webhooksChange": lambda _: Answer(_SUBSCRIPTION.model_dump()),
    "webhooksRemove": lambda _: Answer(webhooks.REMOVED.of(_SUBSCRIPTION)),
    "webhooksRotateSecret": lambda _: Answer(webhooks.NEW_WEBHOOK.of(_ROTATED, secret=_SECRET)),
    "deliveriesSendTest": lambda _: Answer(deliveries.DELIVERY.of(_ping())),
    "deliveriesListDeliveries": lambda s: Answer(
        [deliveries.DELIVERY.of(_delivered(s))],
        meta=DeliveryMeta(limit=20, next_cursor=None).model_dump(),
    ),
    "deliveriesRedeliver": lambda s: Answer(deliveries.DELIVERY.of(_delivered(s).again(AT))),
    "deliveriesRecover": lambda _: Answer(_SUBSCRIPTION.model_dump()),
}


def _line(told: Story, item_id: int) -> Answer:
    return Answer(told.item_added.after.item(item_id).model_dump())


def of_events() -> dict[str, dict[str, Any]]:
    """Return a webhook's body for each event of the story, by type."""
    found: dict[str, dict[str, Any]] = {}
    for event in the_story().events:
        told = {"event": event.type, "timestamp": timestamp(event.time), "data": event.payload()}
        found.setdefault(event.type, told)
    return found
