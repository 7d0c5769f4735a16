"""Routes of webhook subscriptions (SPEC.md 6)."""

from http import HTTPStatus

from chalicelib import bootstrap
from chalicelib.domain.access import Scope
from chalicelib.domain.webhooks import NewSubscription, Subscription
from chalicelib.handlers.http.answers import Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import webhooks as usecase

#: A subscription as its creation shows it, this once with its secret; null in a replayed answer.
NEW_WEBHOOK = Shown("CreatedWebhook", Subscription, more={"secret": str | None})


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/webhooks",
        takes=NewSubscription,
        status=HTTPStatus.CREATED,
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Subscribe to events; the secret is shown this once",
        message="Webhook created; its secret is shown this once",
        gives=NEW_WEBHOOK,
    )
    def subscribe(call: Call[NewSubscription]) -> Answer:
        subscription, secret = usecase.subscribe(
            call.body,
            by=call.actor,
            at=call.at,
            subscriptions=bootstrap.subscriptions(),
            sender=bootstrap.webhook_sender(),
            audit=bootstrap.audit_queue(),
            # Receipts are no place for secrets.
            receipt=call.receipt(lambda kept: Answer(NEW_WEBHOOK.of(kept, secret=None))),
        )
        return Answer(NEW_WEBHOOK.of(subscription, secret=secret))
