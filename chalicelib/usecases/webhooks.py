"""The verbs of subscriptions: who is told of which events, at which address, signed with what."""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime
from uuid import uuid4

from chalicelib.domain import access, signing
from chalicelib.domain.access import Actor, Level
from chalicelib.domain.errors import (
    BusyError,
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    StaleVersionError,
)
from chalicelib.domain.events import AuditAction, AuditEntry, audit_entry
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.webhooks import Endpoint, NewSubscription, Subscription, SubscriptionChange
from chalicelib.usecases.ports import Subscriptions, WebhookSender

#: How often a change is tried that others got in the way of.
MAX_ATTEMPTS = 5

#: How many subscriptions one person or key may have made. Each event is ordered for all that there
#: are in one go, so that a key which made them without end would stop everyone's.
MAX_SUBSCRIPTIONS_EACH = 200

Kept = Callable[[Subscription], Receipt] | None


def subscribe(
    new: NewSubscription,
    *,
    by: Actor,
    at: datetime,
    subscriptions: Subscriptions,
    sender: WebhookSender,
    receipt: Kept = None,
) -> tuple[Subscription, str]:
    """Keep a new subscription and return it with its secret, which is not shown again.

    Audit is told in the same write. Raises ForbiddenError; InvalidInputError where the address is
    one we never call, or `by` has made as many as anyone may; IdempotencyKeyTakenError where the
    receipt's key has one.
    """
    access.may_manage_webhooks(by, new.departments)
    made = sum(each.subscription.created_by == by.id for each in subscriptions.all())
    if made >= MAX_SUBSCRIPTIONS_EACH:
        wrong = f"would be one too many: you have {made} subscriptions already"
        raise InvalidInputError((FieldError("url", wrong),))
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
    endpoint = Endpoint(subscription=subscription, secret=_new_secret())
    entry = told_of(None, subscription, AuditAction.WEBHOOK_CREATE, by=by, at=at)
    kept = receipt(subscription) if receipt else None
    subscriptions.add(endpoint, audit=entry, receipt=kept)
    return subscription, endpoint.secret


def judge(url: str, *, by: Actor, sender: WebhookSender) -> tuple[FieldError, ...]:
    """Return what is wrong with an address, to those who may subscribe; others learn nothing."""
    try:
        access.may_manage_webhooks(by, by.departments)
        sender.check(url)
    except ForbiddenError:
        return ()
    except InvalidInputError as error:
        return error.errors
    return ()


def may_look(*, by: Actor) -> None:
    """Let those look at what can be subscribed who may subscribe; raises ForbiddenError."""
    access.may_manage_webhooks(by, by.departments)


def list_all(*, by: Actor, subscriptions: Subscriptions) -> tuple[Subscription, ...]:
    """Return the subscriptions that `by` may manage, newest first; raises ForbiddenError."""
    access.may_manage_webhooks(by, by.departments)
    found = (endpoint.subscription for endpoint in subscriptions.all())
    seen = [each for each in found if _may_manage(by, each)]
    return tuple(sorted(seen, key=lambda each: (each.created_at, each.id), reverse=True))


def view(subscription_id: str, *, by: Actor, subscriptions: Subscriptions) -> Subscription:
    """Return one subscription; raises ForbiddenError, WebhookNotFoundError."""
    return managed(subscription_id, by=by, subscriptions=subscriptions).subscription


def change(
    subscription_id: str,
    wanted: SubscriptionChange,
    *,
    by: Actor,
    at: datetime,
    expected: Collection[int] | None,
    subscriptions: Subscriptions,
    sender: WebhookSender,
) -> Subscription:
    """Change what `wanted` names of a subscription, and return it.

    Audit is told in the same write. `expected` are the versions the caller may have decided on,
    None for any. Raises ForbiddenError, WebhookNotFoundError, StaleVersionError, BusyError;
    InvalidInputError where the address is one we never call.
    """
    # Before the address is asked for anything: who may not learns nothing of it.
    managed(subscription_id, by=by, subscriptions=subscriptions)
    if "departments" in wanted.model_fields_set:
        access.may_manage_webhooks(by, wanted.departments)
    if "url" in wanted.model_fields_set:
        sender.check(wanted.url)

    def write(endpoint: Endpoint) -> Subscription:
        before, after = endpoint.subscription, endpoint.subscription.changed(wanted, at)
        entry = told_of(before, after, AuditAction.WEBHOOK_UPDATE, by=by, at=at)
        subscriptions.save(endpoint.with_subscription(after), audit=entry)
        return after

    return _written(subscription_id, write, by=by, expected=expected, subscriptions=subscriptions)


