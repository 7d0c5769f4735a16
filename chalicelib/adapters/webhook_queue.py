"""The queue that leads to the worker of webhooks."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.sending import send
from chalicelib.domain.deliveries import Order, SweepOrder
from chalicelib.domain.errors import DeliveryFailedError


class SqsWebhookQueue:
    """The WebhookQueue on SQS: the one that the bus fills with events as well.

    `client` is the service's own unless given.
    """

    def __init__(self, queue_url: str, client: Any = None) -> None:  # noqa: ANN401 - botocore's
        self._queue_url = queue_url
        self._client = client

    def send(self, orders: Sequence[Order]) -> None:
        """Queue `orders`, those of a subscription as a group.

        Raises DeliveryFailedError where not all could be.
        """
        # One by one: the right to SendMessage covers batches on AWS, but not on the embedded cloud.
        for order in orders:
            group = None if isinstance(order, SweepOrder) else order.subscription_id
            try:
                send(self._queue_url, order.model_dump_json(), group=group, client=self._client)
            except (ClientError, BotoCoreError) as error:
                raise DeliveryFailedError(f"The queue took no order: {error}") from error
