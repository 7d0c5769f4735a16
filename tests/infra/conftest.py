"""The package as it would go to AWS, built once for all tests that look at it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.package import Package, build, load_template

# A stage that is not the local one: the package is what Lambda would run.
STAGE = "prod"

Resources = Callable[[str], dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("package"), stage=STAGE, report=lambda _: None)


@pytest.fixture(scope="session")
def template(package: Package) -> dict[str, Any]:
    return load_template(package)


@pytest.fixture(scope="session")
def of_type(template: dict[str, Any]) -> Resources:
    """Resources of a type: logical id to properties."""

    def find(resource_type: str) -> dict[str, dict[str, Any]]:
        return {
            logical_id: resource["Properties"]
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == resource_type
        }

    return find


@pytest.fixture(scope="session")
def functions(of_type: Resources) -> dict[str, dict[str, Any]]:
    return of_type("AWS::Serverless::Function")


@pytest.fixture(scope="session")
def lint(package: Package) -> subprocess.CompletedProcess[str]:
    script = "import sys; from cfnlint.runner import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "--", str(package.template_path)]
    return subprocess.run(  # noqa: S603 - this interpreter, on a file of ours
        command, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="session")
def project() -> Path:
    return Path(__file__).resolve().parents[2]
