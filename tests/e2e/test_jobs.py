"""Jobs on the deployed stack: over HTTP and from the command line, by the same worker."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People, Person

pytestmark = pytest.mark.needs("partners")

ROOT = Path(__file__).parents[2]
JOB = "/ops/jobs/finance-sync"
DEADLINE_SECONDS = 60


@pytest.fixture
def operator(people: People) -> Person:
    return people.new("SuperAdmin")


def run_of(operator: Person, run_id: str) -> dict[str, Any]:
    (run,) = (r for r in operator.get(f"{JOB}/runs?limit=100")["data"] if r["runId"] == run_id)
    return dict(run)


def invoke(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "infra", "invoke", *arguments, "--stack", stack.name],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DEADLINE_SECONDS,
    )


def test_a_job_asked_for_over_http_is_run_and_leaves_its_record(
    stack: RunningStack, operator: Person
) -> None:
    asked = operator.post(JOB, {"department": "hr"}, expect=202)["data"]

    def is_done() -> bool:
        return bool(run_of(operator, asked["runId"])["status"] == "SUCCEEDED")

    assert wait_for(is_done, deadline_seconds=DEADLINE_SECONDS)
    done = run_of(operator, asked["runId"])
    assert sum(done["counts"].values()) == 2
    assert (done["requestedBy"], done["parts"]) == (operator.sub, 1)

    def audited() -> bool:
        entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
        told = {(e["action"], e["recordId"], e["performedBy"]) for e in entries}
        return ("JOB_RUN", asked["runId"], operator.sub) in told

    assert wait_for(audited, deadline_seconds=DEADLINE_SECONDS)


def test_a_job_is_run_from_the_command_line(stack: RunningStack, operator: Person) -> None:
    done = invoke(stack, "finance-sync", "--payload", "events/job-finance-sync.json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["payload"]["dryRun"]) == ("SUCCEEDED", True)
    assert sum(told["counts"].values()) == 2
    assert "Running finance-sync" in done.stderr
    assert run_of(operator, told["runId"]) == told


def test_a_job_that_is_none_is_one_clear_line(stack: RunningStack) -> None:
    done = invoke(stack, "no-such-job")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: There is no such job (JOB_NOT_FOUND)\n"
