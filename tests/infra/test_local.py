import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from infra import local, processes, state
from infra.local import ANY_PORT
from infra.paths import ROOT, stack_folder
from infra.processes import Background
from infra.waiting import wait_for

pytestmark = pytest.mark.e2e

DEADLINE_SECONDS = 60.0
NEW = {"department": "finance", "amountRequested": 10, "purpose": "A small thing for a desk"}


@pytest.fixture
def name() -> Iterator[str]:
    unique = f"local-{os.getpid()}"
    yield unique
    local.down(unique)


@pytest.fixture
def in_the_foreground() -> Iterator[None]:
    """Have what we start listen to Ctrl-C, even where we do not.

    A shell tells what it starts in the background to ignore SIGINT, and so would all our children.
    The command line keeps to that; who ends it there sends SIGTERM.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_up_deploys_again_and_keeps_data_and_secrets(name: str) -> None:
    with local.running(name) as first:
        token = first.token("Finance Clerk", sub="u-1", name="clerk")
        with first.http(token) as http:
            created = http.post("/budget-requests", json=NEW).raise_for_status().json()["data"]

        again = local.up(name, port=ANY_PORT, environment={})
        again.close()

        assert again.secrets == first.secrets
        assert again.api_url == first.api_url
        with first.http(token) as http:
            kept = http.get(f"/budget-requests/{created['id']}")
        assert kept.json()["data"]["requestCode"] == created["requestCode"]


def test_down_frees_the_port_and_leaves_no_process_and_no_file(name: str) -> None:
    with local.running(name) as stack:
        with stack.http() as http:
            http.get("/health").raise_for_status()
        running = recorded(name)
        assert len(running) == 2

    assert not any(map(processes.is_running, running))
    assert not stack_folder(name).exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(stack.api_url)


@pytest.mark.usefixtures("in_the_foreground")
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_up_that_is_cut_off_leaves_nothing_running(name: str, ended_by: signal.Signals) -> None:
    command = [sys.executable, "-m", "infra", "up", "--stack", name, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as up:  # noqa: S603 - our own command line
        assert wait_for(lambda: len(recorded(name)) == 2, deadline_seconds=DEADLINE_SECONDS)
        started = recorded(name)
        up.send_signal(ended_by)
        up.communicate(timeout=DEADLINE_SECONDS)

    assert up.returncode != 0
    assert wait_for(
        lambda: not any(map(processes.is_running, started)), deadline_seconds=DEADLINE_SECONDS
    )


def recorded(name: str) -> list[Background]:
    current = state.load(name)
    if current is None:
        return []
    return [part.process for part in (current.cloud, current.services) if part is not None]
