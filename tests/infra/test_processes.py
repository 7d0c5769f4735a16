import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra import processes
from infra.processes import Background, Started
from infra.waiting import wait_for

DEADLINE_SECONDS = 10.0
# Ends with its owner as the real ones do; its child does not care who is gone.
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
if not os.read(0, 1):
    sys.exit()
child.wait()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def started(tmp_path: Path, log: Path) -> Iterator[Started]:
    process = processes.start(
        [sys.executable, "-c", PARENT], environment=os.environ, folder=tmp_path, log=log
    )
    yield process
    processes.stop(process.background)
    process.forget()


def child_of(log: Path) -> int:
    assert wait_for(lambda: log.read_text().strip(), deadline_seconds=DEADLINE_SECONDS)
    return int(log.read_text())


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_stopping_ends_the_process_and_its_children(started: Started, log: Path) -> None:
    child = child_of(log)

    processes.stop(started.background)

    assert not processes.is_running(started.background)
    assert not is_alive(child)


def test_stopping_finds_children_that_outlived_their_parent(started: Started, log: Path) -> None:
    child = child_of(log)
    psutil.Process(started.background.pid).kill()
    assert wait_for(started.has_ended, deadline_seconds=DEADLINE_SECONDS)
    assert is_alive(child)

    processes.stop(started.background)

    assert not is_alive(child)


def test_stopping_what_is_gone_is_fine(started: Started) -> None:
    processes.stop(started.background)

    processes.stop(started.background)


def test_a_process_that_got_the_same_id_later_is_not_ours() -> None:
    stranger = Background(pid=os.getpid(), started=1.0)

    assert not processes.is_running(stranger)
    processes.stop(stranger)  # else this test would end here


def test_a_process_ends_with_its_owner(started: Started, log: Path) -> None:
    child_of(log)
    stdin = started._process.stdin
    assert stdin is not None

    stdin.close()  # as the system does when we die

    assert wait_for(started.has_ended, deadline_seconds=DEADLINE_SECONDS)


def test_a_process_that_was_set_free_does_not_end_with_its_owner(
    started: Started, log: Path
) -> None:
    child = child_of(log)

    started.set_free()

    # It has read the byte once it waits for its child, which it does for ever.
    parent = psutil.Process(started.background.pid)
    assert not wait_for(started.has_ended, deadline_seconds=0.5)
    assert parent.is_running()
    assert is_alive(child)
