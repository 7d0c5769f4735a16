"""One stack on the embedded cloud, IAM enforced, for all end-to-end tests of a run."""

import os
from collections.abc import Iterator

import pytest

from infra import local
from infra.local import RunningStack
from infra.standins import Behaviour
from tests.e2e.people import People

#: Races and their like take more calls than a person may make.
ENVIRONMENT = {"RATE_LIMIT_MAX_REQUESTS": "100000", "RATE_LIMIT_MAX_CREATIONS": "100000"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def running() -> Iterator[RunningStack]:
    with local.running(f"test-{os.getpid()}", environment=ENVIRONMENT) as stack:
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
