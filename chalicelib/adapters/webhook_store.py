"""Webhook subscriptions and their deliveries in DynamoDB."""

from datetime import timedelta

from chalicelib.adapters.receipts import put_with_receipt
from chalicelib.adapters.tables import DeliveryRow, SubscriptionRow
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.webhooks import Subscription
from chalicelib.usecases.ports import Attempt

#: How long the record of a delivery is kept.
KEEP_DELIVERIES = timedelta(days=30)

_SUBSCRIPTIONS = "SUBSCRIPTIONS"


class DynamoSubscriptions:
    """The Subscriptions on DynamoDB: few, and always read together, so one partition."""

    def add(
        self, subscription: Subscription, secret: str, *, receipt: Receipt | None = None
    ) -> None:
        """Keep a new subscription with its secret, and the receipt of the call with it."""
        row = SubscriptionRow(
            _SUBSCRIPTIONS,
            subscription.id,
            body=subscription.model_dump_json(),
            secret=secret,
        )
        put_with_receipt(row, SubscriptionRow.pk.does_not_exist(), receipt)

    def all(self) -> tuple[tuple[Subscription, str], ...]:
        """Return every subscription with its secret, as last written."""
        rows = SubscriptionRow.query(_SUBSCRIPTIONS, consistent_read=True)
        return tuple((Subscription.model_validate_json(row.body), row.secret) for row in rows)


class DynamoDeliveries:
    """The Deliveries on DynamoDB: an item an attempt, so that two attempts never overwrite."""

    def record(self, subscription_id: str, event_id: str, attempt: Attempt) -> None:
        """Keep how an attempt went, until TTL takes it."""
        DeliveryRow(
            f"DELIVERIES#{subscription_id}",
            f"{event_id}#{attempt.at.isoformat()}",
            body=attempt.model_dump_json(),
            expires_at=int((attempt.at + KEEP_DELIVERIES).timestamp()),
        ).save()
