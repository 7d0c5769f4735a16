"""Holds as callers see them: overrides, ends, expiry, and what Finance and people hear of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.domain import reservations
from chalicelib.domain.access import Scope
from chalicelib.domain.jobs import JobName
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.jobs import jobs as jobs_worker
from chalicelib.handlers.notifications import notifications as notifications_worker
from chalicelib.handlers.relay import relay
from tests import samples
from tests.conftest import Aws
from tests.factories import service
from tests.handlers.workers import run
from tests.http_api import Api, Reply
from tests.partner import Partner
from tests.partner import Reply as Said

CLERK, ADMIN, SUPERADMIN = "Finance Clerk", "Finance Admin", "SuperAdmin"
START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
END = START + timedelta(days=90)
LEDGER = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)
_numbers = count(1)
BECAUSE = {"override": True, "overrideReason": "The audit cannot wait"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def approve(api: Api, request_id: int, role: str = ADMIN, body: object = None) -> Reply:
    return api.post(f"/budget-requests/{request_id}/approve", role, body)


def holding(api: Api, amount: int = 50_000) -> int:
    request_id = api.waiting(amountRequested=amount)
    assert approve(api, request_id).status == 200
    return request_id


def shown(api: Api, request_id: int) -> dict[str, Any]:
    return api.get(f"/budget-requests/{request_id}", CLERK).data


def told(aws: Aws) -> list[dict[str, Any]]:
    """Return what came over the bus, as SQS records of a queue."""
    relay(aws.streamed("requests"), None)
    return [
        samples.record("bus", message, number)
        for number, message in enumerate(aws.on_the_bus())
        if message["source"] == "budget-requests"
    ]


def of_kind(records: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [each for each in records if json.loads(each["body"])["detail-type"] in kinds]


def run_job(name: JobName, **payload: object) -> None:
    order = {
        "job": name,
        "runId": f"run-{next(_numbers)}",
        "queuedAt": datetime.now(UTC).isoformat(),
        "by": "schedule",
        "payload": payload,
    }
    assert run(jobs_worker, samples.record("jobs", order, 1)) == []


def test_an_approved_request_shows_what_it_holds(api: Api) -> None:
    data = shown(api, holding(api))

    assert (data["reservationStatus"], data["isReserved"]) == ("HELD", True)
    assert (data["isExpired"], data["consumedAmount"]) == (False, None)
    assert (data["overrideReason"], data["overriddenBy"]) == (None, None)
    assert data["reservationExpiry"] == "2026-06-08T12:00:00.000Z"
    assert "holdEventId" not in data
    assert "expiryWarnedAt" not in data


def test_a_superadmin_passes_the_limit_with_a_reason(api: Api, aws: Aws) -> None:
    request_id = api.waiting(amountRequested=380_001)
    refused = approve(api, request_id, SUPERADMIN)
    assert (refused.status, refused.code) == (409, "INSUFFICIENT_BUDGET")
    assert "380001.00 needed, 380000.00 available" in refused.json["message"]

    reply = approve(api, request_id, SUPERADMIN, BECAUSE)

    assert reply.status == 200
    assert reply.data["overrideReason"] == "The audit cannot wait"
    assert reply.data["overriddenBy"] == "u-superadmin"
    entry = shown(api, request_id)["approvalHistory"][0]
    assert (entry["action"], entry["comments"]) == ("APPROVED_BY_OVERRIDE", "The audit cannot wait")
    (event,) = of_kind(told(aws), "budget_request.approved")
    data = json.loads(event["body"])["detail"]["data"]
    assert (data["override"], data["overrideReason"]) == (True, "The audit cannot wait")
    funds = api.get(f"/budget-requests/{api.draft()}/funds", ADMIN).data
    assert funds["available"] == -1


def test_an_override_is_audited_as_one_and_the_shortage_is_told(api: Api, aws: Aws) -> None:
    approve(api, api.waiting(amountRequested=380_001), SUPERADMIN, BECAUSE)

    relay(aws.streamed("requests"), None)
    relay(aws.streamed("budgets"), None)

    messages = aws.on_the_bus()
    actions = [m["detail"]["action"] for m in messages if m["detail-type"] == "audit.entry"]
    assert "OVERRIDE" in actions
    assert "APPROVE" not in actions
    (event,) = (m for m in messages if m["detail-type"] == "budget.overcommitted")
    assert event["detail"]["data"]["shortfall"] == 1


def test_a_superadmin_overrides_an_unknown_budget(api: Api, finance: Partner) -> None:
    finance.usual = Said(503)
    request_id = api.waiting()
    assert approve(api, request_id, SUPERADMIN).code == "BUDGET_UNKNOWN"

    assert approve(api, request_id, SUPERADMIN, BECAUSE).status == 200

    funds = api.get(f"/budget-requests/{api.draft()}/funds", ADMIN).data
    assert (funds["budgetKnown"], funds["available"]) == (False, None)


def test_nobody_else_overrides(api: Api) -> None:
    request_id = api.waiting(amountRequested=380_001)

    reply = approve(api, request_id, ADMIN, BECAUSE)

    assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert shown(api, request_id)["status"] == "PENDING"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"override": True}, "override"),
        ({"override": True, "overrideReason": None}, "override"),
        ({"override": True, "overrideReason": ""}, "overrideReason"),
        ({"override": True, "overrideReason": "<b></b>"}, "overrideReason"),
        ({"overrideReason": "Because"}, "override"),
        ({"override": False, "overrideReason": "Because"}, "override"),
        ({"override": "yes", "overrideReason": "Because"}, "override"),
    ],
)
def test_an_override_says_why_and_nothing_else_does(
    api: Api, body: dict[str, object], field: str
) -> None:
    reply = approve(api, api.waiting(), SUPERADMIN, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == [field]


def test_a_refusal_for_want_of_money_has_its_figures_as_fields(api: Api) -> None:
    refused = approve(api, api.waiting(amountRequested=380_001))

    assert refused.errors == {"needed": "380001.00", "available": "380000.00"}


def test_a_bulk_refused_for_want_of_money_says_what_each_would_hold(api: Api) -> None:
    ids = [api.waiting(amountRequested=amount) for amount in (200_000, 190_000)]

    refused = api.post("/budget-requests/bulk-approve", "Finance Admin", {"ids": ids})

    assert (refused.status, refused.code) == (409, "INSUFFICIENT_BUDGET")
    assert refused.errors == {
        "needed": "390000.00",
        "available": "380000.00",
        "ids.0": "would hold 200000.00 of finance 2026 Q1",
        "ids.1": "would hold 190000.00 of finance 2026 Q1",
    }


def test_a_bulk_that_is_refused_says_why_of_each_that_stands_in_the_way(api: Api) -> None:
    ids = [api.waiting(), api.draft(), 404]

    refused = api.post("/budget-requests/bulk-approve", "Finance Admin", {"ids": ids})

    assert (refused.status, refused.code) == (409, "BULK_REFUSED")
    assert refused.errors.keys() == {"ids.1", "ids.1.code", "ids.2", "ids.2.code"}
    assert "draft" in refused.errors["ids.1"]
    assert refused.errors["ids.1.code"] == "INVALID_STATUS"
    assert refused.errors["ids.2"] == "Budget request not found"
    assert refused.errors["ids.2.code"] == "NOT_FOUND"
    assert api.get(f"/budget-requests/{ids[0]}", "Finance Admin").data["status"] == "PENDING"


def test_a_bulk_overrides_nothing(api: Api) -> None:
    body = {"ids": [api.waiting()], **BECAUSE}

    reply = api.post("/budget-requests/bulk-approve", SUPERADMIN, body)

    assert (reply.status, set(reply.errors)) == (400, {"override", "overrideReason"})


def test_a_hold_past_its_end_is_shown_as_expired_before_any_sweep(
    api: Api, clock: time_machine.Traveller
) -> None:
    request_id = holding(api, 300_000)
    other = api.waiting(amountRequested=300_000)
    clock.move_to(END)

    data = shown(api, request_id)
    assert (data["isReserved"], data["isExpired"]) == (False, True)
    assert (data["reservationStatus"], data["version"]) == ("EXPIRED", 3)
    (row,) = (
        r
        for r in api.call("GET", "/budget-requests", role=CLERK).json["data"]
        if r["id"] == request_id
    )
    assert (row["isReserved"], row["isExpired"], row["reservationStatus"]) == (
        False,
        True,
        "EXPIRED",
    )
    assert api.get(f"/budget-requests/{other}/funds", ADMIN).data["sufficient"]


def test_an_approval_takes_what_has_expired_before_any_sweep(
    api: Api, clock: time_machine.Traveller
) -> None:
    request_id = holding(api, 300_000)
    other = api.waiting(amountRequested=300_000)
    assert approve(api, other).code == "INSUFFICIENT_BUDGET"

    clock.move_to(END)

    assert approve(api, other).status == 200
    assert shown(api, request_id)["version"] == 4


def test_what_was_consumed_cannot_be_cancelled(api: Api) -> None:
    request_id = holding(api)
    store = bootstrap.requests()
    consumed = reservations.consume(store.get(request_id), None, LEDGER, START)
    store.commit(consumed)

    reply = api.post(f"/budget-requests/{request_id}/cancel", CLERK)

    assert (reply.status, reply.code) == (400, "ALREADY_CONSUMED")
    data = shown(api, request_id)
    assert (data["reservationStatus"], data["consumedAmount"]) == ("CONSUMED", 50_000)
    assert data["isReserved"] is False


def test_cancelling_a_hold_past_its_end_tells_finance_that_it_expired(
    api: Api, aws: Aws, finance: Partner, clock: time_machine.Traveller
) -> None:
    request_id = holding(api)
    clock.move_to(END)
    api.post(f"/budget-requests/{request_id}/cancel", CLERK)
    records = told(aws)
    assert of_kind(records, "reservation.released") == []
    reserve, release = of_kind(records, "budget_request.approved", "reservation.expired")
    finance.received.clear()

    # The release came first, and waits.
    assert run(finance_worker, release, reserve) == [release["messageId"]]
    assert run(finance_worker, release) == []

    assert [(c.path.rsplit("/", 1)[-1], c.json()["amount"]) for c in finance.received] == [
        ("reserve", 50_000),
        ("release", 50_000),
    ]


def test_the_nightly_job_frees_what_expired_and_everyone_hears_of_it(
    api: Api, aws: Aws, finance: Partner, clock: time_machine.Traveller
) -> None:
    request_id = holding(api)
    clock.move_to(END - timedelta(days=7))
    run_job(JobName.RESERVATION_EXPIRY)
    clock.move_to(END)
    run_job(JobName.RESERVATION_EXPIRY)
    run_job(JobName.RESERVATION_EXPIRY, dryRun=True)

    runs = bootstrap.job_runs().latest(JobName.RESERVATION_EXPIRY, limit=9)
    assert [each.counts for each in runs][::-1] == [
        {"expired": 0, "warned": 1, "skipped": 0},
        {"expired": 1, "warned": 0, "skipped": 0},
        {"expired": 0, "warned": 0, "skipped": 0},
    ]
    history = [entry["action"] for entry in shown(api, request_id)["approvalHistory"]]
    assert history[:2] == ["RESERVATION_EXPIRED", "EXPIRY_ANNOUNCED"]
    records = told(aws)
    finance.received.clear()
    kinds = ("budget_request.approved", "reservation.expired", "reservation.expiring")
    assert run(finance_worker, *of_kind(records, *kinds)) == []
    assert [call.path.rsplit("/", 1)[-1] for call in finance.received] == ["reserve", "release"]
    assert run(notifications_worker, *of_kind(records, "reservation.expiring")) == []
    (mail,) = shown(api, request_id)["notifications"]
    assert mail["notificationType"] == "RESERVATION_EXPIRING"
    assert mail["recipientEmail"] == "finance.clerk@example.com"


def test_a_missed_deadline_is_marked_and_the_requester_reminded_once(
    api: Api, aws: Aws, clock: time_machine.Traveller
) -> None:
    request_id = api.waiting(priority="urgent")
    clock.move_to(START + timedelta(days=1))
    run_job(JobName.SLA_CHECK)
    run_job(JobName.SLA_CHECK)

    data = shown(api, request_id)
    assert (data["isOverdue"], data["slaDeadline"]) == (True, "2026-03-11T12:00:00.000Z")
    late = api.call("GET", "/budget-requests?isOverdue=true", role=CLERK).json["data"]
    assert [row["id"] for row in late] == [request_id]
    (overdue,) = of_kind(told(aws), "budget_request.overdue")
    assert run(notifications_worker, overdue) == []
    (mail,) = shown(api, request_id)["notifications"]
    assert mail["notificationType"] == "REQUEST_OVERDUE"


def test_how_long_reviewers_have_is_configured(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLA_DAYS_LOW", "30")
    bootstrap.settings.cache_clear()
    bootstrap.review_days.cache_clear()

    data = shown(api, api.waiting(priority="low"))

    assert data["slaDeadline"] == "2026-04-09T12:00:00.000Z"


# --- holds that have expired in the quarter of their budget, and nobody has swept ---------------


@pytest.fixture
def short_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds that expire after five days."""
    monkeypatch.setattr(reservations, "RESERVATION_DAYS", 5)


