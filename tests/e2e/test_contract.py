"""The deployed service against its own document: schemathesis, all checks, each kind of caller."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.domain.access import BUS_SCOPES, DEPARTMENTS, Scope
from infra import local
from infra.local import RunningStack

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

#: Longer than a run takes, and short enough that one that hangs is told of.
DEADLINE_SECONDS = 600

#: Boundaries take most of the time and do not depend on who calls: once is enough.
ALL_PHASES = "examples,coverage,fuzzing,stateful"
WITHOUT_BOUNDARIES = "examples,fuzzing,stateful"


@dataclass(frozen=True)
class Caller:
    """Somebody of whom the limits are tried; the later ones find what the earlier ones made."""

    role: str
    phases: str


CALLERS = (
    Caller("Finance Clerk", WITHOUT_BOUNDARIES),
    Caller("Finance Admin", ALL_PHASES),
    Caller("SuperAdmin", WITHOUT_BOUNDARIES),
)


@pytest.fixture(scope="module")
def roomy() -> Iterator[RunningStack]:
    """A stack of its own, where nobody calls too often and nobody minds what is left behind."""
    plenty = str(10**9)
    limits = {"RATE_LIMIT_MAX_REQUESTS": plenty, "RATE_LIMIT_MAX_CREATIONS": plenty}
    with local.running(f"contract-{os.getpid()}", environment=limits) as stack:
        yield stack


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.role)
def test_every_answer_to_a_person_is_as_the_document_says(
    roomy: RunningStack, caller: Caller, tmp_path: Path
) -> None:
    proof = f"Authorization: Bearer {token(roomy, caller.role)}"
    explore(roomy, caller.phases, proof=proof, other_proof="x-api-key", folder=tmp_path)


def test_every_answer_to_a_service_is_as_the_document_says(
    roomy: RunningStack, tmp_path: Path
) -> None:
    proof = f"x-api-key: {api_key(roomy)}"
    explore(roomy, WITHOUT_BOUNDARIES, proof=proof, other_proof="Authorization", folder=tmp_path)


def token(stack: RunningStack, role: str) -> str:
    sub = role.lower().replace(" ", "-")
    return stack.token(role, sub=sub, name=sub)


def api_key(stack: RunningStack) -> str:
    """Return a key that is good for all that keys are good for."""
    scopes = [scope for scope in Scope if scope not in BUS_SCOPES]
    asked = {"name": "Contract", "scopes": scopes, "departments": [*DEPARTMENTS]}
    with stack.http(token(stack, "SuperAdmin")) as http:
        return str(http.post("/api-keys", json=asked).json()["data"]["key"])


def explore(
    stack: RunningStack, phases: str, *, proof: str, other_proof: str, folder: Path
) -> None:
    """Run schemathesis as whom `proof`, a header, proves; what it finds fails the test."""
    command = [sys.executable, "-m", "schemathesis.cli"]
    command += ["--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{stack.api_url}/openapi.json", "--phases", phases]
    command += ["--header", proof]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.e2e.contract_hooks",
        "CONTRACT_RECEIVER_URL": f"{stack.receiver.url}/contract",
        "CONTRACT_OTHER_PROOF": other_proof,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(  # noqa: S603 - this interpreter, on a module of a pinned library
        command,
        cwd=folder,  # it leaves notes where it runs
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
