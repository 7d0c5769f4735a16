"""Routes of webhook subscriptions (SPEC.md 6)."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from chalicelib import bootstrap
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.errors import (
    BusyError,
    FieldError,
    StaleVersionError,
    WebhookNotFoundError,
)
from chalicelib.domain.events import EventType
from chalicelib.domain.model import Value
from chalicelib.domain.webhooks import NewSubscription, Subscription, SubscriptionChange
from chalicelib.handlers.http.answers import ManyOf, Shown
from chalicelib.handlers.http.api import Api
from chalicelib.handlers.http.call import Answer, Call
from chalicelib.usecases import webhooks as usecase

#: A subscription as its creation shows it, this once with its secret; null in a replayed answer.
NEW_WEBHOOK = Shown("CreatedWebhook", Subscription, more={"secret": str | None})

REMOVED = Shown("RemovedWebhook", Subscription, only=frozenset({"id"}))


class CatalogueEntry(Value):
    """One event that can be subscribed; `schema` is the JSON Schema of what is posted."""

    event: EventType
    meaning: str
    body: dict[str, Any]


CATALOGUE_ENTRY = Shown(
    "WebhookEvent", CatalogueEntry, hidden=frozenset({"body"}), more={"schema": dict[str, Any]}
)


def declare(api: Api) -> None:
    """Declare the routes."""

    @api.route(
        "GET",
        "/webhooks/events",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Every event that can be subscribed, with the schema of what is posted",
        message="Webhook events retrieved successfully",
        gives=ManyOf(CATALOGUE_ENTRY),
    )
    def list_events(call: Call) -> Answer:
        usecase.may_look(by=call.actor)
        return Answer([CATALOGUE_ENTRY.of(entry, schema=entry.body) for entry in _catalogue()])

    @api.route(
        "POST",
        "/webhooks",
        takes=NewSubscription,
        also=_address_too,
        status=HTTPStatus.CREATED,
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Subscribe to events; the secret is shown this once",
        message="Webhook created; its secret is shown this once",
        gives=NEW_WEBHOOK,
        etag=True,
    )
    def subscribe(call: Call[NewSubscription]) -> Answer:
        subscription, secret = usecase.subscribe(
            call.body,
            by=call.actor,
            at=call.at,
            subscriptions=bootstrap.subscriptions(),
            sender=bootstrap.webhook_sender(),
            # Receipts are no place for secrets.
            receipt=call.receipt(lambda kept: _with_secret(kept, None)),
        )
        return _with_secret(subscription, secret)

    @api.route(
        "GET",
        "/webhooks",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="The subscriptions you may manage, newest first",
        message="Webhooks retrieved successfully",
        gives=ManyOf(Subscription),
    )
    def list_all(call: Call) -> Answer:
        found = usecase.list_all(by=call.actor, subscriptions=bootstrap.subscriptions())
        return Answer([each.model_dump() for each in found])

    @api.route(
        "GET",
        "/webhooks/{id}",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="One subscription, without its secret",
        message="Webhook retrieved successfully",
        gives=Subscription,
        raises=(WebhookNotFoundError,),
        etag=True,
    )
    def view(call: Call) -> Answer:
        return shown_webhook(
            usecase.view(call.path["id"], by=call.actor, subscriptions=bootstrap.subscriptions())
        )

    @api.route(
        "PUT",
        "/webhooks/{id}",
        takes=SubscriptionChange,
        also=_address_too,
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Change the fields you name; isActive switches it off and on",
        message="Webhook updated successfully",
        gives=Subscription,
        raises=(WebhookNotFoundError, StaleVersionError, BusyError),
        etag=True,
    )
    def change(call: Call[SubscriptionChange]) -> Answer:
        return shown_webhook(
            usecase.change(
                call.path["id"],
                call.body,
                by=call.actor,
                at=call.at,
                expected=call.expected,
                subscriptions=bootstrap.subscriptions(),
                sender=bootstrap.webhook_sender(),
            )
        )

    @api.route(
        "DELETE",
        "/webhooks/{id}",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="End a subscription for good",
        message="Webhook deleted successfully",
        gives=REMOVED,
        raises=(WebhookNotFoundError, StaleVersionError, BusyError),
    )
    def remove(call: Call) -> Answer:
        removed = usecase.remove(
            call.path["id"],
            by=call.actor,
            at=call.at,
            expected=call.expected,
            subscriptions=bootstrap.subscriptions(),
        )
        return Answer(REMOVED.of(removed))

    @api.route(
        "POST",
        "/webhooks/{id}/rotate-secret",
        scope=Scope.WEBHOOKS_MANAGE,
        summary="Get a new secret, shown this once; the old one signs on for 24 hours",
        message="Secret rotated; the new one is shown this once, the old one signs for 24 hours",
        gives=NEW_WEBHOOK,
        raises=(WebhookNotFoundError, StaleVersionError, BusyError),
        etag=True,
    )
    def rotate_secret(call: Call) -> Answer:
        subscription, secret = usecase.rotate_secret(
            call.path["id"],
            by=call.actor,
            at=call.at,
            expected=call.expected,
            subscriptions=bootstrap.subscriptions(),
            receipt=call.receipt(lambda kept: _with_secret(kept, None)),
        )
        return _with_secret(subscription, secret)


def shown_webhook(subscription: Subscription) -> Answer:
    """Return a subscription, with its version as ETag."""
    return Answer(subscription.model_dump(), _etag(subscription))


def _with_secret(subscription: Subscription, secret: str | None) -> Answer:
    return Answer(NEW_WEBHOOK.of(subscription, secret=secret), _etag(subscription))


def _etag(subscription: Subscription) -> dict[str, str]:
    return {"ETag": f'"{subscription.version}"'}


@cache
def _catalogue() -> tuple[CatalogueEntry, ...]:
    # Imported only here: no other call pays for making schemas.
    from chalicelib.handlers.http.openapi.webhooks import catalogue  # noqa: PLC0415 - the cold path

    return tuple(
        CatalogueEntry(event=event, meaning=meaning, body=body)
        for event, meaning, body in catalogue()
    )


def _address_too(by: Actor, good: Mapping[str, Any]) -> tuple[FieldError, ...]:
    if "url" not in good:
        return ()
    return usecase.judge(good["url"], by=by, sender=bootstrap.webhook_sender())