def finance_says(finance: Partner, remaining: float) -> None:
    finance.says(
        {
            "data": {
                "id": "b-1",
                "allocatedAmount": 500000,
                "usedAmount": 120000,
                "reservedAmount": 0,
                "remainingAmount": remaining,
                "periodStart": "2026-01-01",
                "periodEnd": "2026-03-31",
            }
        }
    )


def shortages(aws: Aws) -> list[dict[str, Any]]:
    """Return what is told of budgets that promised more than they have."""
    relay(aws.streamed("budgets"), None)
    messages = aws.on_the_bus()
    return [m["detail"]["data"] for m in messages if m["detail-type"] == "budget.overcommitted"]


@pytest.mark.usefixtures("short_holds")
def test_a_draft_shows_no_shortage_where_what_was_held_has_expired(
    api: Api, clock: time_machine.Traveller
) -> None:
    holding(api, 380_000)
    clock.move_to(START + timedelta(days=6))

    request_id = api.draft(amountRequested=1000)

    for amount in (1000, 2000):
        data = shown(api, request_id)
        assert data["amountRequested"] == amount
        assert (data["budgetShortfall"], data["requiresBudgetApproval"]) == (None, False)
        assert data["departmentBudgetRemaining"] == 380_000
        more = {"amountRequested": 2000}
        api.call("PUT", f"/budget-requests/{request_id}", role=CLERK, body=more)


