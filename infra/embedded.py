"""The embedded cloud: one MiniStack process on a loopback port, with its files in one folder."""

import os
import shutil
from pathlib import Path

import httpx
from pydantic import BaseModel

from infra import embedded_environment, processes
from infra.errors import OperatorError
from infra.ports import LOOPBACK, free_port
from infra.processes import Background, Started
from infra.waiting import wait_for

REGION = "us-east-1"
READY_SECONDS = 30.0
_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")
# Another program may take the free port before MiniStack does.
_PORT_ATTEMPTS = 3


class EmbeddedCloud(BaseModel):
    """A running embedded cloud."""

    process: Background
    endpoint_url: str
    files: Path


def prepare() -> None:
    """Install what the cloud needs; at once when that was done before."""
    embedded_environment.ensure()


def start(folder: Path) -> tuple[EmbeddedCloud, Started]:
    """Start the cloud and wait until it answers."""
    environment = embedded_environment.ensure()
    files = folder / "cloud"
    log = folder / "cloud.log"
    log.unlink(missing_ok=True)
    for _ in range(_PORT_ATTEMPTS):
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir(parents=True)
        port = free_port()
        started = processes.start(
            [str(environment.python), "-I", str(_LAUNCHER), str(environment.packages)],
            environment=_environment(port, files),
            folder=files,
            log=log,
        )
        endpoint_url = f"http://{LOOPBACK}:{port}"
        cloud = EmbeddedCloud(process=started.background, endpoint_url=endpoint_url, files=files)
        if _becomes_ready(cloud, started):
            return cloud, started
        stop(cloud)
        started.forget()
        if "already in use" not in log.read_text(errors="replace"):
            break
    raise OperatorError(
        f"The embedded cloud did not start: {processes.last_words(log)}; its log is {log}"
    )


def stop(cloud: EmbeddedCloud) -> None:
    """End the cloud, the functions it runs, and its files."""
    # Nothing it holds is to be kept, so nothing is worth waiting for.
    processes.stop(cloud.process, grace_seconds=0)
    shutil.rmtree(cloud.files, ignore_errors=True)


def _environment(port: int, files: Path) -> dict[str, str]:
    """Return all that the cloud and its functions see: nothing of the caller's environment."""
    return {
        # Functions inherit this, so a credential or a proxy of ours must not be in it.
        "PATH": os.defpath,
        "HOME": str(files),
        "TMPDIR": str(files),
        "LANG": "C.UTF-8",
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "LAMBDA_EXECUTOR": "local",
        # Two listeners on all interfaces that this stack has no use for.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "S3_DATA_DIR": str(files / "s3"),
        "STATE_DIR": str(files / "state"),
        # No container engine is looked for.
        "DOCKER_HOST": f"unix://{files}/no-docker.sock",
    }


def _becomes_ready(cloud: EmbeddedCloud, started: Started) -> bool:
    wait_for(lambda: started.has_ended() or _answers(cloud), deadline_seconds=READY_SECONDS)
    return not started.has_ended() and _answers(cloud)


def _answers(cloud: EmbeddedCloud) -> bool:
    try:
        answer = httpx.get(f"{cloud.endpoint_url}/_ministack/ready", timeout=2, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success
