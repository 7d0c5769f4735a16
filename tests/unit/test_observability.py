"""Lines, metrics and ids: in the forms that CloudWatch and people search for."""

import json

import pytest

from chalicelib.observability import (
    NAMESPACE,
    Metric,
    correlated,
    correlation_id,
    logger,
    measure,
)
from tests.conftest import Logs


def test_a_metric_is_a_line_in_the_embedded_metric_format(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    measure({Metric.CALLS: 1, Metric.CALL_LATENCY: 12.5}, route="GET /health")

    line = json.loads(capsys.readouterr().out)
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told == {
        "Namespace": NAMESPACE,
        "Dimensions": [["stack"], ["stack", "route"]],
        "Metrics": [
            {"Name": "Calls", "Unit": "Count"},
            {"Name": "CallLatency", "Unit": "Milliseconds"},
        ],
    }
    # Whatever the format names stands beside it, or CloudWatch drops the line.
    assert {key: value for key, value in line.items() if key != "_aws"} == {
        "stack": environment["STACK_NAME"],
        "route": "GET /health",
        "Calls": 1,
        "CallLatency": 12.5,
    }
    assert isinstance(line["_aws"]["Timestamp"], int)


def test_a_metric_by_nothing_more_is_of_the_stack_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure({Metric.BUDGETS_STALE: 3})

    (told,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert told["Dimensions"] == [["stack"]]


def test_lines_of_one_call_carry_its_id_and_no_others_do(logs: Logs) -> None:
    with correlated("call-00001"):
        logger().info("within")
    logger().info("after")

    within, after = logs.lines
    assert within["correlation_id"] == "call-00001"
    assert "correlation_id" not in after


@pytest.mark.parametrize(
    "unusable",
    [None, "", "short", "-leading", "with space", "line\nbreak", "x" * 129, "ada@example.com", 7],
)
def test_what_cannot_be_an_id_is_passed_over(unusable: object) -> None:
    with correlated(unusable, "call-00001"):
        assert correlation_id() == "call-00001"
    with correlated(unusable):
        assert correlation_id() is None
