"""What each function costs a CPU, cold and warm, beside its floor: raw botocore of the same zip."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from bench import messages
from infra.local import RunningStack
from infra.package import build

PROBE = Path(__file__).with_name("probe.py")

COLD_STARTS = 9
#: Warm calls are measured in so many processes of each function, odd so that one is in the middle:
#: how memory and the machine's caches happen to lie differs more between processes than within one.
WARM_PROCESSES = 5
#: Calls of each kind in one of these processes, by each side.
WARM_CALLS = 60
PROBE_SECONDS = 300
#: So many certificates are what the services that are called would need.
FEW_CERTIFICATES = 5

#: The functions by the end of their names, each with the call that its first answer is to.
FIRST_CALLS = {"api": "create"} | dict.fromkeys(messages.SAMPLES, "batch")

COLD_AIMS = {"api": 1.25}
COLD_AIM_OF_WORKERS = 1.15
WARM_AIMS = {"create": 1.3, "submit": 1.3, "approve": 1.3, "get": 1.2, "list": 1.2}
MEGABYTES_AIM = 128
ZIP_MEGABYTES_AIM = 8.5


#: A function's handler, and its environment.
Function = tuple[str, dict[str, str]]


@dataclass(frozen=True)
class Ratio:
    """CPU seconds of ours, and of the floor."""

    ours: float
    floor: float

    @property
    def times(self) -> float:
        """How many times the floor ours is."""
        return self.ours / self.floor


@dataclass(frozen=True)
class Measured:
    """A ratio as several processes found it, each by the lower quartiles of its calls."""

    ratios: tuple[Ratio, ...]

    @property
    def middle(self) -> Ratio:
        """The one in the middle, whole: its seconds belong to its ratio."""
        return self._ordered()[len(self.ratios) // 2]

    @property
    def lowest(self) -> float:
        """The times of the process that found the fewest."""
        return self._ordered()[0].times

    @property
    def highest(self) -> float:
        """The times of the process that found the most."""
        return self._ordered()[-1].times

    def _ordered(self) -> list[Ratio]:
        return sorted(self.ratios, key=lambda ratio: ratio.times)


@dataclass
class Costs:
    """What was found of one function; `records` are the changes in a worker's batch.

    `imported` is CPU seconds, without any client, which each function makes at its first call.
    `validating` is `ready` beside a floor that has pydantic as well, and one model.
    `lean` are the warm calls beside a floor whose clients are set as ours are.
    """

    imported: float
    ready: Ratio
    validating: Ratio
    answered: Ratio
    megabytes: float
    records: int = 1
    warm: dict[str, Measured] = field(default_factory=dict)
    lean: dict[str, Measured] = field(default_factory=dict)


@dataclass(frozen=True)
class Unpacked:
    """The functions' zip, unpacked, and how large it was (bytes)."""

    folder: Path
    zip_bytes: int


@dataclass(frozen=True)
class Found:
    """What was found of all functions, how large their zip is (bytes), and what was tried."""

    functions: dict[str, Costs]
    zip_bytes: int
    trials: dict[str, Ratio]


def measure(stack: RunningStack, package: Unpacked) -> Found:
    """Return the costs of each function, on a stack that answers for AWS and for partners."""
    batches, functions = messages.given(stack), deployed(stack)
    folder = package.folder
    with TemporaryDirectory() as kept:
        recordings = {name: f"{kept}/{name}" for name in functions}
        for name, (target, environment) in functions.items():
            given = {"target": target, "batch": batches.get(name), "keep_in": recordings[name]}
            probe(folder, "record", environment, given)
        found = {
            name: _cold(name, folder, function, recordings[name])
            for name, function in functions.items()
        }
        for name, costs in found.items():
            costs.records = len(batches.get(name, {}).get("Records", [1]))
        _warm(found, folder, functions, recordings)
        trials = _trials(folder, functions["api"], recordings["api"])
    return Found(found, package.zip_bytes, trials)


