"""Starting the host process of the front and the stand-ins."""

import os
import sys
from pathlib import Path

from pydantic import BaseModel

from infra import processes
from infra.errors import OperatorError
from infra.paths import ROOT
from infra.processes import Background, Started
from infra.services import KEY_VARIABLES, Ports
from infra.waiting import wait_for

READY_SECONDS = 30.0


class HostProcess(BaseModel):
    """The running host process of the front and the stand-ins."""

    process: Background
    ports: Ports


def start(
    folder: Path,
    *,
    endpoint_url: str,
    front_port: int,
    or_any_port: bool = False,
    finance_api_key: str,
    audit_api_key: str,
) -> tuple[HostProcess, Started]:
    """Start it and wait until all its services listen; its files go to `folder`.

    Port 0 is any free one, and so is a port that is taken if `or_any_port`: who starts us cannot
    know that it still is free when we get to it.
    """
    ready = folder / "services.json"
    log = folder / "services.log"
    for stale in (ready, log):
        stale.unlink(missing_ok=True)
    command = [sys.executable, "-m", "infra.services", "--ready", str(ready)]
    command += ["--front-port", str(front_port), "--endpoint-url", endpoint_url]
    command += ["--or-any-port"] if or_any_port else []
    started = processes.start(
        command,
        # The keys go by the environment: arguments are visible to everyone.
        environment={
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            KEY_VARIABLES["finance"]: finance_api_key,
            KEY_VARIABLES["audit"]: audit_api_key,
        },
        folder=ROOT,
        log=log,
    )
    wait_for(lambda: ready.exists() or started.has_ended(), deadline_seconds=READY_SECONDS)
    if started.has_ended() or not ready.exists():
        processes.stop(started.background)
        started.forget()
        raise OperatorError(
            f"The stand-ins and the front did not start: {processes.last_words(log)};"
            f" their log is {log}"
        )
    ports = Ports.model_validate_json(ready.read_text())
    return HostProcess(process=started.background, ports=ports), started
