import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra import embedded, embedded_environment, processes
from infra.embedded import EmbeddedCloud
from infra.ports import LOOPBACK, listening_ports

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Iterator[EmbeddedCloud]:
    cloud, started = embedded.start(folder)
    yield cloud
    embedded.stop(cloud)
    started.forget()


def test_the_cloud_listens_on_one_loopback_port_and_nowhere_else(cloud: EmbeddedCloud) -> None:
    port = int(cloud.endpoint_url.rsplit(":", 1)[1])

    assert listening_ports(cloud.process.pid) == {(LOOPBACK, port)}


def test_the_cloud_enforces_permissions(cloud: EmbeddedCloud) -> None:
    health = httpx.get(f"{cloud.endpoint_url}/_ministack/health").json()

    assert health["auth"] == "enabled"


def test_the_cloud_sees_nothing_of_our_environment(cloud: EmbeddedCloud) -> None:
    environ = Path(f"/proc/{cloud.process.pid}/environ")
    if not environ.exists():
        pytest.skip("only Linux shows a process's environment")

    names = {entry.split("=", 1)[0] for entry in environ.read_text().split("\0") if entry}

    assert names.isdisjoint(os.environ.keys() - {"PATH", "HOME", "TMPDIR", "LANG"})


def test_functions_find_no_package_that_they_do_not_bring() -> None:
    python = embedded_environment.ensure().python
    for package in ("botocore", "pydantic", "ministack", "pip", "chalice"):
        done = subprocess.run(  # noqa: S603 - a program written here
            [python, "-c", f"import {package}"], capture_output=True, check=False
        )

        assert b"ModuleNotFoundError" in done.stderr, package


def test_a_stopped_cloud_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    cloud, started = embedded.start(tmp_path)

    embedded.stop(cloud)
    started.forget()

    assert not processes.is_running(cloud.process)
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.log"]
