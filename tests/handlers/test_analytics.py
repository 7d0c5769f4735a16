"""Analytics over HTTP, on real adapters."""

from datetime import timedelta

import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.usecases.jobs import Assignment
from tests.http_api import Api

ADMIN = "Finance Admin"


def count_the_days(*back: int) -> None:
    """Run the job for days so far back."""
    at = bootstrap.now()
    for days in back:
        given = Assignment(
            payload=JobPayload(date=(at - timedelta(days=days)).date()),
            checkpoint=None,
            at=at,
            now=lambda: at,
            by=JobName.DAILY_AGGREGATES.actor,
        )
        list(bootstrap.job(JobName.DAILY_AGGREGATES)(given))


def test_a_dashboard_shows_requests_and_budgets(api: Api) -> None:
    approved, _ = api.waiting(amountRequested=50000.29), api.draft()
    assert api.post(f"/budget-requests/{approved}/approve", ADMIN).status == 200

    told = api.get("/analytics/dashboard", ADMIN).data

    (finance,) = told["departments"]
    assert finance["department"] == "finance"
    assert finance["requests"]["approved"] == finance["requests"]["drafts"] == 1
    assert finance["reserved"] == 50000.29
    assert finance["averageWaitingHours"] == 0
    assert finance["budget"]["available"] == 380000 - 50000.29
    assert finance["budget"]["calculator"]["utilizationRate"] == 34
    assert told["utilizationRate"] == 34
    assert told["totals"]["byStatus"][1] == {
        "status": "APPROVED",
        "count": 1,
        "requested": 50000.29,
    }


def test_trends_show_what_the_job_counted(api: Api) -> None:
    api.draft(amountRequested=0.1)
    api.draft(amountRequested=0.2)
    count_the_days(0, 1)
    today = bootstrap.now().date().isoformat()

    told = api.get(f"/analytics/trends?from={today}&to={today}", ADMIN).data

    assert (told["from"], told["to"], told["departments"]) == (today, today, ["finance"])
    assert told["count"] == 2
    (day,) = told["days"]
    assert (day["date"], day["requested"], day["isComplete"]) == (today, 0.3, False)


def test_a_day_is_complete_when_it_was_counted_after_its_end(api: Api) -> None:
    today = bootstrap.now().date().isoformat()
    path = f"/analytics/trends?from={today}&to={today}"
    count_the_days(0)
    (day,) = api.get(path, ADMIN).data["days"]
    assert day["isComplete"] is False

    with time_machine.travel(bootstrap.now() + timedelta(days=1), tick=False):
        count_the_days(1)
        (day,) = api.get(path, ADMIN).data["days"]
    assert day["isComplete"] is True


def test_a_department_shows_figures_and_trend(api: Api) -> None:
    api.draft()

    told = api.get("/analytics/departments/finance", "SuperAdmin").data

    assert told["requests"]["total"] == 1
    assert len(told["trend"]["days"]) == 30
    assert api.get("/analytics/departments/legal", "SuperAdmin").code == "DEPARTMENT_NOT_FOUND"


@pytest.mark.parametrize("query", ["from=2026-02-30", "to=yesterday", "from=1&to=2", "x=1"])
def test_a_span_that_is_none_is_refused(query: str, api: Api) -> None:
    assert api.get(f"/analytics/trends?{query}", ADMIN).code == "VALIDATION_ERROR"


def test_a_span_that_is_too_long_says_so(api: Api) -> None:
    reply = api.get("/analytics/trends?from=2020-01-01&to=2026-01-01", ADMIN)

    assert (reply.code, list(reply.errors)) == ("VALIDATION_ERROR", ["from"])
