"""The worker's own queue: when a message that failed shall come back."""

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import aws


class SqsRetryQueue:
    """Sets the visibility timeout of a message, which is when SQS delivers it again."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def postpone(self, receipt_handle: str, seconds: int) -> bool:
        """Have a message come back in `seconds`; False where the queue's own timeout stands."""
        try:
            aws.client("sqs").change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=seconds,
            )
        except (ClientError, BotoCoreError):
            return False
        return True
