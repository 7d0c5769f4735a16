"""One stack for all end-to-end tests of a run: on an embedded cloud of its own, IAM enforced.

Or, with `make e2e ENDPOINT=…`, on a cloud that runs already, LocalStack or an embedded one, under
a name of its own, and removed afterwards. What another cloud cannot give is said by the mark
`needs`; tests that need it are deselected, and the summary says how many and why.
"""

import os
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from infra import local
from infra.local import RunningStack
from infra.standins import Behaviour
from tests.e2e.people import People

#: Races and their like take more calls than a person may make.
ENVIRONMENT = {"RATE_LIMIT_MAX_REQUESTS": "100000", "RATE_LIMIT_MAX_CREATIONS": "100000"}


ENDPOINT = os.environ.get("E2E_ENDPOINT") or None

#: What the embedded cloud gives and others do not, and why.
LACKING = {
    "partners": "functions there do not reach the stand-ins, which listen on this machine alone",
    "own cloud": "the test starts an embedded cloud of its own",
}
_deselected: Counter[str] = Counter()


@pytest.hookimpl(tryfirst=True)  # before `-m e2e` looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mine = [item for item in items if "/e2e/" in str(item.path)]
    for item in mine:
        item.add_marker(pytest.mark.e2e)
    if not mine or ENDPOINT is None or _is_embedded(ENDPOINT):
        return
    needs = {item: mark.args[0] for item in mine for mark in item.iter_markers("needs")}
    _deselected.update(needs.values())
    items[:] = [item for item in items if item not in needs]
    config.hook.pytest_deselected(items=list(needs))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for need, count in _deselected.items():
        terminalreporter.write_line(f"{ENDPOINT}: {count} deselected: {LACKING[need]}")


def _is_embedded(endpoint: str) -> bool:
    """Whether an embedded cloud of this machine answers there; raises UsageError."""
    if urlsplit(endpoint).scheme not in {"http", "https"}:
        raise pytest.UsageError(f"ENDPOINT={endpoint} is no address such as http://localhost:4566.")
    try:
        answer = httpx.get(f"{endpoint}/_ministack/ready", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        raise pytest.UsageError(f"Nothing answers at ENDPOINT={endpoint}: {error}") from None
    return answer.is_success


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    name = f"test-{os.getpid()}"
    with local.running(name, environment=ENVIRONMENT, elsewhere=ENDPOINT) as stack:
        yield stack


@pytest.fixture
def stack(running: RunningStack) -> Iterator[RunningStack]:
    """The stack with its stand-ins listening and well-behaved, before and after each test."""
    yield running
    for standin in (running.finance, running.audit, running.receiver):
        standin.start()
        standin.behave(Behaviour())


@pytest.fixture
def people(stack: RunningStack) -> Iterator[People]:
    with stack.http() as http:
        yield People(stack, http)
