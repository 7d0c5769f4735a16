"""Lambda imports a worker's module alone: it must stand, and pay for nothing it does not use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.handlers.http.routes import DECLARED

PROJECT = Path(__file__).parents[2]
WORKERS = ("relay", "webhooks", "audit", "notifications", "finance", "jobs", "inbound")

#: Heavy or foreign; each is imported by the builder that needs it, not by a handler's module.
#: (Powertools imports the bare `botocore`, which is quick, to see whether it is there.)
LATE = {"boto3", "botocore.session", "pynamodb", "requests", "jwt", "moto"}

IMPORT = """
module = __import__("chalicelib.handlers.NAME", fromlist=["NAME"])
assert callable(module.NAME)
"""
REPORT = """
import json, sys
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(program: str, **environment: str) -> set[str]:
    """Run a program in a process of its own; return all that it imported."""
    done = subprocess.run(  # noqa: S603 - this interpreter, on the texts of this module
        [sys.executable, "-W", "error", "-c", program + REPORT],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))  # before it stand lines of metrics


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_stands_alone(name: str) -> None:
    loaded = loaded_by(IMPORT.replace("NAME", name))

    others = {f"chalicelib.handlers.{other}" for other in WORKERS if other != name}
    assert not loaded & {"app", "chalicelib.handlers.http.api", *others}
    assert not loaded & LATE
    assert not {module for module in loaded if module.startswith("chalicelib.adapters.")}


def test_the_relay_pays_for_no_table_and_no_partner() -> None:
    program = IMPORT.replace("NAME", "relay") + 'module.relay({"Records": []}, None)'

    loaded = loaded_by(
        program,
        STAGE="test",
        LOG_LEVEL="ERROR",
        EVENT_BUS_NAME="bus",
        BUS_SIGNING_KEY="k" * 32,
        TOLD_TABLE="told",
        BUS_SEAL_KEY="s" * 64,
    )

    assert "chalicelib.adapters.bus" in loaded
    assert not loaded & {"pynamodb", "requests", "jwt", "boto3"}


def test_the_api_pays_for_no_worker() -> None:
    loaded = loaded_by("import app", AWS_LAMBDA_FUNCTION_NAME="api")

    assert "chalicelib.handlers.http.routes" in loaded
    assert not loaded & {f"chalicelib.handlers.{name}" for name in WORKERS}
    assert not loaded & LATE - {"jwt"}


def test_the_api_starts_without_the_modules_of_its_routes() -> None:
    loaded = loaded_by("import app", AWS_LAMBDA_FUNCTION_NAME="api")

    assert not loaded & {f"chalicelib.handlers.http.{module}" for module in DECLARED}


@pytest.mark.parametrize("module", DECLARED)
def test_a_module_of_routes_can_be_the_first_that_is_called(module: str) -> None:
    name = f"chalicelib.handlers.http.{module}"

    loaded = loaded_by(f"import app, {name}", AWS_LAMBDA_FUNCTION_NAME="api")

    assert name in loaded
