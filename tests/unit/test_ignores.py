"""Nothing that a tool finds is waved through without a word on why."""

import re
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("chalicelib", "infra", "tests", "bench")
SOURCES = [ROOT / "app.py", *(path for f in FOLDERS for path in sorted((ROOT / f).rglob("*.py")))]

#: What silences a tool for a line, a block or a file.
SILENCES = re.compile(
    r"#\s*(noqa|ruff:|type:\s*ignore|mypy:|pragma:|nosec|pylint:|pyright:)", re.IGNORECASE
)
#: The rules that are silenced by name, then why.
EXPLAINED = re.compile(
    r"# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \w.*"
    r"|# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \w.*"
    r"|# pragma: allowlist secret - \w.*"
)
RULE = re.compile(r'"([A-Z]+[0-9]*)"')


def unexplained(lines: Iterable[str]) -> list[str]:
    """Return the comments that silence a tool and do not say why."""
    given = iter(lines)
    tokens = tokenize.generate_tokens(lambda: next(given, ""))
    comments = (token.string for token in tokens if token.type == tokenize.COMMENT)
    return [c for c in comments if SILENCES.search(c) and not EXPLAINED.fullmatch(c)]


def ignored_rules() -> Iterator[tuple[str, str]]:
    """Yield what the rules of ruff are not asked of: each rule with its line."""
    text = (ROOT / "pyproject.toml").read_text()
    everywhere = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    in_files = re.search(
        r"^\[tool\.ruff\.lint\.per-file-ignores\]\n(.*?)^\[", text, re.MULTILINE | re.DOTALL
    )
    assert everywhere
    assert in_files
    for line in (everywhere[1] + in_files[1]).splitlines():
        for rule in RULE.findall(line.partition("#")[0]):
            yield rule, line


def test_what_is_ignored_on_a_line_says_why() -> None:
    found = {
        str(path.relative_to(ROOT)): unexplained(path.read_text().splitlines(keepends=True))
        for path in SOURCES
    }
    assert {path: comments for path, comments in found.items() if comments} == {}


def test_what_is_ignored_in_files_says_why_rule_by_rule() -> None:
    lines = [line for _, line in ignored_rules()]

    assert len(set(lines)) == len(lines), "one rule a line, each with its own reason"
    assert [line for line in lines if not re.search(r"# \w", line)] == []


def test_no_ignored_rule_is_overlooked_here() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    of_files = [rule for rules in lint["per-file-ignores"].values() for rule in rules]

    assert [rule for rule, _ in ignored_rules()] == [*lint["ignore"], *of_files]


def test_what_the_scanner_is_not_asked_says_why_check_by_check() -> None:
    lines = (ROOT / "infra" / "scanner.yaml").read_text().split("skip-check:\n")[1].splitlines()
    checks = [number for number, line in enumerate(lines) if line.startswith("  - ")]

    assert checks
    assert [lines[n] for n in checks if not lines[n - 1].startswith("  # ")] == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa: S101 -",
        "# NOQA: S101, because",
        "# type: ignore",
        "# type: ignore[misc]",
        "# type: ignore[misc]  #",
        "# ruff: noqa",
        "# pragma: no cover",
        "# pragma: allowlist secret",
    ],
)
def test_a_silence_without_a_reason_is_found(comment: str) -> None:
    assert unexplained([f"x = 1  {comment}\n"]) == [comment]


@pytest.mark.parametrize(
    "line",
    [
        "assert x  # noqa: S101 - only handed out with a key\n",
        "x = 1  # noqa: S101, E501 - the same\n",
        "x = 1  # type: ignore[misc]  # frozen, which is the point\n",
        "x = '# noqa'  # a text that is no comment\n",
    ],
)
def test_a_reason_is_enough(line: str) -> None:
    assert unexplained([line]) == []
