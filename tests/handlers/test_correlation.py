"""One id goes with what a call sets off: HTTP, outbox, bus, queues, Finance, Audit, logs."""

import json
from typing import Any

import pytest

from chalicelib.adapters.job_queue import SqsJobQueue
from chalicelib.domain.jobs import JobName, JobOrder, JobPayload
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.relay import relay
from chalicelib.observability import correlated
from tests import samples
from tests.conftest import Aws, Logs, client
from tests.factories import AT
from tests.handlers.workers import run, run_sample
from tests.http_api import Api
from tests.partner import Partner, Reply

ID = "people-call-0001"
HEADER = "x-correlation-id"


def approve(api: Api) -> None:
    request_id = api.waiting()
    path = f"/budget-requests/{request_id}/approve"
    headers = {HEADER: ID}
    reply = api.call("POST", path, role="Finance Admin", body={}, headers=headers)
    assert reply.status == 200


def told(aws: Aws) -> list[dict[str, Any]]:
    """Return what the bus brings of the approval."""
    relay(aws.streamed("requests"), None)
    return [
        message
        for message in aws.on_the_bus()
        if message["detail-type"] == "budget_request.approved"
        or message["detail"].get("action") == "APPROVE"
    ]


def test_a_caller_chooses_the_id_and_hears_it_again(api: Api, logs: Logs) -> None:
    reply = api.call("GET", "/budgets", role="Finance Clerk", headers={HEADER: ID})

    assert reply.headers["X-Correlation-Id"] == ID
    assert {line["correlation_id"] for line in logs.lines} == {ID}


@pytest.mark.parametrize("chosen", ["no\tid", "ada@example.com", "x" * 200])
def test_what_cannot_be_an_id_is_replaced_by_that_of_the_call(chosen: str, api: Api) -> None:
    reply = api.call("GET", "/budgets", headers={HEADER: chosen})

    assert reply.headers["X-Correlation-Id"] == reply.json["requestId"]


def test_a_change_carries_it_over_the_bus(aws: Aws, api: Api) -> None:
    approve(api)

    event, entry = told(aws)

    assert event["detail"]["correlationid"] == ID
    assert entry["detail"]["metadata"]["correlationId"] == ID


def test_finance_and_audit_are_told_it_and_the_workers_log_it(
    aws: Aws, api: Api, finance: Partner, audit_logs: Partner, logs: Logs
) -> None:
    approve(api)
    event, entry = told(aws)
    finance.received.clear()

    assert run(finance_worker, samples.record("finance", event, 1)) == []
    audit_logs.next.append(Reply(503))
    assert len(run(audit, samples.record("audit", entry, 2))) == 1

    (reserve,) = finance.received
    (recorded,) = audit_logs.received
    assert (reserve.headers[HEADER], recorded.headers[HEADER]) == (ID, ID)
    assert json.loads(recorded.json()["metadata"])["correlationId"] == ID
    assert {line["correlation_id"] for line in logs.at("WARNING")} == {ID}


def test_a_view_carries_it_to_audit(aws: Aws, api: Api, audit_logs: Partner) -> None:
    request_id = api.draft()
    path = f"/budget-requests/{request_id}"
    api.call("GET", path, role="Finance Clerk", headers={HEADER: ID})

    for message in aws.queued():
        assert run(audit, samples.record("audit", message, 1)) == []

    (viewed,) = audit_logs.received
    assert viewed.headers[HEADER] == ID


def test_what_is_queued_without_the_bus_carries_it_beside_its_body(aws: Aws) -> None:
    order = JobOrder(
        job=JobName.SLA_CHECK, run_id="run_1", queued_at=AT, by="u-ada", payload=JobPayload()
    )
    with correlated(ID):
        SqsJobQueue(aws.jobs_queue_url).send(order)

    (message,) = client("sqs").receive_message(
        QueueUrl=aws.jobs_queue_url, MessageAttributeNames=["All"]
    )["Messages"]
    assert message["MessageAttributes"]["correlation-id"]["StringValue"] == ID


def test_a_worker_goes_by_the_attribute_of_its_message(audit_logs: Partner) -> None:
    (record, _) = samples.read("audit.json")["Records"]
    attribute = {"dataType": "String", "stringValue": ID}

    assert run(audit, record | {"messageAttributes": {"correlation-id": attribute}}) == []

    (recorded,) = audit_logs.received
    assert recorded.headers[HEADER] == ID


def test_a_message_of_no_call_goes_by_its_own_id(finance: Partner) -> None:
    samples.keep_story()
    (record,) = samples.read("finance.json")["Records"]

    assert run_sample(finance_worker, "finance.json") == []

    (reserve,) = finance.received
    assert reserve.headers[HEADER] == record["messageId"]


def test_a_change_of_no_call_carries_none(aws: Aws) -> None:
    samples.keep_story()

    relay(aws.streamed("requests"), None)

    assert not [each for each in aws.on_the_bus() if "correlationid" in each["detail"]]
