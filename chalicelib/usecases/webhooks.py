"""Subscribers hear of every event they asked for, signed in both ways."""

import json
import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from chalicelib.domain import access, signing
from chalicelib.domain.access import Actor
from chalicelib.domain.errors import ClaimHeldError, DeliveryFailedError
from chalicelib.domain.events import AuditAction, audit_entry, timestamp
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.webhooks import NewSubscription, Subscription
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import (
    AuditQueue,
    Claims,
    Deliveries,
    Subscriptions,
    WebhookSender,
)


def subscribe(
    new: NewSubscription,
    *,
    by: Actor,
    at: datetime,
    subscriptions: Subscriptions,
    sender: WebhookSender,
    audit: AuditQueue,
    receipt: Callable[[Subscription], Receipt] | None = None,
) -> tuple[Subscription, str]:
    """Keep a new subscription and return it with its secret, which is not shown again.

    Raises ForbiddenError; InvalidInputError where the address is one we never call;
    IdempotencyKeyTakenError where the receipt's key has one.
    """
    access.may_manage_webhooks(by, new.departments)
    sender.check(new.url)
    subscription = Subscription(
        id=f"wh_{uuid4().hex}",
        url=new.url,
        events=tuple(sorted(set(new.events))),
        departments=tuple(sorted(set(new.departments))),
        description=new.description,
        is_active=True,
        created_by=by.id,
        created_at=at,
    )
    secret = signing.format_secret(secrets.token_bytes(signing.SECRET_BYTES))
    subscriptions.add(subscription, secret, receipt=receipt(subscription) if receipt else None)
    audit.send(
        audit_entry(
            entry_id=f"aud_{subscription.id}_1",
            at=at,
            action=AuditAction.WEBHOOK_CREATE,
            by=by,
            record_id=subscription.id,
            record_code=subscription.id,
            new=subscription.model_dump(mode="json", exclude={"created_at"}),
        )
    )
    return subscription, secret


def deliver(
    event: PublishedEvent,
    *,
    at: datetime,
    claims: Claims,
    subscriptions: Subscriptions,
    deliveries: Deliveries,
    sender: WebhookSender,
) -> None:
    """Post an event to every subscriber that wants it, each once.

    A subscriber that fails, or that another worker is at, does not keep the others from theirs:
    all are tried, then the event goes back to its queue for the rest. Raises DeliveryFailedError.
    """
    body = _body(event)
    failed: list[str] = []
    for subscription, secret in subscriptions.all():
        if not subscription.wants(event.type, event.department):
            continue
        headers = _headers(event, body, signing.secret_bytes(secret), at)

        def act(
            subscription: Subscription = subscription, headers: dict[str, str] = headers
        ) -> None:
            attempt = sender.post(subscription.url, body, headers)
            deliveries.record(subscription.id, event.id, attempt)
            if not attempt.succeeded:
                raise DeliveryFailedError(attempt.error or f"the receiver said {attempt.status}")

        try:
            once(claims, f"webhook#{subscription.id}", event.id, at, act)
        except (DeliveryFailedError, ClaimHeldError) as error:
            failed.append(f"{subscription.id}: {error}")
    if failed:
        raise DeliveryFailedError("; ".join(failed))


def _body(event: PublishedEvent) -> bytes:
    told = {"event": event.type, "timestamp": timestamp(event.time), "data": event.data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _headers(event: PublishedEvent, body: bytes, key: bytes, at: datetime) -> dict[str, str]:
    seconds = int(at.timestamp())
    return {
        "Content-Type": "application/json",
        "X-Webhook-Event": event.type,
        "X-Webhook-Timestamp": timestamp(event.time),
        "X-Webhook-Signature": signing.hex_hmac(key, body),
        "webhook-id": event.id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signing.sign(key, event.id, seconds, body),
    }
