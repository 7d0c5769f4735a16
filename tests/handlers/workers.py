"""How the tests run a worker: as Lambda does, by its own module, never through app.py.

And what it told CloudWatch meanwhile.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.observability import Metric
from tests import samples

Worker = Callable[[dict[str, Any], Any], Any]

POISON = [
    "not json",
    "{}",
    '{"detail": {}}',
    '{"detail": null}',
    "[]",
    '{"detail": {"id": "e", "type": "t", "time": "soon", "data": {}}}',
]


def run(worker: Worker, *records: dict[str, Any]) -> list[str]:
    """Run a batch and return the ids of the messages that come back."""
    answer = worker({"Records": list(records)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def run_sample(worker: Worker, name: str) -> list[str]:
    """Run one payload of events/."""
    return run(worker, *samples.read(name)["Records"])


def again(record: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a message that came a second time, as another message."""
    return samples.record("again", record["body"], number)


def poison(body: str, number: int = 9) -> dict[str, Any]:
    """Return a message that nobody can make anything of."""
    return samples.record("poison", body, number)


def counted(printed: pytest.CaptureFixture[str], metric: Metric) -> float:
    """Return what was told of a metric since the last time that was asked for."""
    lines = [json.loads(line) for line in printed.readouterr().out.splitlines() if "_aws" in line]
    return sum(float(line.get(metric.value, 0)) for line in lines)


def detail(record: dict[str, Any]) -> dict[str, Any]:
    """Return the event a message carries."""
    told: dict[str, Any] = json.loads(record["body"])["detail"]
    return told
