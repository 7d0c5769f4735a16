"""Operations through the API: jobs asked for, and the runs they leave."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.jobs import JobOrder
from chalicelib.handlers.jobs import jobs as worker
from tests import samples
from tests.conftest import Aws
from tests.handlers.workers import run
from tests.http_api import Api, Reply

JOB = "/ops/jobs/finance-sync"


def ask(api: Api, body: object = None, **more: Any) -> Reply:  # noqa: ANN401 - passed on
    return api.call("POST", JOB, role="SuperAdmin", body=body, **more)


def work(aws: Aws) -> None:
    """Run what was asked for."""
    messages = [samples.record("jobs", each, n) for n, each in enumerate(aws.asked(), start=1)]
    assert run(worker, *messages) == []


def test_a_job_is_queued_run_and_seen(api: Api, aws: Aws) -> None:
    asked = ask(api, {"department": "hr", "date": "2026-03-10"})

    assert asked.status == 202
    run_id = asked.data["runId"]
    assert (asked.data["status"], asked.data["requestedBy"]) == ("QUEUED", "u-superadmin")
    assert asked.data["payload"] == {"dryRun": False, "department": "hr", "date": "2026-03-10"}
    work(aws)

    listed = api.get(f"{JOB}/runs", "SuperAdmin")
    assert listed.status == 200
    (shown,) = listed.json["data"]
    assert (shown["runId"], shown["status"]) == (run_id, "SUCCEEDED")
    assert (shown["counts"], shown["error"]) == ({"synced": 2}, None)
    assert shown["queuedAt"] <= shown["startedAt"] <= shown["endedAt"]
    assert "checkpoint" not in shown
    assert listed.json["meta"] == {"limit": 20, "nextCursor": None}


def test_asking_is_told_to_audit(api: Api, aws: Aws) -> None:
    run_id = ask(api).data["runId"]

    (entry,) = (message["detail"] for message in aws.queued())
    assert (entry["action"], entry["recordId"]) == ("JOB_RUN", run_id)
    assert entry["performedBy"] == "u-superadmin"


def test_asking_again_with_the_same_key_is_one_run(api: Api, aws: Aws) -> None:
    key = {"Idempotency-Key": "k-1"}
    first, second = ask(api, headers=key), ask(api, headers=key)

    assert second.data == first.data
    assert second.headers["Idempotent-Replayed"] == "true"
    (message,) = aws.asked()
    assert JobOrder.model_validate(message).run_id == first.data["runId"]


def test_a_day_to_come_cannot_be_counted(api: Api, aws: Aws) -> None:
    path = "/ops/jobs/daily-aggregates"
    tomorrow = (bootstrap.now() + timedelta(days=1)).date().isoformat()

    refused = api.post(path, "SuperAdmin", {"date": tomorrow})

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert "in the future" in refused.errors["date"]
    assert aws.asked() == []
    assert api.get(f"{path}/runs", "SuperAdmin").json["data"] == []
    assert ask(api, {"date": tomorrow}).status == 202  # next quarter's figures may be known


def test_runs_are_paged(api: Api) -> None:
    asked = [ask(api).data["runId"] for _ in range(3)]

    first = api.get(f"{JOB}/runs?limit=2", "SuperAdmin").json
    cursor = first["meta"]["nextCursor"]
    second = api.get(f"{JOB}/runs?limit=2&cursor={cursor}", "SuperAdmin").json

    seen = [run["runId"] for run in first["data"] + second["data"]]
    assert seen == asked[::-1]
    assert second["meta"]["nextCursor"] is None


@pytest.mark.parametrize("role", ["Finance Clerk", "Finance Admin"])
def test_nobody_else_asks_or_sees(api: Api, aws: Aws, role: str) -> None:
    assert api.call("POST", JOB, role=role).code == "FORBIDDEN"
    assert api.get(f"{JOB}/runs", role).code == "FORBIDDEN"
    assert aws.asked() == []


@pytest.mark.parametrize("name", ["no-such-job", "Finance-Sync"])
def test_what_is_no_job_is_not_found(api: Api, name: str) -> None:
    asked = api.call("POST", f"/ops/jobs/{name}", role="SuperAdmin")
    listed = api.get(f"/ops/jobs/{name}/runs", "SuperAdmin")

    assert (asked.status, asked.code) == (404, "JOB_NOT_FOUND")
    assert (listed.status, listed.code) == (404, "JOB_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dryRun": "yes"}, "dryRun"),
        ({"department": "marketing"}, "department"),
        ({"date": "10.3.2026"}, "date"),
        ({"date": 7}, "date"),
        ({"force": True}, "force"),
    ],
)
def test_a_payload_that_is_none_is_refused(
    api: Api, aws: Aws, body: dict[str, Any], field: str
) -> None:
    refused = ask(api, body)

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.errors.keys() == {field}
    assert aws.asked() == []


def test_a_foreign_cursor_is_refused(api: Api) -> None:
    refused = api.get(f"{JOB}/runs?cursor=made-up", "SuperAdmin")

    assert (refused.status, list(refused.errors)) == (400, ["cursor"])
