"""Ask PyPI, by pip-audit, for known vulnerabilities of what is pinned; say what was not asked.

`python -m infra.advisories [--strict] PIP-AUDIT FILE…`
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer
from pydantic import BaseModel, ValidationError

#: Has advisories since 2018. Who says nothing of it serves none: a mirror of packages, say, which
#: pip-audit would take for good news.
CANARY = "requests==2.19.0"

FIRST_ANSWER_SECONDS = 5.0  # what the gate waits for where there is no network
_DEADLINE_SECONDS = 600.0  # for all answers, once there was one
_SOCKET_SECONDS = "3"


class _Vulnerability(BaseModel):
    id: str
    aliases: tuple[str, ...] = ()
    fix_versions: tuple[str, ...] = ()


class _Package(BaseModel):
    name: str
    version: str = ""
    vulns: tuple[_Vulnerability, ...] = ()
    skip_reason: str = ""


class _Found(BaseModel):
    dependencies: tuple[_Package, ...]


class _NotAuditedError(Exception):
    """Nothing is known, and why."""


class _UnreadableError(Exception):
    """The pins are at fault, not the way to PyPI."""


def audit(
    pip_audit: Path,
    files: Sequence[Path],
    *,
    strict: bool,
    first_answer_seconds: float = FIRST_ANSWER_SECONDS,
) -> int:
    """Tell what is known of the pins in `files`, and return the exit code.

    1 for a known vulnerability and for pins that cannot be read. What could not be asked is told in
    a line, and is 1 where the audit is `strict`.
    """
    try:
        _ask_of_canary(pip_audit, first_answer_seconds)
        # One at a time: the same package may be pinned differently in two of them.
        answers = [_ask_of_pins(pip_audit, file) for file in files]
    except _NotAuditedError as reason:
        _tell(f"Nothing was audited: {reason}. `make audit` asks again, and fails then.")
        return int(strict)
    except _UnreadableError as reason:
        _tell(f"The pins cannot be read: {reason}")
        return 1
    packages = [package for answer in answers for package in answer.dependencies]
    vulnerable = [package for package in packages if package.vulns]
    unasked = [package.name for package in packages if package.skip_reason]
    for package in vulnerable:
        for each in package.vulns:
            aliases = f" ({', '.join(each.aliases)})" if each.aliases else ""
            mended = (
                f"mended in {', '.join(each.fix_versions)}" if each.fix_versions else "unmended"
            )
            _tell(f"{package.name} {package.version}: {each.id}{aliases}, {mended}")
    if unasked:
        _tell(f"Not audited, {len(unasked)} of {len(packages)}: {', '.join(unasked)}.")
    if vulnerable or (strict and unasked):
        return 1
    typer.echo(f"{len(packages) - len(unasked)} pinned packages have no known vulnerability.")
    return 0


def _ask_of_canary(pip_audit: Path, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "canary.txt")
        pinned.write_text(f"{CANARY}\n")
        # A cache of its own: what was heard before says nothing of now.
        found = _ask(pip_audit, pinned, seconds, "--cache-dir", folder)
    for package in found.dependencies:
        if package.skip_reason:
            raise _NotAuditedError(package.skip_reason)
    if not any(package.vulns for package in found.dependencies):
        raise _NotAuditedError(f"there is no advisory of {CANARY}, which has some")


def _ask_of_pins(pip_audit: Path, file: Path) -> _Found:
    try:
        return _ask(pip_audit, file, _DEADLINE_SECONDS)
    except _NotAuditedError:
        dry = _run(pip_audit, file, _DEADLINE_SECONDS, "--dry-run")  # asks nobody
        if dry.returncode:
            raise _UnreadableError(_last_line(dry.stderr)) from None
        raise


def _ask(pip_audit: Path, file: Path, seconds: float, *options: str) -> _Found:
    try:
        done = _run(pip_audit, file, seconds, "--timeout", _SOCKET_SECONDS, *options)
    except subprocess.TimeoutExpired:
        raise _NotAuditedError(f"no answer within {seconds:g} seconds") from None
    if not done.stdout.strip():
        raise _NotAuditedError(_last_line(done.stderr))
    try:
        return _Found.model_validate_json(done.stdout)
    except ValidationError:
        raise _NotAuditedError("pip-audit said what nobody can read") from None


def _run(
    pip_audit: Path, file: Path, seconds: float, *options: str
) -> subprocess.CompletedProcess[str]:
    fixed = ("--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json")
    return subprocess.run(
        [str(pip_audit), *fixed, *options, "-r", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def main() -> None:
    """Audit the files that the caller names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="Fail also where nobody was asked.")
    parser.add_argument("pip_audit", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    given = parser.parse_args()
    sys.exit(audit(given.pip_audit, given.files, strict=given.strict))


if __name__ == "__main__":
    main()