def remove(
    subscription_id: str,
    *,
    by: Actor,
    at: datetime,
    expected: Collection[int] | None,
    subscriptions: Subscriptions,
) -> Subscription:
    """End a subscription for good and return it as it was; nothing more is sent there.

    Audit is told in the same write. Raises ForbiddenError, WebhookNotFoundError,
    StaleVersionError, BusyError.
    """

    def write(endpoint: Endpoint) -> Subscription:
        before, after = endpoint.subscription, endpoint.subscription.touched(at)
        entry = audit_entry(
            entry_id=f"aud_{after.id}_{after.version}",
            at=at,
            action=AuditAction.WEBHOOK_DELETE,
            by=by,
            record_id=after.id,
            record_code=after.id,
            old=_told(before),
        )
        subscriptions.remove(endpoint.with_subscription(after), audit=entry)
        return before

    return _written(subscription_id, write, by=by, expected=expected, subscriptions=subscriptions)


def rotate_secret(
    subscription_id: str,
    *,
    by: Actor,
    at: datetime,
    expected: Collection[int] | None,
    subscriptions: Subscriptions,
    receipt: Kept = None,
) -> tuple[Subscription, str]:
    """Give a subscription a new secret and return it, this once; the old one signs on for a day.

    Audit is told in the same write. Raises ForbiddenError, WebhookNotFoundError,
    StaleVersionError, BusyError; IdempotencyKeyTakenError where the receipt's key has one.
    """
    secret = _new_secret()

    def write(endpoint: Endpoint) -> Subscription:
        rotated = endpoint.rotated(secret, at)
        before, after = endpoint.subscription, rotated.subscription
        entry = told_of(before, after, AuditAction.WEBHOOK_ROTATE_SECRET, by=by, at=at)
        subscriptions.save(rotated, audit=entry, receipt=receipt(after) if receipt else None)
        return after

    after = _written(subscription_id, write, by=by, expected=expected, subscriptions=subscriptions)
    return after, secret


def managed(subscription_id: str, *, by: Actor, subscriptions: Subscriptions) -> Endpoint:
    """Return a subscription that `by` may manage; raises ForbiddenError, WebhookNotFoundError.

    Who may manage none does not learn which there are.
    """
    access.may_manage_webhooks(by, by.departments)
    endpoint = subscriptions.get(subscription_id)
    access.may_manage_webhooks(by, endpoint.subscription.departments)
    return endpoint


def told_of(
    before: Subscription | None,
    after: Subscription,
    action: AuditAction,
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> AuditEntry:
    """Return what Audit is told of a change to a subscription; its secrets are not in it."""
    return audit_entry(
        entry_id=f"aud_{after.id}_{after.version}",
        at=at,
        action=action,
        by=by,
        record_id=after.id,
        record_code=after.id,
        old=_told(before) if before else None,
        new=_told(after),
        reason=reason,
    )


def _told(subscription: Subscription) -> dict[str, object]:
    return subscription.model_dump(mode="json", exclude={"created_at", "updated_at", "version"})


def _written(
    subscription_id: str,
    write: Callable[[Endpoint], Subscription],
    *,
    by: Actor,
    expected: Collection[int] | None,
    subscriptions: Subscriptions,
) -> Subscription:
    """Write what `write` makes of a subscription, again where others were faster."""
    for _ in range(MAX_ATTEMPTS):
        endpoint = managed(subscription_id, by=by, subscriptions=subscriptions)
        version = endpoint.subscription.version
        if expected is not None and version not in expected:
            raise StaleVersionError(version)
        try:
            return write(endpoint)
        except ConflictError:
            continue
    raise BusyError


def _may_manage(by: Actor, subscription: Subscription) -> bool:
    if by.level is not Level.SERVICE:
        return True
    try:
        access.may_manage_webhooks(by, subscription.departments)
    except ForbiddenError:
        return False
    return True


def _new_secret() -> str:
    return signing.format_secret(secrets.token_bytes(signing.SECRET_BYTES))
