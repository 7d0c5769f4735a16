"""The least that can be asked of each part, to see whether it answers.

Clients are made here, not in the checks, which run side by side: botocore's session is for one
thread at a time.
"""

from collections.abc import Mapping
from functools import partial

from chalicelib.adapters import aws
from chalicelib.usecases.health import Check

#: An item that no table has.
_NO_ITEM = {"pk": {"S": "HEALTH"}, "sk": {"S": "HEALTH"}}


def tables(names: Mapping[str, str]) -> dict[str, Check]:
    """Return a check for each table: a consistent read of nothing, half a read unit's worth."""
    dynamodb = aws.client("dynamodb")
    return {
        f"table {name}": partial(
            dynamodb.get_item, TableName=table, Key=_NO_ITEM, ConsistentRead=True
        )
        for name, table in names.items()
    }


def queues(urls: Mapping[str, str]) -> dict[str, Check]:
    """Return a check for each queue: its name."""
    sqs = aws.client("sqs")
    return {
        f"queue {name}": partial(
            sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["QueueArn"]
        )
        for name, url in urls.items()
    }
