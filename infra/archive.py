"""Zip files that depend on their contents alone: the same sources make the same bytes."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from infra.errors import OperatorError

# The zip format knows no earlier time. Lambda unpacks it as it stands, so every file looks
# older than any other: Python would distrust bytecode that is checked by time.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644
_LEVEL = 6


def compile_bytecode(folder: Path, *, keep_sources: bool = True) -> None:
    """Write bytecode beside every source below `folder`, to be used without looking at it.

    Or in its place, which makes the package a fifth smaller: tracebacks then name the line of a
    library, but do not show it. In an interpreter of its own with a fixed hash seed, because the
    order of constants in bytecode depends on it.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-f"]
    if not keep_sources:
        command.append("-b")
    command += ["--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the path that Lambda unpacks to.
    command += ["-s", str(folder), "-p", "/var/task", str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise OperatorError(f"The code does not compile: {_last_line(done.stdout or done.stderr)}")
    if not keep_sources:
        for source in list(folder.rglob("*.py")):
            source.unlink()


def write_zip(target: Path, folders: Iterable[Path]) -> None:
    """Pack the files of `folders` side by side; a path that two of them have is an error."""
    files: dict[str, Path] = {}
    for folder in folders:
        for name, path in _files(folder):
            if name in files:
                raise OperatorError(f"{name} comes from the service and from a dependency.")
            files[name] = path
    aside = target.with_name(f"{target.name}.{os.getpid()}.writing")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            for name in sorted(files):
                archive.writestr(_entry(name), files[name].read_bytes())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix: where the mode is understood
    entry.external_attr = (0o100000 | _MODE) << 16
    return entry


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
