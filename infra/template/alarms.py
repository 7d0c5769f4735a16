"""The alarms: each with its limit, why that one, and its page in docs/runbook.md.

What CloudWatch has of AWS's services is read there; what only the service knows, it measures itself
(chalicelib/observability.py). No data is good news, but where the service reports every time.
"""

from dataclasses import dataclass
from typing import Any

from chalicelib.observability import NAMESPACE, STACK_DIMENSION, Metric
from infra.template.cloudformation import Template, get, named, ref, sub
from infra.template.parts import FUNCTIONS, TABLES, WORKERS
from infra.template.queues import monitored

RUNBOOK = "docs/runbook.md"

_MINUTE = 60
_QUARTER_OF_AN_HOUR = 15 * _MINUTE
_HOUR = 60 * _MINUTE  # the longest wait between two attempts of a message (domain/retries.py)

#: How long the oldest message of a queue may wait, where that is not a quarter of an hour: retries
#: of webhooks wait that long by design, and a job's message comes back after half an hour.
_MAX_WAIT_SECONDS = {"Webhooks": 60 * _MINUTE, "Jobs": 60 * _MINUTE}

#: The indexes of requests whose keys are few, so that one of them may get more than it can take.
_HOT_INDEXES = ("by_department", "by_department_status")

#: What the gateway refused by itself, which no function hears of.
_THROTTLED = "CallsThrottled"


@dataclass(frozen=True)
class Alarm:
    """`page` is the section of the runbook; `of` names the one of many that it watches."""

    page: str
    says: str
    metric: Template
    more_than: float
    period_seconds: int
    periods: int = 1
    of_them: int = 1
    statistic: str = "Sum"
    of: str = ""
    without_data: str = "notBreaching"

    @property
    def name(self) -> str:
        """What it is called after the stack."""
        return f"{self.page}-{self.of}" if self.of else self.page

    @property
    def logical_id(self) -> str:
        """What the template calls it."""
        return "".join(part.capitalize() for part in self.name.split("-")) + "Alarm"


def alarms() -> dict[str, Template]:
    """Return every alarm, and the filter that counts what one of them watches."""
    return {alarm.logical_id: _resource(alarm) for alarm in every()} | {
        "ThrottledCallsFilter": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": ref("AccessLogs"),
                "FilterPattern": '{ $.refusedAs = "THROTTLED" }',
                "MetricTransformations": [
                    {
                        "MetricNamespace": sub(f"{NAMESPACE}/${{AWS::StackName}}"),
                        "MetricName": _THROTTLED,
                        "MetricValue": "1",
                    }
                ],
            },
        }
    }


def every() -> tuple[Alarm, ...]:
    """Return every alarm there is."""
    return (
        *_of_the_api(),
        *_of_functions(),
        *_of_queues(),
        *_of_tables(),
        *_of_the_service(),
    )


def _of_the_api() -> tuple[Alarm, ...]:
    return (
        Alarm(
            "api-failures",
            "More than 1 % of the calls failed with 5xx in three of five minutes.",
            api("5XXError"),
            0.01,
            _MINUTE,
            periods=5,
            of_them=3,
            statistic="Average",  # of zeros and ones: the rate
        ),
        Alarm(
            "api-latency",
            "One call in twenty took more than two seconds in three of five minutes.",
            api("Latency"),
            2000,
            _MINUTE,
            periods=5,
            of_them=3,
            statistic="p95",
        ),
        Alarm(
            "api-throttled",
            "The gateway refused calls as too many in three of five minutes.",
            metric(sub(f"{NAMESPACE}/${{AWS::StackName}}"), _THROTTLED),
            0,
            _MINUTE,
            periods=5,
            of_them=3,
        ),
    )


def _of_functions() -> tuple[Alarm, ...]:
    found = [
        Alarm(
            "relay-behind",
            "Changes wait over five minutes until they are told on the bus.",
            function("Relay", "IteratorAge"),
            5 * _MINUTE * 1000,
            _MINUTE,
            periods=3,
            of_them=3,
            statistic="Maximum",
        )
    ]
    for name, called in FUNCTIONS.items():
        found += [
            Alarm(
                "function-errors",
                f"The function {called} failed as a whole in three of five minutes.",
                function(name, "Errors"),
                0,
                _MINUTE,
                periods=5,
                of_them=3,
                of=called,
            ),
            Alarm(
                "function-throttles",
                f"The function {called} was not run, for lack of capacity, in three of five"
                " minutes.",
                function(name, "Throttles"),
                0,
                _MINUTE,
                periods=5,
                of_them=3,
                of=called,
            ),
        ]
    return tuple(found)


def _of_queues() -> tuple[Alarm, ...]:
    dead_letters = [
        Alarm(
            "dead-letters",
            f"Messages wait in {called}, given up on.",
            queue(name, "ApproximateNumberOfMessagesVisible"),
            0,
            5 * _MINUTE,
            statistic="Maximum",
            of=called.removesuffix("-dlq"),
        )
        for called, name in monitored().items()
        if called.endswith("-dlq")
    ]
    waiting = []
    for worker in WORKERS:
        seconds = _MAX_WAIT_SECONDS.get(worker.name, _QUARTER_OF_AN_HOUR)
        waiting.append(
            Alarm(
                "oldest-message",
                f"A message of {worker.name.lower()} has waited over {seconds // _MINUTE} minutes.",
                queue(f"{worker.name}Queue", "ApproximateAgeOfOldestMessage"),
                seconds,
                5 * _MINUTE,
                periods=2,
                of_them=2,
                statistic="Maximum",
                of=worker.name.lower(),
            )
        )
    # SQS leaves what was received three times out of the age of the oldest message: what comes back
    # again and again is seen by its failures alone. Webhooks and jobs have alarms of their own.
    failing = [
        Alarm(
            "messages-failing",
            f"Messages of {worker.name.lower()} failed in each of two hours.",
            own(Metric.MESSAGES_FAILED, queue=get(f"{worker.name}Queue", "QueueName")),
            0,
            _HOUR,
            periods=2,
            of_them=2,
            of=worker.name.lower(),
        )
        for worker in WORKERS
        if worker.name not in {"Webhooks", "Jobs"}
    ]
    return (*dead_letters, *waiting, *failing)


