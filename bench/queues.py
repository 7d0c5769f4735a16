"""Whether the workers of a stack have anything to do."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import boto3

from infra.local import RunningStack

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType


def idleness(stack: RunningStack) -> Callable[[], bool]:
    """Return what says whether no queue holds a message, waiting or in a worker's hands."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=stack.endpoint_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the embedded cloud's, which takes any
    )
    queues = [url for name, url in stack.outputs.items() if name.endswith("QueueUrl")]
    names: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ]

    def is_idle() -> bool:
        held = (sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names) for url in queues)
        return all(int(count) == 0 for answer in held for count in answer["Attributes"].values())

    return is_idle
