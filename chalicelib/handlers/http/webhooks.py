"""Routes of webhook subscriptions (SPEC.md 6)."""

from http import HTTPStatus

from chalicelib import bootstrap
from chalicelib.domain.webhooks import NewSubscription
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import webhooks as usecase


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "POST",
        "/webhooks",
        takes=NewSubscription,
        status=HTTPStatus.CREATED,
        message="Webhook created; its secret is shown this once",
    )
    def subscribe(call: Call[NewSubscription]) -> Answer:
        subscription, secret = usecase.subscribe(
            call.body,
            by=call.actor,
            at=call.at,
            subscriptions=bootstrap.subscriptions(),
            sender=bootstrap.webhook_sender(),
            audit=bootstrap.audit_queue(),
        )
        return Answer(subscription.model_dump() | {"secret": secret})
