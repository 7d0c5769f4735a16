"""Known vulnerabilities fail; what was not asked is said, and fails only where that was wanted."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import advisories

FINE = {"name": "idna", "version": "3.20", "vulns": []}
UNKNOWN = {"name": "boto3", "skip_reason": "Dependency not found on PyPI: boto3 (1.44.5)"}
VULNERABLE = {
    "name": "urllib3",
    "version": "1.24",
    "vulns": [{"id": "PYSEC-2019-132", "fix_versions": ["1.24.2"], "aliases": ["CVE-2019-11324"]}],
}
CANARY = {"name": "requests", "version": "2.19.0", "vulns": VULNERABLE["vulns"]}
CANARY_UNKNOWN = {"name": "requests", "skip_reason": "Dependency not found on PyPI: requests"}
CANARY_WELL = {"name": "requests", "version": "2.19.0", "vulns": []}

#: What pip-audit says when a name cannot be resolved: a traceback, and no JSON.
OFFLINE = "requests.exceptions.ConnectionError: Failed to resolve 'pypi.org'"


def says(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


class Auditor:
    """A program that answers as pip-audit does: of the canary, of all, and of a dry run."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pip-audit"
        self.pinned = folder / "requirements.txt"
        self.pinned.write_text("idna==3.20\n")

    def audits(
        self,
        *,
        canary: str = says(CANARY),
        all_of_it: str = says(FINE),
        dry: str = says(FINE),
        hangs: bool = False,
        strict: bool = False,
    ) -> int:
        program = f"""#!{sys.executable}
import signal, sys
from pathlib import Path
told, pinned = {all_of_it!r}, Path(sys.argv[sys.argv.index("-r") + 1]).read_text()
if "--dry-run" in sys.argv:
    told = {dry!r}
elif {hangs}:
    signal.pause()
elif {advisories.CANARY!r} in pinned:
    told = {canary!r}
print(told, file=sys.stdout if told.startswith("{{") else sys.stderr)
sys.exit("vulns\\": [{{" in told or not told.startswith("{{"))
"""
        self._path.write_text(program)
        self._path.chmod(0o700)
        seconds = 0.5 if hangs else 30
        return advisories.audit(
            self._path, [self.pinned], strict=strict, first_answer_seconds=seconds
        )


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path)


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_well_passes(
    auditor: Auditor, capsys: pytest.CaptureFixture[str], *, strict: bool
) -> None:
    assert auditor.audits(strict=strict) == 0
    assert capsys.readouterr().out == "1 pinned packages have no known vulnerability.\n"


@pytest.mark.parametrize("strict", [True, False])
def test_a_known_vulnerability_fails_and_says_what_mends_it(
    auditor: Auditor, capsys: pytest.CaptureFixture[str], *, strict: bool
) -> None:
    assert auditor.audits(all_of_it=says(FINE, VULNERABLE, UNKNOWN), strict=strict) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "urllib3 1.24: PYSEC-2019-132 (CVE-2019-11324), mended in 1.24.2"


@pytest.mark.parametrize(
    ("canary", "reason"),
    [
        (OFFLINE, "Failed to resolve 'pypi.org'"),
        (says(CANARY_UNKNOWN), "not found on PyPI"),  # a mirror that has no advisories
        (says(CANARY_WELL), "no advisory of requests==2.19.0"),  # one that leaves them out
        ('{"dependencies": "none"}', "what nobody can read"),
    ],
)
def test_where_no_advisories_are_had_that_is_one_line_and_a_failure_only_if_strict(
    auditor: Auditor, capsys: pytest.CaptureFixture[str], canary: str, reason: str
) -> None:
    assert auditor.audits(canary=canary) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Nothing was audited: ")
    assert reason in line
    assert auditor.audits(canary=canary, strict=True) == 1


def test_a_service_that_does_not_answer_is_not_waited_for(
    auditor: Auditor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor.audits(hangs=True) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Nothing was audited: no answer within 0.5 seconds")


def test_packages_without_an_answer_are_named(
    auditor: Auditor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor.audits(all_of_it=says(FINE, UNKNOWN)) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Not audited, 1 of 2: boto3."
    assert auditor.audits(all_of_it=says(FINE, UNKNOWN), strict=True) == 1


def test_a_service_that_falls_silent_half_way_has_audited_nothing(
    auditor: Auditor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor.audits(all_of_it=OFFLINE) == 0
    assert capsys.readouterr().err.startswith("Nothing was audited: ")


def test_pins_that_cannot_be_read_fail_whatever_the_service_says(auditor: Auditor) -> None:
    unreadable = "ERROR: requirement idna is not pinned"
    assert auditor.audits(all_of_it=unreadable, dry=unreadable) == 1
