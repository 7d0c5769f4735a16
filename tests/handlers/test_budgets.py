"""Budgets and syncs through the API: what is seen, when Finance is asked, what is told of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from chalicelib.domain.events import AUDIT_SOURCE
from chalicelib.handlers.relay import relay
from tests.conftest import Aws
from tests.http_api import Api, token
from tests.http_api import Reply as Answer
from tests.partner import Partner, Reply

CLERK, ADMIN, SUPERADMIN = "Finance Clerk", "Finance Admin", "SuperAdmin"
SYNC = "/sync/budgets/finance"


def said(remaining: float, **more: object) -> dict[str, Any]:
    """Return what Finance says of a budget of which that much remains."""
    return {
        "data": {
            "id": "b-1",
            "allocatedAmount": 500000,
            "usedAmount": 120000,
            "reservedAmount": 0,
            "remainingAmount": remaining,
            "periodStart": "2026-01-01",
            "periodEnd": "2026-03-31",
        }
        | more
    }


def listed(reply: Answer) -> list[dict[str, Any]]:
    """Return the data of a list."""
    assert reply.status == 200, reply.json
    found: list[dict[str, Any]] = reply.json["data"]
    return found


def asked(finance: Partner) -> list[str]:
    return [call.path for call in finance.received]


def approve(api: Api, amount: int) -> None:
    request_id = api.waiting(CLERK, amountRequested=amount)
    reply = api.post(f"/budget-requests/{request_id}/approve", ADMIN)
    assert reply.status == 200, reply.json


def test_a_budget_shows_figures_holds_and_what_they_come_to(api: Api) -> None:
    approve(api, 50_000)

    data = api.get("/budgets/finance", CLERK).data

    shown = data.pop("calculator")
    assert (
        data.items()
        >= {
            "department": "finance",
            "isKnown": True,
            "allocatedAmount": 500000,
            "usedAmount": 120000,
            "reservedAmount": 0,
            "remainingAmount": 380000,
            "periodStart": "2026-01-01T00:00:00.000Z",
            "periodEnd": "2026-03-31T00:00:00.000Z",
            "held": 50000,
            "unconfirmed": 50000,
            "available": 330000,
            "overCommitted": False,
            "overCommittedSince": None,
            "isStale": False,
        }.items()
    )
    assert data["lastSyncedAt"].endswith("Z")
    assert (shown["utilizationRate"], shown["availableRate"]) == (34, 66)
    assert (shown["isOverBudget"], shown["isNearingLimit"]) == (False, False)


def test_everyone_sees_the_budgets_they_may_see(api: Api) -> None:
    departments = {
        role: [row["department"] for row in listed(api.get("/budgets", role))]
        for role in (SUPERADMIN, CLERK, "HR Admin", "Warehouse Clerk")
    }

    assert departments == {
        SUPERADMIN: ["finance", "hr", "inventory", "operations"],
        CLERK: ["finance"],
        "HR Admin": ["hr"],
        "Warehouse Clerk": [],
    }


def test_finance_is_asked_once_in_a_quarter_of_an_hour_and_the_answer_says_so(
    api: Api, finance: Partner
) -> None:
    first, second = (api.get("/budgets", SUPERADMIN) for _ in range(2))

    assert "_cached" not in first.json
    assert second.json["_cached"] is True
    assert listed(first)[0]["available"] == listed(second)[0]["available"] == 380000
    assert len(asked(finance)) == 4


def test_another_quarter_can_be_asked_for(api: Api, finance: Partner) -> None:
    last = datetime.now(UTC).year - 1
    data = api.get(f"/budgets/finance?fiscalYear={last}&fiscalPeriod=Q3", CLERK).data

    assert (data["fiscalYear"], data["fiscalPeriod"]) == (last, "Q3")
    assert asked(finance) == [f"/api/budgets/finance/{last}/Q3"]


def test_what_is_left_out_of_the_question_is_that_of_today(
    api: Api, finance: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FISCAL_YEAR_FIRST_MONTH", str(date.today().month))  # noqa: DTZ011 - the month will do

    api.get("/budgets/finance?fiscalPeriod=Q2", CLERK)
    api.get(f"/budgets/finance?fiscalYear={date.today().year}", CLERK)  # noqa: DTZ011 - as above

    periods = [path.rsplit("/", 1)[1] for path in asked(finance)]
    assert periods == ["Q2", "Q1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("fiscalYear=1999", "fiscalYear"),
        ("fiscalYear=2101", "fiscalYear"),
        ("fiscalYear=x", "fiscalYear"),
        ("fiscalPeriod=Q5", "fiscalPeriod"),
        ("year=2026", "year"),
    ],
)
def test_a_quarter_that_cannot_be_is_refused(api: Api, query: str, field: str) -> None:
    for path in ("/budgets", "/budgets/finance", "/sync/status"):
        reply = api.get(f"{path}?{query}", ADMIN)

        assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
        assert list(reply.errors) == [field]


def test_a_department_that_is_not_there_is_not_found(api: Api) -> None:
    for role in (CLERK, SUPERADMIN):
        reply = api.get("/budgets/marketing", role)
        assert (reply.status, reply.code) == (404, "DEPARTMENT_NOT_FOUND")
    assert api.post("/sync/budgets/marketing", SUPERADMIN).code == "DEPARTMENT_NOT_FOUND"


def test_a_budget_that_finance_does_not_have_is_said_to_be_unknown(
    api: Api, finance: Partner
) -> None:
    finance.says({"message": "No such budget"}, status=404)

    data = api.get("/budgets/finance", CLERK).data

    assert (data["isKnown"], data["available"], data["calculator"]) == (False, None, None)
    assert (data["isStale"], data["lastSyncedAt"]) == (True, None)


def test_figures_without_meaning_are_null_and_say_why(api: Api, finance: Partner) -> None:
    finance.says(said(0, allocatedAmount=0, usedAmount=0, periodStart=None, periodEnd=None))

    shown = api.get("/budgets/finance", CLERK).data["calculator"]

    assert {shown[name] for name in ("utilizationRate", "availableRate", "burnRate")} == {None}
    assert [note["code"] for note in shown["notes"]] == [
        "NOTHING_ALLOCATED",
        "PERIOD_UNKNOWN",
        "NOTHING_LEFT",
    ]
    assert all(note["message"] for note in shown["notes"])


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        ({"allocatedAmount": -0.01}, ["NEGATIVE_ALLOCATION"]),
        ({"periodStart": "2999-01-01"}, ["PERIOD_NOT_BEGUN"]),
        ({"periodStart": "2999-01-01", "periodEnd": "2001-01-01"}, ["PERIOD_NOT_BEGUN"]),
        ({"periodStart": None}, ["PERIOD_UNKNOWN"]),
        ({"periodEnd": None}, []),
        ({"periodStart": "0001-01-01", "periodEnd": "0001-03-31"}, ["PERIOD_OVER"]),
        ({"usedAmount": -1}, ["NOTHING_USED"]),
    ],
)
def test_no_figures_make_a_route_fail(
    api: Api, finance: Partner, figures: dict[str, Any], codes: list[str]
) -> None:
    whole = {"periodStart": "2001-01-01", "periodEnd": "2999-12-31"}
    finance.says(said(100_000, **whole | figures))

    assert api.post("/sync/budgets/finance", ADMIN, {}).status == 200
    shown = api.get("/budgets/finance", CLERK).data
    dashboard = api.get("/analytics/dashboard", ADMIN).data

    assert [note["code"] for note in shown["calculator"]["notes"]] == codes
    assert [each["budget"]["available"] for each in dashboard["departments"]] == [100_000]


def test_a_silent_finance_leaves_what_is_known_marked_stale(api: Api, finance: Partner) -> None:
    api.get("/budgets/finance", CLERK)
    finance.says({"message": "no"}, status=500)

    refused = api.post(SYNC, ADMIN)

    assert (refused.status, refused.code) == (503, "FINANCE_UNAVAILABLE")
    assert refused.json["message"] == "Finance answered 500"
    reply = api.get("/budgets/finance", CLERK)
    assert (reply.data["isStale"], reply.data["available"]) == (True, 380000)
    assert reply.json["_cached"] is True


def test_a_sync_brings_what_finance_says_now(api: Api, finance: Partner) -> None:
    api.get("/budgets/finance", CLERK)
    finance.says(said(300000))

    first, second = (api.post(SYNC, ADMIN).data for _ in range(2))

    assert (first["outcome"], second["outcome"]) == ("UPDATED", "UNCHANGED")
    assert first["budget"]["available"] == 300000
    reply = api.get("/budgets/finance", CLERK)
    assert (reply.data["available"], reply.json["_cached"]) == (300000, True)


def test_a_sync_of_another_quarter_is_one_of_that_quarter(api: Api, finance: Partner) -> None:
    body = {"fiscalYear": 2025, "fiscalPeriod": "Q4"}

    data = api.post(SYNC, ADMIN, body).data

    assert (data["fiscalYear"], data["fiscalPeriod"]) == (2025, "Q4")
    assert asked(finance) == ["/api/budgets/finance/2025/Q4"]
    assert api.post(SYNC, ADMIN, {"fiscalYear": "2025"}).errors.keys() == {"fiscalYear"}


def test_a_budget_that_finance_does_not_have_cannot_be_synced(api: Api, finance: Partner) -> None:
    finance.says({}, status=404)

    reply = api.post(SYNC, ADMIN)

    assert (reply.status, reply.code) == (409, "BUDGET_UNKNOWN")


def test_a_sync_of_all_says_how_each_went(api: Api, finance: Partner) -> None:
    finance.next.append(Reply(404, b"{}"))
    finance.next.append(Reply(503, b"{}"))

    results = listed(api.post("/sync/budgets", SUPERADMIN))

    outcomes = [result["outcome"] for result in results]
    assert sorted(outcomes) == ["UNAVAILABLE", "UNKNOWN", "UPDATED", "UPDATED"]
    for result in results:
        failed = result["outcome"] in {"UNAVAILABLE", "UNKNOWN"}
        assert (result["message"] is not None) is failed
        assert result["budget"]["isKnown"] is not failed


def test_an_admin_syncs_the_own_department_alone(api: Api, finance: Partner) -> None:
    (result,) = listed(api.post("/sync/budgets", "HR Admin"))

    assert result["department"] == "hr"
    assert api.post(SYNC, "HR Admin").code == "FORBIDDEN"
    assert len(asked(finance)) == 1


@pytest.mark.parametrize("path", ["/sync/budgets", SYNC])
def test_a_sync_with_a_key_is_made_once(api: Api, finance: Partner, path: str) -> None:
    headers = {"Idempotency-Key": "sync-1"}

    first, second = (api.call("POST", path, role=ADMIN, headers=headers, body={}) for _ in range(2))

    assert first.json == second.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(asked(finance)) == 1


def test_the_status_tells_how_old_the_figures_are_without_asking_finance(
    api: Api, finance: Partner
) -> None:
    (before,) = listed(api.get("/sync/status", ADMIN))
    assert (before["isKnown"], before["isStale"], before["lastSyncedAt"]) == (False, True, None)
    assert asked(finance) == []

    api.post(SYNC, ADMIN)
    (after,) = listed(api.get("/sync/status", ADMIN))
    assert (after["isKnown"], after["isStale"], after["figuresVersion"]) == (True, False, 1)

    finance.says({}, status=500)
    api.post(SYNC, ADMIN)
    (failed,) = listed(api.get("/sync/status", ADMIN))
    assert (failed["isStale"], failed["failure"]) == (True, "Finance answered 500")
    assert failed["lastSyncedAt"] == after["lastSyncedAt"] < failed["failedAt"]


def test_figures_below_what_is_held_are_shown_and_told_as_over_committed(
    api: Api, aws: Aws, finance: Partner
) -> None:
    approve(api, 50_000)
    finance.says(said(40000))

    data = api.post(SYNC, ADMIN).data["budget"]

    assert (data["overCommitted"], data["available"]) == (True, -10000)
    assert data["calculator"]["isOverBudget"] is True
    relay(aws.streamed("budgets"), None)
    told = {message["detail-type"]: message["detail"] for message in aws.on_the_bus()}
    event = told["budget.overcommitted"]
    assert event["subject"].startswith("finance-")
    assert event["data"].items() >= {"available": -10000, "shortfall": 10000}.items()
    assert event["data"]["budgetRequestId"] is None


def test_an_over_committed_budget_approves_nothing_more(api: Api, finance: Partner) -> None:
    approve(api, 50_000)
    request_id = api.waiting(CLERK, amountRequested=1)
    finance.says(said(40000))
    api.post(SYNC, ADMIN)

    reply = api.post(f"/budget-requests/{request_id}/approve", ADMIN)

    assert (reply.status, reply.code) == (409, "INSUFFICIENT_BUDGET")


def test_audit_hears_who_had_a_budget_synced(api: Api, aws: Aws) -> None:
    api.post(SYNC, ADMIN)

    relay(aws.streamed("budgets"), None)

    (entry,) = (m["detail"] for m in aws.on_the_bus() if m["source"] == AUDIT_SOURCE)
    assert (entry["action"], entry["performedBy"]) == ("SYNC", "u-finance-admin")
    assert entry["newValues"]["remainingAmount"] == 380000


IN_VAIN = {
    503: ("UNAVAILABLE", "Finance answered 503"),
    404: ("UNKNOWN", "Finance knows no budget for finance 2026 Q1"),
}


@pytest.mark.parametrize("status", IN_VAIN)
@pytest.mark.parametrize("path", ["/sync/budgets", SYNC])
def test_audit_hears_of_a_sync_in_vain_as_well(
    api: Api, aws: Aws, finance: Partner, path: str, status: int
) -> None:
    finance.says({}, status=status)

    api.post(path, ADMIN, {"fiscalYear": 2026, "fiscalPeriod": "Q1"})

    (entry,) = (message["detail"] for message in aws.queued())
    assert (entry["action"], entry["performedBy"]) == ("SYNC", "u-finance-admin")
    assert (entry["recordId"], entry["recordCode"]) == ("finance-2026-Q1", "finance 2026 Q1")
    assert (entry["newValues"]["outcome"], entry["reason"]) == IN_VAIN[status]


def test_a_sync_that_went_well_is_told_to_audit_once(api: Api, aws: Aws) -> None:
    api.post(SYNC, ADMIN)

    assert aws.queued() == []


def test_a_budget_shows_what_finance_said_so_far(api: Api, finance: Partner) -> None:
    for remaining in (380000, 380000, *range(12)):
        finance.says(said(remaining))
        api.post(SYNC, ADMIN)

    history = api.get("/budgets/finance", CLERK).data["figuresHistory"]

    assert [each["remainingAmount"] for each in history] == list(range(11, 1, -1))
    assert [each["version"] for each in history] == list(range(13, 3, -1))
    assert history[0].items() >= {"allocatedAmount": 500000, "usedAmount": 120000}.items()
    assert history[0]["recordedAt"] > history[1]["recordedAt"]
    assert "recordedBy" not in history[0]  # who synced is for Audit


def test_a_budget_that_nobody_knows_has_no_figures_so_far(api: Api, finance: Partner) -> None:
    finance.says({}, status=404)

    assert api.get("/budgets/finance", CLERK).data["figuresHistory"] == []


def test_holds_do_not_have_the_last_sync_told_again(api: Api, aws: Aws) -> None:
    approve(api, 50_000)

    relay(aws.streamed("budgets"), None)

    assert [m["detail"]["action"] for m in aws.on_the_bus()] == ["SYNC"]


def test_a_service_sees_and_syncs_the_departments_of_its_key(api: Api) -> None:
    body = {"name": "Ledger", "scopes": ["budgets:read", "sync:run"], "departments": ["hr"]}
    made = api.call("POST", "/api-keys", token=token(SUPERADMIN), body=body)
    proof = {"x-api-key": made.data["key"]}

    assert [row["department"] for row in listed(api.call("GET", "/budgets", headers=proof))] == [
        "hr"
    ]
    assert api.call("GET", "/budgets/finance", headers=proof).code == "FORBIDDEN"
    results = listed(api.call("POST", "/sync/budgets", headers=proof))
    assert [result["department"] for result in results] == ["hr"]
    assert api.call("POST", SYNC, headers=proof).code == "FORBIDDEN"


def test_a_hold_past_its_expiry_counts_no_more_though_nobody_has_swept_it(
    api: Api, finance: Partner
) -> None:
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False) as clock:
        approve(api, 50_000)
        path = "/budgets/finance?fiscalYear=2026&fiscalPeriod=Q1"
        held = api.get(path, CLERK).data
        clock.shift(timedelta(days=90))
        expired = api.get(path, CLERK).data
        synced = api.post(SYNC, ADMIN, {"fiscalYear": 2026, "fiscalPeriod": "Q1"}).data

    assert (held["held"], held["available"]) == (50000, 330000)
    assert (expired["held"], expired["available"]) == (0, 380000)
    assert synced["budget"]["available"] == 380000
    assert len(asked(finance)) == 3


def test_finance_is_left_alone_after_a_failure_though_nothing_is_known(
    api: Api, finance: Partner
) -> None:
    finance.usual = Reply(503)

    for _ in range(3):
        api.draft()
        api.get("/budgets/finance", CLERK)

    assert len(asked(finance)) == 1
    assert api.post(SYNC, ADMIN, {}).status == 503
    assert len(asked(finance)) == 2


def test_years_far_away_are_shown_as_they_are_kept(api: Api, aws: Aws, finance: Partner) -> None:
    before = aws.rows("budgets")

    data = api.get("/budgets/finance?fiscalYear=2099", CLERK).data

    assert (data["fiscalYear"], data["isKnown"]) == (2099, False)
    assert (asked(finance), aws.rows("budgets")) == ([], before)


def test_an_admin_of_a_department_that_we_do_not_know_syncs_nothing(api: Api) -> None:
    assert api.post("/sync/budgets", "Marketing Admin", {}).status == 403
    assert api.get("/sync/status", "Marketing Admin").status == 403
