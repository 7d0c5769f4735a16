"""What each function costs a CPU, cold and warm, beside its floor: raw botocore of the same zip."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from infra.local import RunningStack
from infra.package import build
from infra.paths import ROOT

PROBE = Path(__file__).with_name("probe.py")
EVENTS = ROOT / "events"

COLD_STARTS = 9
WARM_CALLS = 300
PROBE_SECONDS = 300

#: The functions by the end of their names, each with the call that its record begins with, and
#: how many changes that tells of. Jobs and partners' messages come rarely: only their start counts.
FIRST_CALLS = {
    "api": "create",
    "relay": "batch",
    "webhooks": "batch",
    "audit": "batch",
    "notifications": "batch",
    "finance": "batch",
    "jobs": None,
    "inbound": None,
}
#: The request of the sample events, and another one of which no worker has heard.
SAMPLE_ID = "20260000777"

COLD_AIMS = {"api": 1.25}
COLD_AIM_OF_WORKERS = 1.15
WARM_AIMS = {"create": 1.3, "submit": 1.3, "approve": 1.3, "get": 1.2, "list": 1.2}
MEGABYTES_AIM = 128


@dataclass(frozen=True)
class Ratio:
    """CPU seconds of ours, and of the floor."""

    ours: float
    floor: float

    @property
    def times(self) -> float:
        """How many times the floor ours is."""
        return self.ours / self.floor


@dataclass
class Costs:
    """What was found of one function; `records` are the changes in a worker's batch."""

    imported: Ratio
    answered: Ratio | None
    megabytes: float
    records: int = 1
    warm: dict[str, Ratio] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What was found of all functions, and how large their zip is (bytes)."""

    functions: dict[str, Costs]
    zip_bytes: int


def measure(stack: RunningStack) -> Found:
    """Return the costs of each function, on a stack that answers for AWS and for partners."""
    with _unpacked() as (folder, zip_bytes), TemporaryDirectory() as kept:
        functions = _deployed(stack)
        recordings: dict[str, str | None] = dict.fromkeys(functions)
        for name, (target, environment) in functions.items():
            if FIRST_CALLS[name]:
                recordings[name] = f"{kept}/{name}"
                script = "main job" if name == "api" else "sample"
                given = {"target": target, "script": script, "keep_in": recordings[name]}
                _probe(folder, "record", environment, given)
        found = {
            name: _costs(name, folder, functions[name], recording)
            for name, recording in recordings.items()
        }
        return Found(found, zip_bytes)


def _costs(
    name: str, folder: Path, function: tuple[str, dict[str, str]], recording: str | None
) -> Costs:
    target, environment = function
    call = FIRST_CALLS[name]
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "floor": []}
    for _ in range(COLD_STARTS):  # by turns, so that both see the same machine
        for side, started in (("ours", target), ("floor", None)):
            given = {"target": started, "recording": recording, "call": call}
            runs[side].append(_probe(folder, "cold", environment, given))

    def ratio(what: str) -> Ratio:
        return Ratio(*(median(run[what] for run in runs[side]) for side in ("ours", "floor")))

    costs = Costs(
        imported=ratio("imported"),
        answered=ratio("answered") if recording else None,
        megabytes=max(run["megabytes"] for run in runs["ours"]),
    )
    if recording:
        called = {"target": target, "recording": recording, "calls": WARM_CALLS}
        warm = _probe(folder, "warm", environment, called)
        costs.megabytes = max(costs.megabytes, warm.pop("megabytes"))
        costs.warm = {each: Ratio(**spent) for each, spent in warm.items() if each != "health"}
    if name != "api" and call:
        costs.records = len(json.loads((EVENTS / f"{name}.json").read_text())["Records"])
    return costs


def _deployed(stack: RunningStack) -> dict[str, tuple[str, dict[str, str]]]:
    """Return each function's handler and environment, as the stack has them."""
    lambdas = boto3.client(
        "lambda",
        endpoint_url=stack.endpoint_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the embedded cloud's, which takes any
    )
    known = {each["FunctionName"]: each for each in lambdas.list_functions()["Functions"]}
    found = {}
    for name in FIRST_CALLS:
        function = known[f"{stack.stack_name}-{name}"]
        found[name] = (
            function["Handler"],
            function["Environment"]["Variables"] | _around(stack, name),
        )
    return found


def _around(stack: RunningStack, name: str) -> dict[str, str]:
    """Return what a function's process has besides its own variables, and what the probe needs."""
    return {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "CLERK_TOKEN": stack.token("Finance Clerk", sub="u-clerk", name="clerk"),
        "ADMIN_TOKEN": stack.token("Finance Admin", sub="u-admin", name="admin"),
        "SAMPLE": str(EVENTS / f"{name}.json"),
        "SAMPLE_ID": SAMPLE_ID,
    }


@contextmanager
def _unpacked() -> Iterator[tuple[Path, int]]:
    """Unpack the zip as it runs on this machine, and say how large it was."""
    with TemporaryDirectory() as target:
        package = build(Path(target), stage="local", report=lambda _: None)
        folder = Path(target) / "task"
        with zipfile.ZipFile(package.zip_path) as archive:
            archive.extractall(folder)
        yield folder, package.zip_path.stat().st_size


def _probe(
    folder: Path, do: str, environment: Mapping[str, str], given: Mapping[str, object]
) -> dict[str, Any]:
    """Have a process that has nothing but the zip do something; raises RuntimeError."""
    done = subprocess.run(  # noqa: S603 - this interpreter, on a program of ours
        [sys.executable, "-I", "-S", "-B", str(PROBE), str(folder)],
        input=json.dumps({"do": do, "environment": environment, "with": given}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PROBE_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
