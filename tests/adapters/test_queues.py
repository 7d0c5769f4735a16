"""How full queues are."""

from chalicelib import bootstrap
from chalicelib.domain.metrics import Depth
from tests.conftest import Aws, client


def test_each_queue_tells_what_waits_and_what_is_at_work(aws: Aws) -> None:
    sqs = client("sqs")
    for number in range(3):
        sqs.send_message(QueueUrl=aws.queue_url, MessageBody=str(number))
    sqs.send_message(QueueUrl=aws.queue_url, MessageBody="later", DelaySeconds=60)
    sqs.receive_message(QueueUrl=aws.queue_url, MaxNumberOfMessages=1)

    assert bootstrap.queues().depths() == {
        "audit": Depth(waiting=2, in_flight=1, delayed=1),
        "audit-dlq": Depth(waiting=0, in_flight=0, delayed=0),
        "jobs": Depth(waiting=0, in_flight=0, delayed=0),
    }
