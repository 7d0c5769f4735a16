"""Routes of what webhooks were sent: tests, deliveries, and sending again (SPEC.md 6)."""

from http import HTTPStatus

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.deliveries import Delivery, DeliveryMeta, DeliveryQuery, RecoverQuery
from chalicelib.domain.errors import (
    BusyError,
    DeliveryNotFoundError,
    StaleVersionError,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from chalicelib.domain.webhooks import Subscription
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call, Nothing
from chalicelib.handlers.http.webhooks import shown_webhook
from chalicelib.usecases import deliveries as usecase

#: A delivery as it is shown; how it is worked on is between the workers.
DELIVERY = Shown(
    "WebhookDelivery",
    Delivery,
    hidden=frozenset({"version", "tries", "tried_since", "is_by_hand", "due_at", "lease_until"}),
)


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/webhooks/{id}/test",
        scope=Scope.WEBHOOKS_MANAGE,
        status=HTTPStatus.ACCEPTED,
        summary="Send a webhook.ping to this subscription alone, once",
        message="The test was queued; its delivery tells how it went",
        gives=DELIVERY,
        raises=(WebhookNotFoundError, BusyError),
    )
    def send_test(call: Call) -> Answer:
        return _delivery(
            usecase.send_test(
                call.path["id"],
                by=call.actor,
                at=call.at,
                subscriptions=bootstrap.subscriptions(),
                deliveries=bootstrap.deliveries(),
                queue=bootstrap.webhook_queue(),
                audit=bootstrap.audit_queue(),
                receipt=call.receipt(_delivery),
            )
        )

    @api.route(
        "GET",
        "/webhooks/{id}/deliveries",
        asks=DeliveryQuery,
        scope=Scope.WEBHOOKS_MANAGE,
        summary="What was sent in the last 30 days and how it went, newest events first",
        message="Deliveries retrieved successfully",
        gives=ManyOf(DELIVERY),
        meta=DeliveryMeta,
        raises=(WebhookNotFoundError,),
    )
    def list_deliveries(call: Call[Nothing, DeliveryQuery]) -> Answer:
        page = usecase.list_page(
            call.path["id"],
            call.query,
            by=call.actor,
            subscriptions=bootstrap.subscriptions(),
            deliveries=bootstrap.deliveries(),
            cursor_secrets=bootstrap.jwt_secrets(),
        )
        meta = DeliveryMeta(limit=page.limit, next_cursor=page.next_cursor)
        return Answer([DELIVERY.of(each) for each in page.rows], meta=meta.model_dump())

    @api.route(
        "POST",
        "/webhooks/{id}/deliveries/{deliveryId}/redeliver",
        scope=Scope.WEBHOOKS_MANAGE,
        status=HTTPStatus.ACCEPTED,
        summary="Send one event again, whatever became of it",
        message="The delivery was queued again",
        gives=DELIVERY,
        raises=(WebhookNotFoundError, DeliveryNotFoundError, BusyError),
    )
    def redeliver(call: Call) -> Answer:
        return _delivery(
            usecase.redeliver(
                call.path["id"],
                call.path["delivery_id"],
                by=call.actor,
                at=call.at,
                subscriptions=bootstrap.subscriptions(),
                deliveries=bootstrap.deliveries(),
                queue=bootstrap.webhook_queue(),
                audit=bootstrap.audit_queue(),
                receipt=call.receipt(_delivery),
            )
        )

    @api.route(
        "POST",
        "/webhooks/{id}/recover",
        asks=RecoverQuery,
        acts_first=True,
        scope=Scope.WEBHOOKS_MANAGE,
        status=HTTPStatus.ACCEPTED,
        summary="Send all events since a time again that were not taken",
        message="The recovery was queued; the deliveries tell how it goes",
        gives=Subscription,
        raises=(WebhookNotFoundError, StaleVersionError, WebhookDisabledError, BusyError),
        etag=True,
    )
    def recover(call: Call[Nothing, RecoverQuery]) -> Answer:
        return shown_webhook(
            usecase.recover(
                call.path["id"],
                call.query.since,
                by=call.actor,
                at=call.at,
                expected=call.expected,
                subscriptions=bootstrap.subscriptions(),
                queue=bootstrap.webhook_queue(),
                receipt=call.receipt(shown_webhook),
            )
        )


def _delivery(delivery: Delivery) -> Answer:
    return Answer(DELIVERY.of(delivery))
