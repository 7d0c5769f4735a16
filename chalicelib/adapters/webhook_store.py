"""Webhook subscriptions and their deliveries in DynamoDB."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, zip_longest

from pydantic import TypeAdapter
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition

from chalicelib.adapters import keys
from chalicelib.adapters.outbox import told
from chalicelib.adapters.receipts import put_with_receipt, update_with_receipt
from chalicelib.adapters.rows.webhooks import DeliveryRow, EventRow, SubscriptionRow
from chalicelib.domain.deliveries import HANDED_OVER_AGAIN_AFTER, KEEP, Delivery
from chalicelib.domain.errors import ConflictError, WebhookNotFoundError
from chalicelib.domain.events import AuditEntry
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.webhooks import Endpoint, OldSecret, Subscription

#: How long what is left of a removed subscription stays: its outbox has long been told then.
KEEP_REMOVED = timedelta(days=30)

#: So many rows of the index of what is due are read at once, of one subscription.
DUE_READ_AT_ONCE = 100

#: No id of ours is as long, and DynamoDB refuses keys that are longer than a kilobyte.
_MAX_ID_CHARACTERS = 200

_SUBSCRIPTIONS = "SUBSCRIPTIONS"
_CONDITION_FAILED = "ConditionalCheckFailedException"
_OLD_SECRETS = TypeAdapter(tuple[OldSecret, ...])


class DynamoSubscriptions:
    """The Subscriptions on DynamoDB: few, and always read together, so one partition.

    `row` is the service's own, or that of another stack.
    """

    def __init__(self, row: type[SubscriptionRow] = SubscriptionRow) -> None:
        self._row = row

    def add(self, endpoint: Endpoint, *, audit: AuditEntry, receipt: Receipt | None = None) -> None:
        """Keep a new subscription with its secret, what Audit is told, and the call's receipt."""
        row = self._row(
            _SUBSCRIPTIONS,
            endpoint.subscription.id,
            version=endpoint.subscription.version,
            body=endpoint.subscription.model_dump_json(),
            secret=endpoint.secret,
            old_secrets=_OLD_SECRETS.dump_json(endpoint.old_secrets).decode(),
            outbox=told(audit=audit),
        )
        put_with_receipt(row, SubscriptionRow.pk.does_not_exist(), receipt)

    def get(self, subscription_id: str) -> Endpoint:
        """Return a subscription as last written; raises WebhookNotFoundError."""
        if len(subscription_id) > _MAX_ID_CHARACTERS:
            raise WebhookNotFoundError
        row = self._row.read(_SUBSCRIPTIONS, subscription_id)
        endpoint = _endpoint(row) if row else None
        if endpoint is None:
            raise WebhookNotFoundError
        return endpoint

    def all(self) -> tuple[Endpoint, ...]:
        """Return every subscription, as last written."""
        rows = self._row.query(_SUBSCRIPTIONS, consistent_read=True)
        return tuple(endpoint for row in rows if (endpoint := _endpoint(row)))

    def save(
        self,
        endpoint: Endpoint,
        *,
        audit: AuditEntry | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Keep the next version of a subscription, with what Audit is told and the receipt.

        Raises ConflictError, IdempotencyKeyTakenError.
        """
        row = self._row(_SUBSCRIPTIONS, endpoint.subscription.id)
        actions = [
            SubscriptionRow.version.set(endpoint.subscription.version),
            SubscriptionRow.body.set(endpoint.subscription.model_dump_json()),
            SubscriptionRow.secret.set(endpoint.secret),
            SubscriptionRow.old_secrets.set(_OLD_SECRETS.dump_json(endpoint.old_secrets).decode()),
        ]
        if audit:  # otherwise what was told stays, and is not told again
            actions.append(SubscriptionRow.outbox.set(told(audit=audit)))
        update_with_receipt(row, actions, _is_before(endpoint), receipt)

    def remove(self, endpoint: Endpoint, *, audit: AuditEntry) -> None:
        """End a subscription and forget its secrets; raises ConflictError."""
        ended_at = endpoint.subscription.updated_at or endpoint.subscription.created_at
        row = self._row(_SUBSCRIPTIONS, endpoint.subscription.id)
        actions = [
            SubscriptionRow.version.set(endpoint.subscription.version),
            SubscriptionRow.secret.remove(),
            SubscriptionRow.old_secrets.remove(),
            SubscriptionRow.outbox.set(told(audit=audit)),
            SubscriptionRow.expires_at.set(int((ended_at + KEEP_REMOVED).timestamp())),
        ]
        update_with_receipt(row, actions, _is_before(endpoint), receipt=None)


class DynamoDeliveries:
    """The Deliveries on DynamoDB: an item a delivery, an item an event, until TTL takes them.

    `row` is the service's own, or that of another stack.
    """

    def __init__(self, row: type[DeliveryRow] = DeliveryRow) -> None:
        self._row = row

    def keep_event(self, event: PublishedEvent, at: datetime) -> None:
        """Keep an event for its deliveries; again does no harm."""
        EventRow(
            keys.event_pk(event.id), body=event.model_dump_json(), expires_at=_expiry(at)
        ).save()

    def event(self, event_id: str) -> PublishedEvent | None:
        """Return an event; None where it is kept no more."""
        row = EventRow.read(keys.event_pk(event_id), "EVENT")
        return PublishedEvent.model_validate_json(row.body) if row else None

    def get(self, subscription_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery as last written; None where there is none."""
        if len(delivery_id) > _MAX_ID_CHARACTERS:
            return None
        row = self._row.read(keys.deliveries_pk(subscription_id), delivery_id)
        return _delivery(row) if row else None

    def save(self, delivery: Delivery, *, receipt: Receipt | None = None) -> None:
        """Keep the next version of a delivery, and the call's receipt.

        Raises ConflictError, IdempotencyKeyTakenError.
        """
        due = delivery.due_at
        row = self._row(
            keys.deliveries_pk(delivery.subscription_id),
            delivery.id,
            version=delivery.version,
            body=delivery.model_dump_json(),
            due_shard=delivery.subscription_id if due else None,
            due_at=keys.due_at(due) if due else None,
            expires_at=_expiry(delivery.created_at),
        )
        is_first = delivery.version == 1
        free: Condition = (
            DeliveryRow.pk.does_not_exist()
            if is_first
            else DeliveryRow.version == delivery.version - 1
        )
        try:
            put_with_receipt(row, free, receipt)
        except PutError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            raise ConflictError from None

    def latest(
        self, subscription_id: str, *, limit: int, before: str | None = None
    ) -> list[Delivery]:
        """Return up to `limit` deliveries, newest events first, from below the id `before` on."""
        below = DeliveryRow.sk < before if before else None
        rows = self._row.query(
            keys.deliveries_pk(subscription_id),
            below,
            scan_index_forward=False,
            limit=limit,
            consistent_read=True,
        )
        return [_delivery(row) for row in rows]

    def following(self, subscription_id: str, *, after: str, limit: int) -> list[Delivery]:
        """Return up to `limit` deliveries, oldest events first, from above the id `after` on."""
        rows = self._row.query(
            keys.deliveries_pk(subscription_id),
            DeliveryRow.sk > after,
            limit=limit,
            consistent_read=True,
        )
        return [_delivery(row) for row in rows]

    def take_due(
        self, subscription_ids: Iterable[str], now: datetime, *, of_each: int
    ) -> Iterator[Delivery]:
        """Yield deliveries whose time in the table has come, of each subscription in turn.

        The time is moved on as each is asked for; whoever moves it has the delivery, so that of
        two sweeps at once only one does.
        """
        due = (
            DeliveryRow.by_due.query(
                each,
                DeliveryRow.due_at <= keys.due_at(now),
                limit=of_each,
                page_size=DUE_READ_AT_ONCE,
            )
            for each in subscription_ids
        )
        for row in chain.from_iterable(zip_longest(*due)):
            if row and (delivery := _taken(row, now)):
                yield delivery


def _taken(found: DeliveryRow, now: datetime) -> Delivery | None:
    """Return a delivery that the index showed, unless it is due no more."""
    row = DeliveryRow(found.pk, found.sk)
    later = keys.due_at(now + HANDED_OVER_AGAIN_AFTER)
    try:
        row.update(
            actions=[DeliveryRow.due_at.set(later)], condition=DeliveryRow.due_at == found.due_at
        )
    except UpdateError as error:
        if error.cause_response_code != _CONDITION_FAILED:
            raise
        return None
    return _delivery(row)


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery.model_validate_json(row.body)


def _endpoint(row: SubscriptionRow) -> Endpoint | None:
    """Return a subscription; None for what is left of one that was removed."""
    secret: str | None = row.secret
    if secret is None:
        return None
    return Endpoint(
        subscription=Subscription.model_validate_json(row.body),
        secret=secret,
        old_secrets=_OLD_SECRETS.validate_json(row.old_secrets or "[]"),
    )


def _is_before(endpoint: Endpoint) -> Condition:
    before: Condition = (SubscriptionRow.version == endpoint.subscription.version - 1) & (
        SubscriptionRow.secret.exists()
    )
    return before


def _expiry(kept_from: datetime) -> int:
    return int((kept_from + KEEP).timestamp())
