"""What alarms watch of the service's own is what its functions tell, by the same names."""

import json
from collections.abc import Callable

import pytest

from chalicelib import bootstrap
from chalicelib.domain.webhooks import WARN_AFTER
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.inbound import inbound
from chalicelib.handlers.jobs import jobs
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.webhooks import webhooks
from chalicelib.observability import NAMESPACE, STACK_DIMENSION, Metric
from infra.template import alarms
from tests import samples
from tests.conftest import Aws
from tests.factories import endpoint
from tests.handlers.workers import Worker, poison, run, run_sample
from tests.partner import Partner, Reply

OWN = [alarm for alarm in alarms.every() if alarm.metric["Namespace"] == NAMESPACE]
WORKERS: dict[str, Worker] = {
    "audit": audit,
    "finance": finance_worker,
    "inbound": inbound,
    "notifications": notifications,
}


def a_message_comes(alarm: alarms.Alarm, *_: object) -> None:
    run(WORKERS[alarm.of], poison("not json"))


def a_job_is_done(*_: object) -> None:
    assert run_sample(jobs, "jobs.json") == []


def a_job_fails(*_: object) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BUDGETS_TABLE", "no-such-table")
        bootstrap.settings.cache_clear()
        assert run_sample(jobs, "jobs.json")


def a_message_is_refused(*_: object) -> None:
    assert run(inbound, poison("not json")) == []


def a_message_is_forged(*_: object) -> None:
    message = json.loads(samples.read("audit.json")["Records"][0]["body"])
    del message["detail"]["seal"]
    assert run(audit, samples.record("forged", message, 7))


def a_mail_is_refused(*_: object) -> None:
    samples.keep_story()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DEPARTMENT_ADMINS", '{"finance": ["bob"]}')
        bootstrap.settings.cache_clear()
        assert run_sample(notifications, "notifications.json") == []


def a_subscriber_fails(alarm: alarms.Alarm, aws: Aws, partner: Partner) -> None:
    only_warned = Metric.WEBHOOKS_FAILING.value == alarm.metric["MetricName"]
    partner.usual = Reply(503 if only_warned else 410)
    now = bootstrap.now()
    failing = endpoint(
        f"{partner.url}/hook",
        created_at=now - 2 * WARN_AFTER[0],
        failing_since=now - WARN_AFTER[0],
        last_failed_at=now,
    )
    bootstrap.subscriptions().add(failing, audit=samples.story()[0].audit)
    assert run_sample(webhooks, "webhooks.json") == []
    for order in aws.ordered():
        run(webhooks, samples.record("webhooks", order, 1))
    assert len(partner.received) == 1


HAPPENS: dict[Metric, Callable[[alarms.Alarm, Aws, Partner], None]] = {
    Metric.MESSAGES_FAILED: a_message_comes,
    Metric.BUDGETS_STALE: a_job_is_done,
    Metric.JOBS_FAILED: a_job_fails,
    Metric.MESSAGES_REJECTED: a_message_is_refused,
    Metric.MESSAGES_FORGED: a_message_is_forged,
    Metric.DELIVERIES_GIVEN_UP: a_subscriber_fails,
    Metric.MAILS_REFUSED: a_mail_is_refused,
    Metric.WEBHOOKS_FAILING: a_subscriber_fails,
    Metric.WEBHOOKS_DISABLED: a_subscriber_fails,
}


@pytest.mark.usefixtures("finance")  # the jobs ask it
@pytest.mark.parametrize("alarm", OWN, ids=lambda alarm: alarm.name)
def test_a_metric_that_an_alarm_watches_is_told_by_its_namespace_name_and_dimensions(
    alarm: alarms.Alarm,
    aws: Aws,
    partner: Partner,
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    metric = Metric(alarm.metric["MetricName"])
    HAPPENS[metric](alarm, aws, partner)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if "_aws" in line and metric.value in line]
    assert told
    watched = {each["Name"] for each in alarm.metric["Dimensions"]}
    for line in told:
        (of,) = line["_aws"]["CloudWatchMetrics"]
        assert of["Namespace"] == NAMESPACE
        assert watched in [set(by) for by in of["Dimensions"]]
        assert line[STACK_DIMENSION] == environment["STACK_NAME"]
