"""What the command line tells of a run."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.domain.errors import FinanceUnavailableError
from chalicelib.domain.jobs import JobName, JobOrder, JobPayload, JobRun, Step
from infra import invoke
from infra.errors import OperatorError

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
QUEUED = JobRun.of(
    JobOrder(
        job=JobName.FINANCE_SYNC, run_id="run_1", queued_at=AT, by="operator", payload=JobPayload()
    )
)
DONE = QUEUED.begun(AT).advanced(Step(counts={"synced": 8}, checkpoint="c")).succeeded(AT)


def test_a_result_is_what_the_api_tells_of_the_run() -> None:
    told = json.loads(invoke.result(DONE))

    assert (told["runId"], told["status"], told["counts"]) == ("run_1", "SUCCEEDED", {"synced": 8})
    assert told["endedAt"] == "2026-03-10T12:00:00.000Z"
    assert "checkpoint" not in told


def test_only_a_run_that_was_not_done_is_a_failure() -> None:
    failed = QUEUED.begun(AT).failed(AT, FinanceUnavailableError("Finance did not answer"))
    skipped = QUEUED.skipped(AT, other="run_2")

    assert invoke.failure(DONE) is None
    assert invoke.failure(failed) == (
        "finance-sync failed: Finance did not answer (FINANCE_UNAVAILABLE)"
    )
    assert invoke.failure(skipped) == "finance-sync was skipped: the run run_2 is at it."


def test_no_file_is_an_empty_payload(tmp_path: Path) -> None:
    (tmp_path / "some.json").write_text('{"dryRun": true}')
    (tmp_path / "none.json").write_text("dryRun")

    assert invoke.read_payload(None) == {}
    assert invoke.read_payload(tmp_path / "some.json") == {"dryRun": True}
    with pytest.raises(OperatorError, match="is not JSON"):
        invoke.read_payload(tmp_path / "none.json")