def _cold(name: str, folder: Path, function: Function, recording: str) -> Costs:
    target, environment = function
    given = {"recording": recording, "call": FIRST_CALLS[name]}
    orders: list[dict[str, Any]] = [
        given | {"target": target},
        given | {"target": None},
        given | {"target": None, "validates": True},
    ]
    ours, floor, validating = _by_turns(folder, environment, orders)
    return Costs(
        imported=ours["imported"],
        ready=Ratio(ours["ready"], floor["ready"]),
        validating=Ratio(ours["ready"], validating["ready"]),
        answered=Ratio(ours["answered"], floor["answered"]),
        megabytes=ours["megabytes"],
    )


def _warm(
    found: Mapping[str, Costs],
    folder: Path,
    functions: Mapping[str, Function],
    recordings: Mapping[str, str],
) -> None:
    """Add the warm calls to what was found, a process of each function in each round.

    So what else the machine does for a minute meets one process of each, and none whole.
    """
    runs: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in functions}
    for _ in range(WARM_PROCESSES):
        for name, (target, environment) in functions.items():
            called = {"target": target, "recording": recordings[name], "calls": WARM_CALLS}
            run = probe(folder, "warm", environment, called)
            found[name].megabytes = max(found[name].megabytes, run.pop("megabytes"))
            run.pop("health", None)
            runs[name].append(run)
    for name, of_one in runs.items():
        found[name].warm = _measured(of_one, "floor")
        found[name].lean = _measured(of_one, "lean")


def _measured(runs: Sequence[dict[str, dict[str, float]]], floor: str) -> dict[str, Measured]:
    return {
        call: Measured(tuple(Ratio(run[call]["ours"], run[call][floor]) for run in runs))
        for call in runs[0]
    }


def _trials(folder: Path, function: Function, recording: str) -> dict[str, Ratio]:
    """Return the first answer of the API with what might be worth while, beside it as it is."""
    target, environment = function
    given = {"target": target, "recording": recording, "call": FIRST_CALLS["api"]}
    kinds = ("as it is", "off", "frozen")
    orders = [given | {"collector": kind} for kind in kinds]
    as_it_is, off, frozen = (run["answered"] for run in _by_turns(folder, environment, orders))
    asked = {"recording": recording, "call": FIRST_CALLS["api"], "few": FEW_CERTIFICATES}
    trust = [probe(folder, "trust", environment, asked) for _ in range(COLD_STARTS)]
    of_all, of_few = (median(run[which] for run in trust) for which in ("all", "few"))
    over_tls = as_it_is + of_all  # AWS is played without TLS
    return {
        "the garbage collector off until then": Ratio(off, as_it_is),
        "what was imported frozen out of its sight": Ratio(frozen, as_it_is),
        f"{FEW_CERTIFICATES} certificates trusted, not all": Ratio(as_it_is + of_few, over_tls),
        f"certificates read for each of {trust[0]['connections']} connections, not once": Ratio(
            as_it_is + trust[0]["connections"] * of_all, over_tls
        ),
    }


def _by_turns(
    folder: Path, environment: Mapping[str, str], orders: Sequence[dict[str, Any]]
) -> list[dict[str, float]]:
    """Return the medians of cold starts of each kind, by turns: all see the same machine."""
    runs: list[list[dict[str, Any]]] = [[] for _ in orders]
    for _ in range(COLD_STARTS):
        for kept, order in zip(runs, orders, strict=True):
            kept.append(probe(folder, "cold", environment, order))
    return [{what: median(run[what] for run in each) for what in each[0]} for each in runs]


def deployed(stack: RunningStack) -> dict[str, Function]:
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
        "HOOK_URL": f"{stack.receiver.url}/bench",
        "ROOT_TOKEN": stack.token("SuperAdmin", sub="u-root", name="root"),
    }


@contextmanager
def unpacked() -> Iterator[Unpacked]:
    """Unpack the zip as it runs on this machine."""
    with TemporaryDirectory() as target:
        package = build(Path(target), stage="local", report=lambda _: None)
        folder = Path(target) / "task"
        with zipfile.ZipFile(package.zip_path) as archive:
            archive.extractall(folder)
        yield Unpacked(folder, package.zip_path.stat().st_size)


def probe(
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
