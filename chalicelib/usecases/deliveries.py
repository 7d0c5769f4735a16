"""Deliveries: each event goes its own way to each subscriber, until it is taken or dead.

An event becomes one order a subscriber, so that nobody waits for another's receiver. An attempt
that fails is tried again: soon by the same message, which waits in the queue, and later than a
quarter of an hour from a time kept in the table, which a sweep looks at every minute.
"""

import json
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import uuid4

from chalicelib.domain import signing
from chalicelib.domain.access import Actor
from chalicelib.domain.deliveries import (
    PING,
    Answered,
    DeliverOrder,
    Delivery,
    DeliveryQuery,
    RecoverOrder,
    first_id_since,
)
from chalicelib.domain.errors import (
    BusyError,
    ClaimHeldError,
    ConflictError,
    DeliveryFailedError,
    DeliveryNotFoundError,
    StaleVersionError,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from chalicelib.domain.events import AuditAction, audit_entry, timestamp
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.paging import seal, unseal
from chalicelib.domain.webhooks import KEEPER, Endpoint, Subscription
from chalicelib.usecases.patience import Patience
from chalicelib.usecases.ports import (
    AuditQueue,
    Deliveries,
    Subscriptions,
    WebhookQueue,
    WebhookSender,
)
from chalicelib.usecases.webhooks import managed, told_of

#: How many deliveries a sweep, and a step of a recovery, take at once, and a sweep at the most: of
#: each subscription, so that what others get meanwhile never waits behind more, and of all.
SWEPT_AT_ONCE = 100
MAX_SWEPT_OF_EACH = 500
MAX_SWEPT = 2000
RECOVERED_AT_ONCE = 100

_MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Works:
    """What deliveries are made with; `chance` draws from [0, 1).

    `tell` is told of how a subscriber does, where that is news; `give_up` of what nobody will try
    again unless asked to.
    """

    subscriptions: Subscriptions
    deliveries: Deliveries
    sender: WebhookSender
    queue: WebhookQueue
    chance: Callable[[], float]
    patience: Patience
    tell: Callable[[Subscription, AuditAction], object] = lambda *_: None
    give_up: Callable[[Delivery], object] = lambda _: None


@dataclass(frozen=True)
class DeliveryPage:
    """A page of deliveries, newest events first."""

    rows: tuple[Delivery, ...]
    limit: int
    next_cursor: str | None


def fan_out(event: PublishedEvent, *, at: datetime, works: Works) -> None:
    """Have an event delivered to each subscriber that asked for it; raises DeliveryFailedError.

    To those that are not active as well: what they miss is kept for them. Doing it again does no
    harm: a delivery has the same id each time.
    """
    hearing = [
        endpoint.subscription.id
        for endpoint in works.subscriptions.all()
        if endpoint.subscription.hears(event.type, event.department)
    ]
    if hearing:
        works.deliveries.keep_event(event, at)
        works.queue.send([_order(Delivery.of(each, event, at)) for each in hearing])


def attempt(order: DeliverOrder, *, at: datetime, works: Works) -> None:
    """Try one delivery, where it is due and nobody else is at it.

    Raises DeliveryFailedError where its message is to come back, and says when; ClaimHeldError
    while another worker is at it.
    """
    known = works.deliveries.get(order.subscription_id, order.delivery_id)
    event = works.deliveries.event(order.event_id)
    try:
        endpoint = works.subscriptions.get(order.subscription_id)
    except WebhookNotFoundError:
        event = None
    if event is None:  # or the subscription has ended: nothing is to come of it
        if known and known.is_waiting:
            _claimed(known.held(at), works)
        return
    delivery = known or Delivery.of(order.subscription_id, event, at)
    if not delivery.is_waiting:
        return
    if delivery.is_leased(at):
        raise ClaimHeldError(f"Another worker is at work on {delivery.id}")
    if delivery.waits(at):
        _come_back(delivery, at)
        return
    if not (endpoint.subscription.is_active or delivery.is_by_hand):
        _claimed(delivery.held(at), works)
        return
    if works.patience.is_out(order.subscription_id, at) and not delivery.is_by_hand:
        _claimed(delivery.put_off(at, chance=works.chance()), works)
        return
    _try(delivery, event, endpoint, at, works)


def _try(
    delivery: Delivery, event: PublishedEvent, endpoint: Endpoint, at: datetime, works: Works
) -> None:
    begun = _claimed(delivery.begun(at), works)
    answered = _post(endpoint, event, at, works.sender)
    works.patience.note(delivery.subscription_id, timedelta(milliseconds=answered.duration_ms), at)
    ended = begun.ended(answered, at, chance=works.chance())
    works.deliveries.save(ended)
    _tell(ended, endpoint, answered, at, works)
    if ended.is_waiting:
        _come_back(ended, at, why=answered.error or f"the receiver said {answered.status}")


def sweep(*, at: datetime, works: Works, has_time: Callable[[], bool] = lambda: True) -> int:
    """Queue the deliveries whose time in the table has come, and return how many.

    Each subscription has its turn, so that no backlog of one holds up what is due for another.
    What is beyond the limits, or `has_time` says no to, is left to the next sweep.
    """
    hearing = [endpoint.subscription.id for endpoint in works.subscriptions.all()]
    due = works.deliveries.take_due(hearing, at, of_each=MAX_SWEPT_OF_EACH)
    swept = 0
    while swept < MAX_SWEPT and has_time():
        taken = list(islice(due, SWEPT_AT_ONCE))
        if not taken:
            break
        works.queue.send([_order(delivery) for delivery in taken])
        swept += len(taken)
    return swept


def recover_some(order: RecoverOrder, *, at: datetime, works: Works) -> int:
    """Have the next of the deliveries tried again that nobody will try otherwise.

    Returns how many; the rest is queued as another order.
    """
    found = works.deliveries.following(
        order.subscription_id, after=order.after, limit=RECOVERED_AT_ONCE
    )
    again = []
    for delivery in found:
        if delivery.is_recoverable:
            try:
                works.deliveries.save(delivery.again(at))
            except ConflictError:
                continue  # somebody else has it tried again
            again.append(_order(delivery))
    works.queue.send(again)
    if len(found) == RECOVERED_AT_ONCE:
        works.queue.send([order.model_copy(update={"after": found[-1].id})])
    return len(again)


def recover(
    subscription_id: str,
    since: datetime,
    *,
    by: Actor,
    at: datetime,
    expected: Collection[int] | None,
    subscriptions: Subscriptions,
    queue: WebhookQueue,
    receipt: Callable[[Subscription], Receipt] | None = None,
) -> Subscription:
    """Have all events since a moment sent again that the subscriber did not get.

    Queued before it is written down: who gets no answer asks again. Audit is told. `expected` are
    the versions the caller may have decided on, None for any. Raises ForbiddenError,
    WebhookNotFoundError, StaleVersionError, WebhookDisabledError, BusyError;
    IdempotencyKeyTakenError where the receipt's key has one.
    """
    for _ in range(_MAX_ATTEMPTS):
        endpoint = managed(subscription_id, by=by, subscriptions=subscriptions)
        version = endpoint.subscription.version
        if expected is not None and version not in expected:
            raise StaleVersionError(version)
        if not endpoint.subscription.is_active:
            raise WebhookDisabledError
        before, after = endpoint.subscription, endpoint.subscription.touched(at)
        reason = f"since {timestamp(since)}"
        entry = told_of(before, after, AuditAction.WEBHOOK_RECOVER, by=by, at=at, reason=reason)
        queue.send(
            [RecoverOrder(do="recover", subscription_id=after.id, after=first_id_since(since))]
        )
        try:
            kept = receipt(after) if receipt else None
            subscriptions.save(endpoint.with_subscription(after), audit=entry, receipt=kept)
        except ConflictError:
            continue
        return after
    raise BusyError


def send_test(
    subscription_id: str,
    *,
    by: Actor,
    at: datetime,
    subscriptions: Subscriptions,
    deliveries: Deliveries,
    queue: WebhookQueue,
    audit: AuditQueue,
    receipt: Callable[[Delivery], Receipt] | None = None,
) -> Delivery:
    """Send a ping to one subscription, active or not, and return its delivery, yet to come.

    It is tried once. Audit is told. Raises ForbiddenError, WebhookNotFoundError;
    IdempotencyKeyTakenError where the receipt's key has one.
    """
    subscription = managed(subscription_id, by=by, subscriptions=subscriptions).subscription
    data = {"webhookId": subscription.id, "requestedBy": by.id}
    ping = PublishedEvent(id=f"ping_{uuid4().hex}", type=PING, time=at, data=data)
    deliveries.keep_event(ping, at)
    delivery = Delivery.of(subscription.id, ping, at).again(at, is_by_hand=True)
    return _sent_by_hand(
        delivery,
        AuditAction.WEBHOOK_TEST,
        by=by,
        at=at,
        deliveries=deliveries,
        queue=queue,
        audit=audit,
        receipt=receipt,
    )


def redeliver(
    subscription_id: str,
    delivery_id: str,
    *,
    by: Actor,
    at: datetime,
    subscriptions: Subscriptions,
    deliveries: Deliveries,
    queue: WebhookQueue,
    audit: AuditQueue,
    receipt: Callable[[Delivery], Receipt] | None = None,
) -> Delivery:
    """Have one event sent again, whatever became of it, and return its delivery.

    Audit is told. Raises ForbiddenError, WebhookNotFoundError, DeliveryNotFoundError; BusyError
    while an attempt is under way; IdempotencyKeyTakenError where the receipt's key has one.
    """
    managed(subscription_id, by=by, subscriptions=subscriptions)
    known = deliveries.get(subscription_id, delivery_id)
    if known is None:
        raise DeliveryNotFoundError
    if known.is_leased(at):
        raise BusyError
    return _sent_by_hand(
        known.again(at, is_by_hand=True),
        AuditAction.WEBHOOK_REDELIVER,
        by=by,
        at=at,
        deliveries=deliveries,
        queue=queue,
        audit=audit,
        receipt=receipt,
    )


def list_page(
    subscription_id: str,
    query: DeliveryQuery,
    *,
    by: Actor,
    subscriptions: Subscriptions,
    deliveries: Deliveries,
    cursor_secrets: Iterable[str],
) -> DeliveryPage:
    """Return a page of a subscription's deliveries, those of the newest events first.

    Raises ForbiddenError, WebhookNotFoundError; InvalidInputError for a foreign cursor.
    """
    managed(subscription_id, by=by, subscriptions=subscriptions)
    sealed = {"question": f"deliveries of {subscription_id}", "caller": f"{by.level}#{by.id}"}
    before = unseal(cursor_secrets, query.cursor, **sealed) if query.cursor else None
    found = deliveries.latest(subscription_id, limit=query.limit + 1, before=before)
    rows = tuple(found[: query.limit])
    goes_on = len(found) > query.limit
    return DeliveryPage(
        rows=rows,
        limit=query.limit,
        next_cursor=seal(cursor_secrets, rows[-1].id, **sealed) if goes_on else None,
    )


def _sent_by_hand(
    delivery: Delivery,
    action: AuditAction,
    *,
    by: Actor,
    at: datetime,
    deliveries: Deliveries,
    queue: WebhookQueue,
    audit: AuditQueue,
    receipt: Callable[[Delivery], Receipt] | None,
) -> Delivery:
    """Keep a delivery that is to be tried, then queue it; lost in between, the sweep finds it."""
    entry = audit_entry(
        entry_id=f"aud_{delivery.subscription_id}_{delivery.id}_{delivery.version}",
        at=at,
        action=action,
        by=by,
        record_id=delivery.subscription_id,
        record_code=delivery.subscription_id,
        new={"deliveryId": delivery.id, "eventId": delivery.event_id, "event": delivery.event},
    )
    audit.send(entry)
    try:
        deliveries.save(delivery, receipt=receipt(delivery) if receipt else None)
    except ConflictError:
        raise BusyError from None
    queue.send([_order(delivery)])
    return delivery


def _claimed(delivery: Delivery, works: Works) -> Delivery:
    try:
        works.deliveries.save(delivery)
    except ConflictError:
        raise ClaimHeldError(f"Another worker is at work on {delivery.id}") from None
    return delivery


def _come_back(delivery: Delivery, at: datetime, why: str = "not due yet") -> None:
    """Have the message wait in its queue, unless the table has the time of the next attempt."""
    if delivery.due_at is None:
        raise DeliveryFailedError(
            f"{delivery.subscription_id} {delivery.id}: {why}",
            retry_in_seconds=math.ceil(delivery.waits(at) / timedelta(seconds=1)),
        )


def _tell(
    ended: Delivery, endpoint: Endpoint, answered: Answered, at: datetime, works: Works
) -> None:
    if ended.is_given_up:
        works.give_up(ended)
    if not ended.is_ping or answered.is_gone:
        _note(endpoint, answered, at, works)


def _note(endpoint: Endpoint, answered: Answered, at: datetime, works: Works) -> None:
    """Keep what an attempt says of how the subscriber does, where that is news."""
    for _ in range(_MAX_ATTEMPTS):
        before = endpoint.subscription
        action: AuditAction | None = None
        if answered.succeeded:
            after = before.after_success(at)
        else:
            news = before.after_failure(at, is_gone=answered.is_gone)
            after, action = news or (None, None)
        if after is None:
            return
        entry = told_of(before, after, action, by=KEEPER, at=at) if action else None
        try:
            works.subscriptions.save(endpoint.with_subscription(after), audit=entry)
        except ConflictError:
            try:
                endpoint = works.subscriptions.get(before.id)
            except WebhookNotFoundError:
                return
            continue
        if action:
            works.tell(after, action)
        return


def _post(
    endpoint: Endpoint, event: PublishedEvent, at: datetime, sender: WebhookSender
) -> Answered:
    told = {"event": event.type, "timestamp": timestamp(event.time), "data": event.data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    keys, seconds = endpoint.keys(at), int(at.timestamp())
    signatures = [signing.sign(key, event.id, seconds, body) for key in keys]
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Event": event.type,
        "X-Webhook-Timestamp": timestamp(event.time),
        "X-Webhook-Signature": signing.hex_hmac(keys[0], body),
        "webhook-id": event.id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }
    if keys[1:]:
        headers["X-Webhook-Signature-Previous"] = signing.hex_hmac(keys[1], body)
    return sender.post(endpoint.subscription.url, body, headers)


def _order(delivery: Delivery) -> DeliverOrder:
    return DeliverOrder(
        do="deliver",
        subscription_id=delivery.subscription_id,
        delivery_id=delivery.id,
        event_id=delivery.event_id,
    )
