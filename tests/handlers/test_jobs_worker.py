"""The worker of jobs: queue → a run, its record, and what comes back."""

import json
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.jobs import JobName, JobOrder, JobRun, RunStatus
from chalicelib.handlers.jobs import jobs as worker
from tests import samples
from tests.conftest import Aws, Logs
from tests.handlers.workers import POISON, again, poison, run, run_sample
from tests.partner import Partner, Reply

SAMPLE = "jobs.json"
BUDGETS = 8  # four departments, two periods


@pytest.fixture(autouse=True)
def everything(finance: Partner) -> None:
    """Finance listens."""


def order_of(record: dict[str, Any]) -> JobOrder:
    return JobOrder.model_validate_json(record["body"])


def kept(record: dict[str, Any]) -> JobRun:
    found = bootstrap.job_runs().get(order_of(record))
    assert found
    return found


def test_what_a_schedule_asks_for_is_done(aws: Aws, finance: Partner, logs: Logs) -> None:
    assert run_sample(worker, SAMPLE) == []

    (record,) = samples.read(SAMPLE)["Records"]
    done = kept(record)
    assert (done.status, done.requested_by) == (RunStatus.SUCCEEDED, "schedule")
    assert done.counts == {"synced": BUDGETS}
    kept_rows = [row for row in aws.rows("budgets") if row["sk"] == {"S": "BUDGET"}]
    assert len(finance.received) == len(kept_rows) == BUDGETS
    (line,) = (line for line in logs.lines if line["message"] == "job run")
    assert (line["status"], line["counts"]) == ("SUCCEEDED", {"synced": BUDGETS})


def test_a_message_that_comes_again_is_nothing_to_do(finance: Partner) -> None:
    (record,) = samples.read(SAMPLE)["Records"]
    run(worker, record)

    assert run(worker, again(record, 2)) == []

    assert len(finance.received) == BUDGETS


def test_a_silent_finance_fails_no_run(finance: Partner) -> None:
    finance.usual = Reply(503)
    (record,) = samples.read(SAMPLE)["Records"]

    assert run(worker, record) == []

    assert kept(record).counts == {"unknown": BUDGETS}


def test_a_run_that_failed_comes_back_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    (record,) = samples.read(SAMPLE)["Records"]
    table = bootstrap.settings().budgets_table
    monkeypatch.setenv("BUDGETS_TABLE", "no-such-table")
    bootstrap.settings.cache_clear()

    assert run(worker, record) == [record["messageId"]]

    failed = kept(record)
    assert failed.status is RunStatus.FAILED
    assert failed.error
    assert failed.error.code == "INTERNAL_ERROR"
    assert len(logs.at("ERROR")) == 1

    monkeypatch.setenv("BUDGETS_TABLE", str(table))
    bootstrap.settings.cache_clear()
    bootstrap.budgets.cache_clear()
    assert run(worker, again(record, 2)) == []
    assert (kept(record).status, kept(record).parts) == (RunStatus.SUCCEEDED, 2)


class AlmostStopped:
    """A Lambda context with time for one step."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 59_000


def test_a_function_about_to_be_stopped_leaves_the_rest_to_the_next(aws: Aws) -> None:
    (record,) = samples.read(SAMPLE)["Records"]

    answer = worker(samples.read(SAMPLE), AlmostStopped())

    assert answer == {"batchItemFailures": []}
    assert kept(record).counts == {"synced": 1}
    (message,) = aws.asked()
    assert JobOrder.model_validate(message) == order_of(record)
    assert run(worker, samples.record("jobs", message, 2)) == []
    assert kept(record).counts == {"synced": BUDGETS}


@pytest.mark.parametrize("body", POISON)
def test_a_poison_message_is_reported_alone(body: str) -> None:
    (good,) = samples.read(SAMPLE)["Records"]
    bad = poison(body)

    assert run(worker, bad, good) == [bad["messageId"]]


@pytest.mark.parametrize("job", ["no-such-job", ""])
def test_a_job_that_is_none_is_a_poison_message(job: str) -> None:
    (record,) = samples.read(SAMPLE)["Records"]
    wrong = json.loads(record["body"]) | {"job": job}
    bad = poison(json.dumps(wrong))

    assert run(worker, bad) == [bad["messageId"]]


def test_what_a_poison_message_said_is_not_logged(logs: Logs) -> None:
    run(worker, poison('{"job": "a secret", "runId": 7, "payload": {"department": "a secret"}}'))

    assert logs.at("ERROR")
    assert "secret" not in logs.text


@pytest.mark.parametrize("name", JobName)
def test_a_payload_for_the_command_line_is_one_of_its_job(name: JobName) -> None:
    files = {
        JobName.FINANCE_SYNC: "job-finance-sync.json",
        JobName.RESERVATION_EXPIRY: "job-reservation-expiry.json",
        JobName.DAILY_AGGREGATES: "job-daily-aggregates.json",
        JobName.SLA_CHECK: "job-sla-check.json",
    }
    order = {"job": name, "runId": "r", "queuedAt": "2026-03-10T12:00:00Z", "by": "u-1"}

    parsed = JobOrder.model_validate(order | {"payload": samples.read(files[name])})

    assert parsed.payload.model_dump(mode="json", exclude_unset=True) == samples.read(files[name])
