"""What the functions import besides our own code: installed once a change, trimmed, compiled."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from infra import archive, botocore_data
from infra.archive import compile_bytecode
from infra.errors import OperatorError

# What Lambda's x86_64 runtimes run.
LAMBDA_PLATFORM = "manylinux2014_x86_64"
# The stage whose functions run on this very machine and interpreter.
LOCAL_STAGE = "local"

# Of Powertools, its logger is used, and with it what it imports.
_UNUSED_UTILITIES = (
    "auth_alpha",
    "batch",
    "circuit_breaker",
    "data_classes",
    "data_masking",
    "feature_flags",
    "idempotency",
    "kafka",
    "metadata",
    "parameters",
    "parser",
    "streaming",
    "validation",
)

# Nothing imports these: scripts, metadata of packages, their own tests; parts of libraries that
# the functions have no use for. Types and browser files, by what their names end with.
_UNUSED_FOLDERS = (
    "bin",
    "*.dist-info",
    "**/__pycache__",
    "**/tests",
    "aws_lambda_powertools/event_handler",
    *(f"aws_lambda_powertools/utilities/{name}" for name in _UNUSED_UTILITIES),
    "dateutil/zoneinfo",  # the system's own is used
    "pydantic/v1",
    "urllib3/contrib/emscripten",
)
_UNUSED_FILES = (
    "annotated_types/test_cases.py",
    "botocore/cacert.pem",  # certifi's is used where there is one
)
_UNUSED_SUFFIXES = frozenset({".css", ".js", ".pyi", ".typed"})

_INSTALL_TIMEOUT_SECONDS = 600

# What is made changes with these.
_MADE_BY = (__file__, archive.__file__, botocore_data.__file__)


def dependencies(
    requirements: Path, cache: Path, *, stage: str, report: Callable[[str], None]
) -> Path:
    """Return the folder with all that `requirements` names, ready to be packed."""
    platform = None if stage == LOCAL_STAGE else LAMBDA_PLATFORM
    folder = cache / _key(requirements, platform)
    if folder.exists():
        return folder
    report("Installing what the functions need")
    # Made aside and renamed into place, so that a broken or half-made one is never found.
    aside = folder.with_name(f"making-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _install(requirements, aside, platform)
        _trim(aside)
        compile_bytecode(aside, keep_sources=False)
        _rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _key(requirements: Path, platform: str | None) -> str:
    """Name what the folder is made from, and by what code: another key is another folder."""
    made_from = (
        *(Path(source).read_bytes() for source in _MADE_BY),
        requirements.read_bytes(),
        sys.version.encode(),
        (platform or sysconfig.get_platform()).encode(),
    )
    return hashlib.sha256(b"\0".join(made_from)).hexdigest()[:16]


def _install(requirements: Path, folder: Path, platform: str | None) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    command += ["--disable-pip-version-check", "--no-warn-script-location"]
    # Every package is pinned in the file, so nothing is left to resolve.
    command += ["--no-deps", "--target", str(folder), "--requirement", str(requirements)]
    if platform is not None:
        command += ["--platform", platform, "--only-binary=:all:"]
        command += ["--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_INSTALL_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise OperatorError("Installing what the functions need took over ten minutes.") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["pip gave no reason"]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise OperatorError(f"What the functions need could not be installed: {errors[-1]}")


def _trim(folder: Path) -> None:
    for pattern in _UNUSED_FOLDERS:
        for unused in list(folder.glob(pattern)):
            shutil.rmtree(unused, ignore_errors=True)
    for name in _UNUSED_FILES:
        (folder / name).unlink()
    for path in list(folder.rglob("*")):
        if path.suffix in _UNUSED_SUFFIXES or path.name == "py.typed":
            path.unlink()
    botocore_data.cut(folder / "botocore" / "data")


def _rename(aside: Path, folder: Path) -> None:
    try:
        aside.rename(folder)
    except OSError:
        # Somebody else made the same one meanwhile; theirs is as good.
        if not folder.exists():
            raise
