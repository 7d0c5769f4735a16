"""The relay's dead-letter queue, as the relay itself fills it."""

from chalicelib.adapters import aws
from chalicelib.domain.set_aside import SetAside


class SqsSetAside:
    """The records that could not be told, on the queue that Lambda also parks its failures in."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def put(self, record: SetAside) -> None:
        """Keep a record for who looks into it."""
        aws.client("sqs").send_message(
            QueueUrl=self._queue_url, MessageBody=record.model_dump_json()
        )
