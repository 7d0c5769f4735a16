"""A failed message comes back when it is told to."""

import pytest

from chalicelib import bootstrap
from tests.conftest import Aws, client


def received(aws: Aws) -> list[str]:
    answer = client("sqs").receive_message(QueueUrl=aws.queue_url, VisibilityTimeout=100)
    return [message["ReceiptHandle"] for message in answer.get("Messages", [])]


@pytest.mark.parametrize(("seconds", "is_back"), [(0, True), (60, False)])
def test_a_message_comes_back_after_its_delay(aws: Aws, seconds: int, *, is_back: bool) -> None:
    client("sqs").send_message(QueueUrl=aws.queue_url, MessageBody="{}")
    (handle,) = received(aws)

    assert bootstrap.retry_queue().postpone(handle, seconds)

    assert bool(received(aws)) is is_back


def test_a_message_that_cannot_be_postponed_keeps_the_queues_own_delay(aws: Aws) -> None:  # noqa: ARG001 - the engine
    assert not bootstrap.retry_queue().postpone("no-such-handle", 5)
