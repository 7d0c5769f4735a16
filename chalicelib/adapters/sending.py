"""Messages on SQS, which carry the id of the call that they come from."""

from typing import Any

from chalicelib.adapters import aws
from chalicelib.domain.messages import CORRELATION_MESSAGE_ATTRIBUTE
from chalicelib.observability import correlation_id


def send(
    queue_url: str,
    body: str,
    *,
    group: str | None = None,
    client: Any = None,  # noqa: ANN401 - botocore's
) -> None:
    """Queue `body`, by the service's own client unless one is given.

    No `group` of messages delays the others of its queue (SQS fair queues). Raises what botocore
    raises.
    """
    attributes: dict[str, Any] = {}
    found = correlation_id()
    if found is not None:
        attributes[CORRELATION_MESSAGE_ATTRIBUTE] = {"DataType": "String", "StringValue": found}
    fairly = {"MessageGroupId": group} if group else {}
    (client or aws.client("sqs")).send_message(
        QueueUrl=queue_url, MessageBody=body, MessageAttributes=attributes, **fairly
    )
