"""The dashboard: what is looked at first, one row for each stage of the way of the data."""

import json
from typing import Any

from chalicelib.observability import NAMESPACE, STACK_DIMENSION, Metric
from infra.template.cloudformation import Template, ref, sub
from infra.template.parts import FUNCTIONS, WORKERS
from infra.template.queues import monitored

_WIDTH, _HEIGHT, _COLUMNS = 8, 6, 3


def dashboard() -> dict[str, Template]:
    """Return the dashboard, named after the stack."""
    widgets = [
        {
            "type": "metric",
            "x": number % _COLUMNS * _WIDTH,
            "y": number // _COLUMNS * _HEIGHT,
            "width": _WIDTH,
            "height": _HEIGHT,
            "properties": {
                "title": title,
                "metrics": lines,
                "stat": stat,
                "period": 300,
                "region": "${AWS::Region}",
                "view": "timeSeries",
            },
        }
        for number, (title, stat, lines) in enumerate(_charts())
    ]
    return {
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": ref("AWS::StackName"),
                "DashboardBody": sub(json.dumps({"widgets": widgets})),
            },
        }
    }


def _charts() -> list[tuple[str, str, list[Any]]]:
    gateway = ["ApiName", "${AWS::StackName}", "Stage", "api"]
    queues = {worker.name: f"${{{worker.name}Queue.QueueName}}" for worker in WORKERS}
    dead_letters = [name for name in monitored().values() if name.endswith("DeadLetterQueue")]
    return [
        (
            "Calls",
            "Sum",
            [["AWS/ApiGateway", name, *gateway] for name in ("Count", "4XXError", "5XXError")],
        ),
        (
            "Latency of calls (ms)",
            "p95",
            [
                ["AWS/ApiGateway", "Latency", *gateway, {"stat": stat, "label": stat}]
                for stat in ("p50", "p95", "p99")
            ],
        ),
        ("Slowest routes (p95, ms)", "p95", [[_by("route", Metric.CALL_LATENCY, "p95")]]),
        ("Caches", "Sum", [_own(Metric.CACHE_HITS), _own(Metric.CACHE_MISSES)]),
        ("Events told", "Sum", [[_by("event", Metric.EVENTS_PUBLISHED, "Sum")]]),
        (
            "How far the relay is behind (ms)",
            "Maximum",
            [["AWS/Lambda", "IteratorAge", "FunctionName", "${Relay}"]],
        ),
        (
            "Oldest message (s)",
            "Maximum",
            [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", q] for q in queues.values()],
        ),
        (
            "Dead letters",
            "Maximum",
            [
                [
                    "AWS/SQS",
                    "ApproximateNumberOfMessagesVisible",
                    "QueueName",
                    f"${{{name}.QueueName}}",
                ]
                for name in dead_letters
            ],
        ),
        ("Messages", "Sum", [_own(Metric.MESSAGES_DONE), _own(Metric.MESSAGES_FAILED)]),
        ("Forged messages", "Sum", [_own(Metric.MESSAGES_FORGED)]),
        ("Partners' messages refused", "Sum", [[_by("reason", Metric.MESSAGES_REJECTED, "Sum")]]),
        ("Webhooks", "Sum", [_own(Metric.WEBHOOKS_FAILING), _own(Metric.WEBHOOKS_DISABLED)]),
        (
            "Not delivered, not mailed",
            "Sum",
            [_own(Metric.DELIVERIES_GIVEN_UP), _own(Metric.MAILS_REFUSED)],
        ),
        (
            "Jobs",
            "Sum",
            [_own(Metric.JOBS_DONE), _own(Metric.JOBS_FAILED), _own(Metric.BUDGETS_STALE)],
        ),
        ("Errors of functions", "Sum", _of_functions("Errors")),
        ("Throttles of functions", "Sum", _of_functions("Throttles")),
        ("Functions at once", "Maximum", _of_functions("ConcurrentExecutions")),
    ]


def _own(metric: Metric) -> list[Any]:
    return [NAMESPACE, metric.value, STACK_DIMENSION, "${AWS::StackName}"]


def _by(dimension: str, metric: Metric, stat: str) -> dict[str, str]:
    search = f"{{{NAMESPACE},{STACK_DIMENSION},{dimension}}}"
    wanted = f'{search} MetricName="{metric.value}" {STACK_DIMENSION}="${{AWS::StackName}}"'
    return {"expression": f"SEARCH('{wanted}', '{stat}', 300)"}


def _of_functions(metric: str) -> list[Any]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}"] for name in FUNCTIONS]