@pytest.mark.usefixtures("short_holds")
def test_a_draft_shows_what_has_expired_as_free_where_there_is_money_enough(
    api: Api, clock: time_machine.Traveller
) -> None:
    holding(api, 80_000)
    clock.move_to(START + timedelta(days=5))

    request_id = api.draft(amountRequested=1000)
    made = shown(api, request_id)
    more = {"amountRequested": 2000}
    changed = api.call("PUT", f"/budget-requests/{request_id}", role=CLERK, body=more).data

    available = api.get("/budgets/finance", ADMIN).data["available"]
    assert available == 380_000
    for data in (made, changed):
        assert data["departmentBudgetRemaining"] == available
        assert data["budgetUtilizationBeforeRequest"] == 24


@pytest.mark.usefixtures("short_holds")
def test_a_sync_tells_no_shortage_that_an_expired_hold_makes(
    api: Api, aws: Aws, clock: time_machine.Traveller, finance: Partner
) -> None:
    request_id = holding(api, 380_000)
    clock.move_to(START + timedelta(days=6))
    finance_says(finance, 100_000)

    budget = api.post("/sync/budgets/finance", ADMIN, {}).data["budget"]

    assert (budget["available"], budget["overCommittedSince"]) == (100_000, None)
    assert budget["unconfirmed"] == 0
    assert shortages(aws) == []
    assert shown(api, request_id)["approvalHistory"][0]["action"] == "RESERVATION_EXPIRED"


