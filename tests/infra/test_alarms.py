"""Alarms: each watches what is there, tells the topic and has its page, and every page an alarm."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.observability import NAMESPACE, Metric
from infra.template import alarms
from tests.infra.conftest import Resources
from tests.infra.test_template import HANDLERS, WORKERS

#: Those of AWS's metrics that alarms read, by what says which one is meant.
KNOWN = {
    "AWS/ApiGateway": ({"5XXError", "Latency"}, {"ApiName", "Stage"}),
    "AWS/Lambda": ({"Errors", "Throttles", "IteratorAge"}, {"FunctionName"}),
    "AWS/SQS": (
        {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
        {"QueueName"},
    ),
    "AWS/DynamoDB": ({"ReadThrottleEvents", "WriteThrottleEvents"}, {"TableName"}),
}
PAGE_PARTS = ("Means", "Look at", "Do", "Over when")


@pytest.fixture(scope="module")
def runbook(project: Path) -> dict[str, str]:
    """The sections of the runbook by heading, but for what is not about an alarm."""
    text = (project / alarms.RUNBOOK).read_text()
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    del sections["What is measured"]
    return sections


def declared(of_type: Resources) -> dict[str, dict[str, Any]]:
    return of_type("AWS::CloudWatch::Alarm")


def page_of(alarm: dict[str, Any]) -> str:
    _, page = alarm["AlarmDescription"].rsplit(f"{alarms.RUNBOOK}#", 1)
    return str(page)


def dimensions(alarm: dict[str, Any]) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


def watching(of_type: Resources, metric: str, dimension: str) -> list[Any]:
    return [
        dimensions(alarm)[dimension]
        for alarm in declared(of_type).values()
        if alarm["MetricName"] == metric
    ]


def test_every_alarm_has_its_page_and_every_page_an_alarm(
    of_type: Resources, runbook: dict[str, str]
) -> None:
    assert {page_of(alarm) for alarm in declared(of_type).values()} == runbook.keys()


def test_every_page_says_what_it_means_and_what_to_do(runbook: dict[str, str]) -> None:
    for heading, text in runbook.items():
        named = re.findall(r"^\*\*(.+?):\*\*", text, re.MULTILINE)
        assert tuple(named) == PAGE_PARTS, heading


def test_every_alarm_is_named_after_its_page_and_tells_the_topic_also_when_it_is_over(
    of_type: Resources,
) -> None:
    names = []
    for alarm in declared(of_type).values():
        name = alarm["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        assert name == page_of(alarm) or name.startswith(f"{page_of(alarm)}-")
        names.append(name)
        topic = [{"Ref": "AlarmTopic"}]
        assert alarm["AlarmActions"] == alarm["OKActions"] == topic
    assert len(names) == len(set(names))


def test_every_alarm_watches_a_metric_that_there_is(of_type: Resources) -> None:
    for logical_id, alarm in declared(of_type).items():
        namespace = alarm["Namespace"]
        if namespace == NAMESPACE:
            assert alarm["MetricName"] in set(Metric), logical_id
            own = dimensions(alarm)
            assert own.pop("stack") == {"Ref": "AWS::StackName"}
            assert own.keys() == ({"queue"} if page_of(alarm) == "messages-failing" else set())
        elif isinstance(namespace, dict):
            (counted,) = of_type("AWS::Logs::MetricFilter").values()
            (transformation,) = counted["MetricTransformations"]
            assert namespace == transformation["MetricNamespace"]
            assert alarm["MetricName"] == transformation["MetricName"]
        else:
            metrics, by = KNOWN[namespace]
            assert alarm["MetricName"] in metrics, logical_id
            assert dimensions(alarm).keys() - {"GlobalSecondaryIndexName"} == by


def test_two_stacks_of_one_stage_share_no_metric_and_no_alarm(
    template: dict[str, Any], of_type: Resources
) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["STACK_NAME"] == {"Ref": "AWS::StackName"}
    watching_and_showing = [declared(of_type), of_type("AWS::CloudWatch::Dashboard")]
    for text in map(json.dumps, watching_and_showing):
        assert '{"Ref": "Stage"}' not in text
        assert "${Stage}" not in text


def test_every_alarm_goes_off_above_its_limit_within_as_many_periods_as_it_looks_at(
    of_type: Resources,
) -> None:
    for alarm in declared(of_type).values():
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert 1 <= alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]
        assert alarm["EvaluationPeriods"] * alarm["Period"] <= 24 * 60 * 60
        assert len({"Statistic", "ExtendedStatistic"} & alarm.keys()) == 1


def test_silence_is_an_alarm_only_where_the_service_reports_each_time(of_type: Resources) -> None:
    silent = {
        page_of(alarm)
        for alarm in declared(of_type).values()
        if alarm["TreatMissingData"] == "breaching"
    }
    assert silent == {"budgets-stale"}


def test_every_dead_letter_queue_is_watched(of_type: Resources) -> None:
    queues = [name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")]
    watched = watching(of_type, "ApproximateNumberOfMessagesVisible", "QueueName")
    assert sorted(each["Fn::GetAtt"] for each in watched) == [
        [name, "QueueName"] for name in sorted(queues)
    ]


def test_every_queue_is_watched_for_what_waits_too_long(of_type: Resources) -> None:
    watched = watching(of_type, "ApproximateAgeOfOldestMessage", "QueueName")
    assert sorted(each["Fn::GetAtt"][0] for each in watched) == sorted(
        f"{name}Queue" for name in WORKERS
    )


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_is_watched(metric: str, of_type: Resources) -> None:
    watched = watching(of_type, metric, "FunctionName")
    assert sorted(each["Ref"] for each in watched) == sorted(HANDLERS)


@pytest.mark.parametrize("way", ["ReadThrottleEvents", "WriteThrottleEvents"])
def test_every_table_is_watched(way: str, of_type: Resources) -> None:
    watched = watching(of_type, way, "TableName")
    assert {each["Ref"] for each in watched} == of_type("AWS::DynamoDB::Table").keys()


def test_an_index_that_is_watched_is_one_of_its_table(of_type: Resources) -> None:
    found = [dimensions(alarm) for alarm in declared(of_type).values()]
    watched = [by for by in found if "GlobalSecondaryIndexName" in by]
    assert watched
    for by in watched:
        table = of_type("AWS::DynamoDB::Table")[by["TableName"]["Ref"]]
        indexes = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
        assert by["GlobalSecondaryIndexName"] in indexes


def test_every_queue_to_a_partner_is_watched_for_what_fails_again_and_again(
    of_type: Resources,
) -> None:
    watched = watching(of_type, Metric.MESSAGES_FAILED, "queue")
    partners = ("Audit", "Finance", "Inbound", "Notifications")
    assert sorted(each["Fn::GetAtt"][0] for each in watched) == [f"{n}Queue" for n in partners]


def test_the_gateway_is_watched_under_the_name_it_has(of_type: Resources) -> None:
    watched = {"Ref": "AWS::StackName"}
    gateway = of_type("AWS::Serverless::Api")["RestAPI"]
    assert gateway["Name"] == gateway["DefinitionBody"]["info"]["title"] == watched
    for metric in ("5XXError", "Latency"):
        assert watching(of_type, metric, "ApiName") == [watched]


def test_what_the_gateway_throttles_is_counted_in_its_log(of_type: Resources) -> None:
    (counted,) = of_type("AWS::Logs::MetricFilter").values()
    assert counted["LogGroupName"] == {"Ref": "AccessLogs"}
    settings = of_type("AWS::Serverless::Api")["RestAPI"]["AccessLogSetting"]["Fn::If"][1]
    assert json.loads(settings["Format"])["refusedAs"] == "$context.error.responseType"
    assert counted["FilterPattern"] == '{ $.refusedAs = "THROTTLED" }'


def test_only_alarms_of_this_account_tell_the_topic_and_nobody_without_tls(
    of_type: Resources,
) -> None:
    (topic,) = of_type("AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == {"Ref": "DataKey"}
    (policy,) = of_type("AWS::SNS::TopicPolicy").values()
    tell, refuse = policy["PolicyDocument"]["Statement"]
    assert tell["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert tell["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert (refuse["Effect"], refuse["Principal"]) == ("Deny", "*")


def test_every_metric_of_ours_is_in_the_runbook(project: Path) -> None:
    text = (project / alarms.RUNBOOK).read_text()
    _, measured = text.split("## What is measured\n")
    first_cells = re.findall(r"^\| (`[^|]+) \|", measured, re.MULTILINE)
    assert [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)] == list(Metric)


def test_the_dashboard_shows_every_queue_function_and_metric_of_ours(of_type: Resources) -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    places = {(each["x"], each["y"]) for each in widgets}
    assert len(places) == len(widgets)  # none hides another
    for name in HANDLERS:
        assert f"${{{name}}}" in text
    for name in of_type("AWS::SQS::Queue"):
        assert f"${{{name}.QueueName}}" in text
    counted_elsewhere = {
        Metric.CALLS,
        Metric.CALLS_REFUSED,
        Metric.CALLS_FAILED,
        Metric.CHANGES_RELAYED,
    }
    shown = json.dumps([each["properties"]["metrics"] for each in widgets]).replace("\\", "")
    assert {each for each in Metric if f'"{each.value}"' not in shown} == counted_elsewhere
