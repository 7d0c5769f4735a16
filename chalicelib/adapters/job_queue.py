"""The queue that leads to the worker of jobs."""

from chalicelib.adapters.sending import send
from chalicelib.domain.jobs import JobOrder


class SqsJobQueue:
    """The JobQueue on SQS; the schedules of infra/template/bus.yaml send the same messages."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    def send(self, order: JobOrder) -> None:
        """Queue `order`."""
        send(self._queue_url, order.model_dump_json())
