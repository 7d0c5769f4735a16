"""Webhook deliveries that were given up: found in the table, and sent again one by one."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from chalicelib.adapters import tables
from chalicelib.adapters.audit import RelayedAuditQueue
from chalicelib.adapters.webhook_queue import SqsWebhookQueue
from chalicelib.adapters.webhook_store import DynamoDeliveries, DynamoSubscriptions
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.errors import BudgetRequestsError
from chalicelib.usecases import deliveries as usecase
from infra.place import Place, told_clearly
from infra.progress import Report

#: The most deliveries of a subscription that are looked through, those of the newest events first.
MAX_READ = 5000
_PAGE = 100

_TABLE = "WebhooksTableName"


def deliveries(place: Place) -> list[Delivery]:
    """Return the deliveries that were given up, of each subscription the newest events first."""
    subscriptions = DynamoSubscriptions(place.row(tables.SubscriptionRow, _TABLE))
    store = DynamoDeliveries(place.row(tables.DeliveryRow, _TABLE))
    return [
        delivery
        for endpoint in subscriptions.all()
        for delivery in _latest(store, endpoint.subscription.id)
        if delivery.is_given_up
    ]


def send_again(
    place: Place, *, rate: int, report: Report, pause: Callable[[float], object] = time.sleep
) -> tuple[int, list[str]]:
    """Have what was given up tried again, the oldest events first, and Audit told of each.

    Returns how many, and why the others were not: those of a subscription that is not active are
    left, since its receiver does not want them now. Doing it again does no harm: what is on its
    way is given up no more.
    """
    subscriptions = DynamoSubscriptions(place.row(tables.SubscriptionRow, _TABLE))
    store = DynamoDeliveries(place.row(tables.DeliveryRow, _TABLE))
    queue = SqsWebhookQueue(place.named("WebhooksQueueUrl"), place.cloud.sqs)
    audit = RelayedAuditQueue(place.row(tables.AuditOutboxRow, _TABLE))
    sent, left = 0, []
    with told_clearly():
        active = {
            each.subscription.id for each in subscriptions.all() if each.subscription.is_active
        }
        found = sorted(deliveries(place), key=lambda delivery: delivery.id)
        for delivery in found:
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
            report(f"{sent} of {len(found)}")
            pause(1 / rate)
    return sent, left


def _latest(store: DynamoDeliveries, subscription_id: str) -> Iterator[Delivery]:
    before, read = None, 0
    while read < MAX_READ:
        page = store.latest(subscription_id, limit=_PAGE, before=before)
        yield from page
        if len(page) < _PAGE:
            return
        before, read = page[-1].id, read + len(page)
