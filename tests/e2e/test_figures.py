"""Caches and figures on the deployed stack, where every permission is enforced."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People, Person, draft, waiting

pytestmark = pytest.mark.needs("partners")

#: Index rows are given 5 seconds, jobs are started cold.
DEADLINE_SECONDS = 60

#: What the tests of this file use alone, so that no other one's commits come in between.
DEPARTMENT = "operations"


def everyone(people: People) -> tuple[Person, Person, Person]:
    return people.new("Operations Clerk"), people.new("Operations Admin"), people.new("SuperAdmin")


def test_a_list_is_cached_once_it_has_settled_and_shows_the_next_write(people: People) -> None:
    clerk, admin, _ = everyone(people)
    draft(clerk, department=DEPARTMENT)

    def listed() -> dict[str, Any]:
        return admin.get("/budget-requests?limit=1")

    assert wait_for(lambda: "_cached" in listed(), deadline_seconds=DEADLINE_SECONDS)
    total = listed()["meta"]["total"]
    request_id = draft(clerk, department=DEPARTMENT)

    after = listed()

    assert "_cached" not in after
    assert (after["meta"]["total"], after["data"][0]["id"]) == (total + 1, request_id)


def test_a_request_in_full_is_cached_until_it_changes(people: People) -> None:
    clerk, admin, _ = everyone(people)
    path = f"/budget-requests/{draft(clerk, department=DEPARTMENT)}"
    clerk.get(path)

    def is_cached() -> bool:  # there may be more than one process
        return "_cached" in clerk.get(path)

    assert wait_for(is_cached, deadline_seconds=DEADLINE_SECONDS)
    clerk.post(f"{path}/submit")

    seen = admin.get(path)
    assert "_cached" not in seen
    assert (seen["data"]["isDraft"], seen["data"]["version"]) == (False, 2)
    assert seen["data"]["submittedAt"] is not None


def test_metrics_move_with_what_is_done(people: People) -> None:
    clerk, admin, superadmin = everyone(people)
    before = superadmin.get("/metrics")["data"]

    request_id = waiting(clerk, department=DEPARTMENT, amount=100.1)
    admin.post(f"/budget-requests/{request_id}/approve", {"bufferPercentage": 10})

    after = superadmin.get("/metrics")["data"]
    assert after["requests"]["approved"] == before["requests"]["approved"] + 1
    moved = after["budget"]["totalReserved"] - before["budget"]["totalReserved"]
    assert round(moved, 2) == 110.11
    queues = {queue["name"] for queue in after["queues"]}
    assert {"webhooks", "audit", "notifications", "finance", "jobs", "relay"} <= queues
    assert all(queue["deadLetters"] is not None for queue in after["queues"])


def test_totals_are_exact_however_many_write_at_once(people: People) -> None:
    clerk, admin, _ = everyone(people)

    def figures() -> tuple[int, int, float]:
        (known,) = admin.get("/analytics/dashboard")["data"]["departments"]
        pending = known["byStatus"][0]
        return pending["count"], known["requests"]["drafts"], round(pending["requested"], 2)

    count, drafts, requested = figures()
    makers = [draft] * 8 + [waiting] * 8
    with ThreadPoolExecutor(len(makers)) as threads:
        ids = list(threads.map(lambda make: make(clerk, department=DEPARTMENT, amount=0.1), makers))

    assert len(set(ids)) == 16
    assert figures() == (count + 16, drafts + 8, round(requested + 1.6, 2))
    seen = admin.get("/budget-requests?status=PENDING&limit=1")["meta"]["total"]
    assert seen == count + 16


def test_every_part_of_the_stack_answers(stack: RunningStack) -> None:
    with stack.http() as http:
        answer = http.get("/health", params={"deep": "1"})

    assert answer.status_code == 200, answer.text
    parts = {part["name"]: part["status"] for part in answer.json()["data"]["parts"]}
    assert set(parts.values()) == {"ok"}
    assert {"table requests", "queue audit", "secret of HR Auth"} <= set(parts)


def test_the_dashboard_shows_what_was_decided_and_what_is_left(people: People) -> None:
    clerk, admin, _ = everyone(people)
    before = admin.get("/analytics/dashboard")["data"]["departments"][0]
    request_id = waiting(clerk, department=DEPARTMENT, amount=0.29)
    admin.post(f"/budget-requests/{request_id}/approve")

    (after,) = admin.get("/analytics/dashboard")["data"]["departments"]

    assert after["department"] == DEPARTMENT
    assert after["requests"]["approved"] == before["requests"]["approved"] + 1
    assert round(after["reserved"] - before["reserved"], 2) == 0.29
    assert round(before["budget"]["available"] - after["budget"]["available"], 2) == 0.29
    assert after["budget"]["calculator"]["utilizationRate"] is not None
    assert after["averageWaitingHours"] >= 0


def test_trends_show_a_day_once_its_job_has_run(people: People) -> None:
    clerk, admin, superadmin = everyone(people)
    draft(clerk, department=DEPARTMENT, amount=0.1)
    today = datetime.now(UTC).date().isoformat()
    ask = {"date": today, "department": DEPARTMENT}
    run = superadmin.post("/ops/jobs/daily-aggregates", ask, expect=202)["data"]

    def ended() -> dict[str, Any] | None:
        runs = superadmin.get("/ops/jobs/daily-aggregates/runs")["data"]
        return next((r for r in runs if r["runId"] == run["runId"] and r["endedAt"]), None)

    done = wait_for(ended, deadline_seconds=DEADLINE_SECONDS)

    assert done, "the job has not ended"
    assert (done["status"], done["counts"]["departments"]) == ("SUCCEEDED", 1)
    (day,) = admin.get(f"/analytics/trends?from={today}&to={today}")["data"]["days"]
    assert not day["isComplete"]  # the day goes on
    assert day["count"] == done["counts"]["requests"] > 0
