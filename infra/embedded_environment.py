"""The embedded cloud's own Python: made once, shared by all local stacks.

Two parts that must not meet. Functions run on this interpreter, so it is a bare one: a package
missing from the deployment zip is missing here as it would be in Lambda. The cloud's packages lie
beside it, where only `embedded_launcher.py` looks.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from infra.errors import OperatorError
from infra.locks import exclusive
from infra.paths import EMBEDDED_ENVIRONMENTS

REQUIREMENTS = Path(__file__).with_name("embedded-requirements.txt")
_INSTALL_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class EmbeddedEnvironment:
    """Where the bare interpreter and the cloud's packages are."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter that runs the cloud and the functions."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The folder with the cloud and what it needs."""
        return self.folder / "packages"


def ensure(environments: Path = EMBEDDED_ENVIRONMENTS) -> EmbeddedEnvironment:
    """Return the environment for these requirements and this Python; make it when it is missing."""
    environment = EmbeddedEnvironment(environments / _key())
    if environment.folder.exists():
        return environment
    with exclusive(environments / "lock", wait=True, busy=""):
        if not environment.folder.exists():
            _make(environment)
    return environment


def _key() -> str:
    """Name what the environment is made from: another key is another environment."""
    made_from = REQUIREMENTS.read_bytes() + sys.version.encode() + sysconfig.get_platform().encode()
    return hashlib.sha256(made_from).hexdigest()[:12]


def _make(environment: EmbeddedEnvironment) -> None:
    """Make it aside and rename it into place, so that a broken one is never found."""
    aside = EmbeddedEnvironment(environment.folder.with_name(f"making-{os.getpid()}"))
    shutil.rmtree(aside.folder, ignore_errors=True)
    try:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(aside.folder)
        _install(aside.packages)
        aside.folder.rename(environment.folder)
    finally:
        shutil.rmtree(aside.folder, ignore_errors=True)


def _install(packages: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Every package is pinned in the file, so nothing is left to resolve.
    command += ["--no-deps", "--target", str(packages), "--requirement", str(REQUIREMENTS)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise OperatorError("Installing the embedded cloud took over ten minutes.") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise OperatorError(f"The embedded cloud could not be installed: {errors[-1]}")
