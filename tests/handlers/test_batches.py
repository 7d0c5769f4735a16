"""What every queue worker has in common: messages fail alone, and come back later and later."""

import json
from typing import Any

import pytest

from chalicelib.domain.retries import FIRST_RETRY_SECONDS
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.webhooks import webhooks
from tests import samples
from tests.conftest import Aws, Logs, client
from tests.factories import sealed
from tests.handlers.workers import POISON, Worker, poison, run
from tests.partner import Partner, Reply

WORKERS: dict[str, Worker] = {
    "webhooks.json": webhooks,
    "audit.json": audit,
    "notifications.json": notifications,
    "finance.json": finance_worker,
}
NAMES = [sample.removesuffix(".json") for sample in WORKERS]
EVERY_WORKER = pytest.mark.parametrize(("sample", "worker"), WORKERS.items(), ids=NAMES)


@pytest.fixture(autouse=True)
def everything(
    finance: Partner,  # noqa: ARG001 - listens
    audit_logs: Partner,  # noqa: ARG001 - listens
) -> None:
    """All partners listen, and the story of the samples is in the tables."""
    samples.keep_story()


@EVERY_WORKER
@pytest.mark.parametrize("body", POISON)
def test_a_poison_message_is_reported_alone(sample: str, worker: Worker, body: str) -> None:
    good = samples.read(sample)["Records"]
    bad = poison(body)

    assert run(worker, bad, *good) == [bad["messageId"]]


@pytest.mark.parametrize("worker", WORKERS.values(), ids=NAMES)
def test_an_empty_batch_is_nothing_to_do(worker: Worker) -> None:
    assert run(worker) == []


@EVERY_WORKER
def test_what_a_poison_message_said_is_not_logged(sample: str, worker: Worker, logs: Logs) -> None:
    (record, *_) = samples.read(sample)["Records"]
    message = json.loads(record["body"])
    wrong = {"time": "a secret time", "data": {"purpose": "a secret purpose"}}
    message["detail"] = sealed(message["detail"] | wrong)

    run(worker, poison(json.dumps(message)))
    run(worker, poison('{"detail": "a secret detail"'))

    assert "secret" not in logs.text
    assert len(logs.at("ERROR")) == 2


def test_what_an_event_says_of_its_hold_is_not_logged(logs: Logs) -> None:
    (record,) = samples.read("finance.json")["Records"]
    message = json.loads(record["body"])
    message["detail"]["data"]["reservedAmount"] = "a secret amount"
    message["detail"] = sealed(message["detail"])

    run(finance_worker, poison(json.dumps(message)))

    (line,) = logs.at("ERROR")
    assert line["exception_name"] == "ValidationError"
    assert "secret" not in logs.text


def queued(aws: Aws, body: str) -> dict[str, Any]:
    """Return a message as a worker receives it from a real queue, by its real receipt."""
    sqs = client("sqs")
    sqs.send_message(QueueUrl=aws.queue_url, MessageBody=body)
    (message,) = sqs.receive_message(QueueUrl=aws.queue_url, VisibilityTimeout=600)["Messages"]
    return samples.record("real", body, 1) | {"receiptHandle": message["ReceiptHandle"]}


def is_back(aws: Aws) -> bool:
    return "Messages" in client("sqs").receive_message(QueueUrl=aws.queue_url)


def test_a_hopeless_message_comes_back_at_once_to_be_set_aside(aws: Aws, logs: Logs) -> None:
    run(audit, queued(aws, "{}"))

    assert is_back(aws)
    assert "could not postpone" not in logs.text


def test_a_message_that_a_partner_failed_comes_back_later(
    aws: Aws, audit_logs: Partner, logs: Logs
) -> None:
    audit_logs.usual = Reply(503)
    (record, _) = samples.read("audit.json")["Records"]

    assert len(run(audit, queued(aws, record["body"]))) == 1

    assert FIRST_RETRY_SECONDS > 0
    assert not is_back(aws)
    assert "could not postpone" not in logs.text


def test_a_message_that_cannot_be_postponed_is_reported_all_the_same(logs: Logs) -> None:
    bad = poison("{}")

    assert run(audit, bad) == [bad["messageId"]]

    assert "could not postpone" in [line["message"] for line in logs.at("WARNING")]


def test_a_batch_is_logged_by_its_counts(logs: Logs) -> None:
    run(audit, poison("{}"), *samples.read("audit.json")["Records"])

    (line,) = (line for line in logs.lines if line["message"] == "batch done")
    assert (line["messages"], line["failures"]) == (3, 1)


class AboutToBeStopped:
    """A Lambda context with too little time left to begin anything."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 10_000


@EVERY_WORKER
def test_a_message_that_would_be_cut_off_is_not_begun(
    sample: str, worker: Worker, audit_logs: Partner, finance: Partner
) -> None:
    event = samples.read(sample)

    told = worker(event, AboutToBeStopped())

    assert len(told["batchItemFailures"]) == len(event["Records"])
    assert audit_logs.received == finance.received == []
