"""How full the queues are."""

from collections.abc import Mapping

from chalicelib.adapters import aws
from chalicelib.domain.metrics import Depth

_WAITING = "ApproximateNumberOfMessages"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"


class SqsQueues:
    """The Queues on SQS, by name and address."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls

    def depths(self) -> dict[str, Depth]:
        """Return how many messages each queue has, in a round trip each."""
        return {name: _depth(url) for name, url in self._urls.items()}


def _depth(url: str) -> Depth:
    answer = aws.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=[_WAITING, _IN_FLIGHT, _DELAYED]
    )
    told = answer["Attributes"]
    return Depth(
        waiting=int(told[_WAITING]), in_flight=int(told[_IN_FLIGHT]), delayed=int(told[_DELAYED])
    )
