"""What the tests of infra/ share: the package as it would go to AWS, and stand-ins that run."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import processes, services_process
from infra.package import Package, build, load_template
from infra.standin_client import ServicesClient
from infra.standins import Behaviour

# A stage that is not the local one: the package is what Lambda would run.
STAGE = "prod"

FINANCE_KEY = "finance-key"
AUDIT_KEY = "audit-key"

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


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicesClient]:
    host, started = services_process.start(
        Path(tmp_path_factory.mktemp("host")),
        endpoint_url="http://127.0.0.1:1",
        front_port=0,
        finance_api_key=FINANCE_KEY,
        audit_api_key=AUDIT_KEY,
    )
    with ServicesClient(host.ports) as client:
        yield client
    processes.stop(host.process)
    started.forget()


@pytest.fixture
def services(host: ServicesClient) -> Iterator[ServicesClient]:
    yield host
    for standin in (host.finance, host.audit, host.receiver):
        standin.start()
        standin.behave(Behaviour())
        standin.forget()