def _of_tables() -> tuple[Alarm, ...]:
    # One for each way: alarms over a sum of metrics are not known to every cloud. An index that
    # refuses has its table refuse as well, and its own metric says which one it is.
    indexes = tuple(
        Alarm(
            "table-throttles",
            f"The index {index} of requests refused writes in three of five minutes.",
            table("Requests", "WriteThrottleEvents", GlobalSecondaryIndexName=index),
            0,
            _MINUTE,
            periods=5,
            of_them=3,
            of=f"requests-{index.replace('_', '-')}-writes",
        )
        for index in _HOT_INDEXES
    )
    return indexes + tuple(
        Alarm(
            "table-throttles",
            f"The table {name.lower()} refused {way.lower()}s in three of five minutes.",
            table(name, f"{way}ThrottleEvents"),
            0,
            _MINUTE,
            periods=5,
            of_them=3,
            of=f"{name.lower()}-{way.lower()}s",
        )
        for name in TABLES
        for way in ("Read", "Write")
    )


def _of_the_service() -> tuple[Alarm, ...]:
    return (
        Alarm(
            "budgets-stale",
            "For an hour and a half Finance's figures were not, or not all, brought up to date.",
            own(Metric.BUDGETS_STALE),
            0,
            2 * _QUARTER_OF_AN_HOUR,
            periods=3,
            of_them=3,
            statistic="Minimum",  # in each half hour every sync left some
            without_data="breaching",  # the sync tells each time it ends
        ),
        Alarm(
            "jobs-failed",
            "A job failed in each of two hours.",
            own(Metric.JOBS_FAILED),
            0,
            _HOUR,
            periods=2,
            of_them=2,
        ),
        Alarm(
            "messages-rejected",
            "More than five messages of partners were refused within a quarter of an hour.",
            own(Metric.MESSAGES_REJECTED),
            5,
            _QUARTER_OF_AN_HOUR,
        ),
        Alarm(
            "messages-forged",
            "Somebody put a message on the bus under our name, or changed one of ours.",
            own(Metric.MESSAGES_FORGED),
            0,
            5 * _MINUTE,
        ),
        Alarm(
            "deliveries-given-up",
            "A subscriber did not get an event, and nobody tries again unasked.",
            own(Metric.DELIVERIES_GIVEN_UP),
            0,
            _QUARTER_OF_AN_HOUR,
        ),
        Alarm(
            "mails-refused",
            "A mail was refused for good: somebody was not told of a budget request.",
            own(Metric.MAILS_REFUSED),
            0,
            _QUARTER_OF_AN_HOUR,
        ),
        Alarm(
            "webhooks-failing",
            "A subscriber has been warned of: for a long time, nothing reached it.",
            own(Metric.WEBHOOKS_FAILING),
            0,
            5 * _MINUTE,
        ),
        Alarm(
            "webhooks-disabled",
            "A subscription was disabled, and gets nothing any more.",
            own(Metric.WEBHOOKS_DISABLED),
            0,
            5 * _MINUTE,
        ),
    )


def metric(namespace: Any, name: str, **dimensions: Any) -> Template:  # noqa: ANN401 - names, or functions that give them
    """Return a metric as CloudFormation names it."""
    named_by = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": named_by}


def api(name: str) -> Template:
    """Return a metric of the gateway."""
    return metric("AWS/ApiGateway", name, ApiName=ref("AWS::StackName"), Stage="api")


def function(logical_id: str, name: str) -> Template:
    """Return a metric of a function."""
    return metric("AWS/Lambda", name, FunctionName=ref(logical_id))


def queue(logical_id: str, name: str) -> Template:
    """Return a metric of a queue."""
    return metric("AWS/SQS", name, QueueName=get(logical_id, "QueueName"))


def table(called: str, name: str, **index: str) -> Template:
    """Return a metric of a table, or of one of its indexes."""
    return metric("AWS/DynamoDB", name, TableName=ref(f"{called}Table"), **index)


def own(which: Metric, **by: Any) -> Template:  # noqa: ANN401 - names, or functions that give them
    """Return a metric of the service's own, in all or by one thing more."""
    return metric(NAMESPACE, which.value, **{STACK_DIMENSION: ref("AWS::StackName"), **by})


def _resource(alarm: Alarm) -> Template:
    properties = {
        "AlarmName": named(alarm.name),
        "AlarmDescription": f"{alarm.says} {RUNBOOK}#{alarm.page}",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": alarm.more_than,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.of_them,
        "TreatMissingData": alarm.without_data,
        "AlarmActions": [ref("AlarmTopic")],
        "OKActions": [ref("AlarmTopic")],
    }
    # A percentile is an extended statistic, and the others are not.
    kind = "ExtendedStatistic" if alarm.statistic.startswith("p") else "Statistic"
    watched = {**alarm.metric, kind: alarm.statistic, "Period": alarm.period_seconds}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | watched}