@pytest.mark.usefixtures("short_holds")
def test_a_sync_tells_what_is_short_without_what_has_expired(
    api: Api, aws: Aws, clock: time_machine.Traveller, finance: Partner
) -> None:
    holding(api, 300_000)
    clock.move_to(START + timedelta(days=4))
    holding(api, 80_000)
    clock.move_to(START + timedelta(days=6))
    finance_says(finance, 70_000)

    api.post("/sync/budgets/finance", ADMIN, {})

    assert [told["shortfall"] for told in shortages(aws)] == [10_000]


@pytest.mark.usefixtures("short_holds")
def test_an_override_tells_no_shortage_that_an_expired_hold_makes(
    api: Api, aws: Aws, clock: time_machine.Traveller
) -> None:
    holding(api, 380_000)
    request_id = api.waiting(amountRequested=50)
    clock.move_to(START + timedelta(days=6))

    assert approve(api, request_id, SUPERADMIN, BECAUSE).status == 200

    assert shortages(aws) == []
    assert api.get("/budgets/finance", ADMIN).data["overCommittedSince"] is None


@pytest.mark.usefixtures("short_holds")
def test_the_status_of_syncs_counts_no_hold_that_has_expired(
    api: Api, clock: time_machine.Traveller
) -> None:
    approve(api, api.waiting(amountRequested=380_001), SUPERADMIN, BECAUSE)
    clock.move_to(START + timedelta(days=6))

    (status,) = api.get("/sync/status", ADMIN).json["data"]
    data = api.get("/budgets/finance", ADMIN).data

    assert status["overCommitted"] is False
    assert (data["overCommitted"], data["overCommittedSince"]) == (False, None)


