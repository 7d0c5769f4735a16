"""Webhook deliveries that were given up: found in the table, and sent again one by one."""

import heapq
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from chalicelib.adapters.audit import RelayedAuditQueue
from chalicelib.adapters.rows.tellings import AuditOutboxRow
from chalicelib.adapters.rows.webhooks import DeliveryRow, SubscriptionRow
from chalicelib.adapters.webhook_queue import SqsWebhookQueue
from chalicelib.adapters.webhook_store import DynamoDeliveries, DynamoSubscriptions
from chalicelib.domain.deliveries import Delivery, first_id_since
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.usecases import deliveries as usecase
from infra.place import Place, told_clearly
from infra.progress import Report

#: Deliveries are looked through so many at once, however many there are.
PAGE = 100

_BEFORE_ALL = first_id_since(datetime.fromtimestamp(0, UTC))

_TABLE = "WebhooksTableName"


def deliveries(place: Place) -> Iterator[Delivery]:
    """Yield the deliveries that were given up, of each subscription the newest events first."""
    subscriptions = DynamoSubscriptions(place.row(SubscriptionRow, _TABLE))
    store = DynamoDeliveries(place.row(DeliveryRow, _TABLE))
    for endpoint in subscriptions.all():
        yield from filter(_is_given_up, _newest_first(store, endpoint.subscription.id))


def send_again(
    place: Place, *, rate: int, report: Report, pause: Callable[[float], object] = time.sleep
) -> tuple[int, list[str]]:
    """Have what was given up tried again, the oldest events first, and Audit told of each.

    Returns how many, and why the others were not: those of a subscription that is not active are
    left, since its receiver does not want them now. Doing it again does no harm: what is on its
    way is given up no more.
    """
    subscriptions = DynamoSubscriptions(place.row(SubscriptionRow, _TABLE))
    store = DynamoDeliveries(place.row(DeliveryRow, _TABLE))
    queue = SqsWebhookQueue(place.named("WebhooksQueueUrl"), place.cloud.sqs)
    audit = RelayedAuditQueue(place.row(AuditOutboxRow, _TABLE))
    sent, left = 0, []
    with told_clearly():
        known = [endpoint.subscription for endpoint in subscriptions.all()]
        active = {each.id for each in known if each.is_active}
        found = heapq.merge(
            *(_oldest_first(store, each.id) for each in known), key=lambda delivery: delivery.id
        )
        for delivery in filter(_is_given_up, found):
            if delivery.subscription_id not in active:
                left.append(f"{delivery.subscription_id} is not active")
                continue
            try:
                usecase.redeliver(
                    delivery.subscription_id,
                    delivery.id,
                    by=place.operator,
                    at=datetime.now(UTC),
                    subscriptions=subscriptions,
                    deliveries=store,
                    queue=queue,
                    audit=audit,
                )
            except BudgetRequestsError as error:
                left.append(f"{delivery.subscription_id} {delivery.id}: {error} ({error.code})")
                continue
            sent += 1
            report(f"{sent} sent")
            pause(1 / rate)
    return sent, left


def _is_given_up(delivery: Delivery) -> bool:
    return delivery.is_given_up


def _newest_first(store: DynamoDeliveries, subscription_id: str) -> Iterator[Delivery]:
    page = store.latest(subscription_id, limit=PAGE)
    while page:
        yield from page
        page = store.latest(subscription_id, limit=PAGE, before=page[-1].id)


def _oldest_first(store: DynamoDeliveries, subscription_id: str) -> Iterator[Delivery]:
    page = store.following(subscription_id, after=_BEFORE_ALL, limit=PAGE)
    while page:
        yield from page
        page = store.following(subscription_id, after=page[-1].id, limit=PAGE)
