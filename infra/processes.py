"""Background processes: owned until they are set free, stopped with all that they started."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel

from infra.waiting import wait_for

GRACE_SECONDS = 4.0
# The clock of a process and ours may disagree by a tick.
_SAME_START_SECONDS = 1.0


class Background(BaseModel):
    """A process by its id and start time, because ids are reused."""

    pid: int
    started: float


class Started:
    """A process we have just started and own: it ends when we do, until it is set free.

    It reads its stdin, whose other end we hold: end of file means that we are gone, however we
    went, and one byte sets it free.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.background = Background(pid=process.pid, started=_start_time(process.pid))

    def has_ended(self) -> bool:
        """Tell whether it is over already."""
        return self._process.poll() is not None

    def set_free(self) -> None:
        """Let it outlive us."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(b"1")
                self._process.stdin.close()

    def forget(self) -> None:
        """Let go of it once it was stopped."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(GRACE_SECONDS)


def start(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Started:
    """Start a process that we own, in a session of its own, with its output in a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches us alone, and we end it in order; its children share the session.
            start_new_session=True,
        )
    return Started(process)


def last_words(log: Path) -> str:
    """Return the last line a process wrote to its log, for one clear line about its end."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def is_running(background: Background) -> bool:
    """Tell whether that very process still runs."""
    return _root(background) is not None


def stop(background: Background, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """End the process and everything it started; returns when none of it is left."""
    family = list(_family(background))
    root = _root(background)
    if root is not None and grace_seconds > 0:
        _signal(root, signal.SIGTERM)
        _await_end([root], grace_seconds)
    # What it started meanwhile counts too; none of it has anything left to finish.
    family = list({process.pid: process for process in [*family, *_family(background)]}.values())
    for process in family:
        _signal(process, signal.SIGKILL)
    _await_end(family, GRACE_SECONDS)


def _start_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return time.time()


def _root(background: Background) -> psutil.Process | None:
    try:
        process = psutil.Process(background.pid)
        same = abs(process.create_time() - background.started) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _family(background: Background) -> Iterator[psutil.Process]:
    """Yield the process, its descendants, and the rest of its session if it died before them."""
    root = _root(background)
    if root is not None:
        yield root
        with suppress(psutil.NoSuchProcess):
            yield from root.children(recursive=True)
    elif psutil.pid_exists(background.pid) and not _is_zombie(background.pid):
        return  # The id belongs to a stranger now, so the session ended long ago.
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == background.pid and not _is_zombie(process.pid):
                yield process


def _await_end(processes: Sequence[psutil.Process], seconds: float) -> None:
    wait_for(lambda: all(map(_has_ended, processes)), deadline_seconds=seconds)


def _has_ended(process: psutil.Process) -> bool:
    """Tell whether it is gone; one that ended and is not yet reaped by its parent is gone too."""
    if not _is_zombie(process.pid):
        return not process.is_running()
    with suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
        process.wait(0)  # reaps it if we are the parent
    return True


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