def test_a_shortage_is_shown_since_when_as_long_as_it_lasts(api: Api) -> None:
    request_id = api.waiting(amountRequested=380_001)
    approve(api, request_id, SUPERADMIN, BECAUSE)
    assert api.get("/budgets/finance", ADMIN).data["overCommittedSince"]

    api.post(f"/budget-requests/{request_id}/cancel", CLERK, {})

    data = api.get("/budgets/finance", ADMIN).data
    assert (data["overCommitted"], data["overCommittedSince"]) == (False, None)


def test_an_override_of_an_unknown_budget_is_seen_in_it(api: Api, finance: Partner) -> None:
    finance.usual = Said(503)
    approve(api, api.waiting(amountRequested=50_000), SUPERADMIN, BECAUSE)

    data = api.get("/budgets/finance", ADMIN).data

    assert (data["isKnown"], data["available"]) == (False, None)
    assert (data["held"], data["unconfirmed"]) == (50_000, 50_000)


@pytest.mark.usefixtures("short_holds")
def test_a_hold_that_has_expired_counts_in_no_figure_of_a_budget(
    api: Api, clock: time_machine.Traveller
) -> None:
    holding(api, 300_000)
    clock.move_to(START + timedelta(days=4))
    holding(api, 50_000)
    clock.move_to(START + timedelta(days=6))

    data = api.get("/budgets/finance", ADMIN).data

    assert (data["held"], data["unconfirmed"], data["available"]) == (50_000, 50_000, 330_000)
    assert data["calculator"]["utilizationRate"] == 34


@pytest.mark.usefixtures("short_holds")
def test_an_override_of_an_unknown_budget_counts_until_it_expires(
    api: Api, clock: time_machine.Traveller, finance: Partner
) -> None:
    finance.usual = Said(503)
    approve(api, api.waiting(amountRequested=50_000), SUPERADMIN, BECAUSE)
    clock.move_to(START + timedelta(days=6))

    for data in (
        api.get("/budgets/finance", ADMIN).data,
        api.get("/analytics/departments/finance", ADMIN).data["budget"],
    ):
        assert (data["isKnown"], data["held"], data["unconfirmed"]) == (False, 0, 0)
