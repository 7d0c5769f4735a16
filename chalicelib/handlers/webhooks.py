"""Webhooks: queue → subscribers. Events become an order a subscriber; orders become a POST each."""

from random import random

from chalice import Blueprint
from chalice.app import SQSEvent
from pydantic import ConfigDict, TypeAdapter, ValidationError

from chalicelib import bootstrap
from chalicelib.domain.deliveries import (
    DeliverOrder,
    Delivery,
    Order,
    RecoverOrder,
    SweepOrder,
)
from chalicelib.domain.events import AuditAction
from chalicelib.domain.messages import event_of
from chalicelib.domain.webhooks import Subscription
from chalicelib.handlers.batch import (
    TIME_FOR_ONE_SECONDS,
    BatchResponse,
    each_message,
    seconds_left,
)
from chalicelib.observability import Metric, logger, measure
from chalicelib.usecases import deliveries as usecase

blueprint = Blueprint(__name__)

#: Messages of a batch are worked on together, so that a slow receiver holds up none of them.
BATCH_SIZE = 10

_ORDER: TypeAdapter[Order] = TypeAdapter(Order, config=ConfigDict(hide_input_in_errors=True))


@blueprint.on_sqs_message(queue_arn="arn:aws:sqs:replaced:by:infra/template", batch_size=BATCH_SIZE)
def webhooks(event: SQSEvent) -> BatchResponse:
    """Do what each message asks for: deliver an event, try a delivery, sweep, or recover."""

    def act(body: str) -> None:
        at = bootstrap.now()
        try:
            order = _ORDER.validate_json(body)
        except ValidationError:  # so it is an event, or nothing of ours
            told = event_of(body, seal_keys=bootstrap.seal_keys())
            usecase.fan_out(told, at=at, works=works)
            return
        match order:
            case DeliverOrder():
                usecase.attempt(order, at=at, works=works)
            case RecoverOrder():
                usecase.recover_some(order, at=at, works=works)
            case SweepOrder():
                swept = usecase.sweep(at=at, works=works, has_time=has_time)
                logger().info("swept", extra={"deliveries": swept})

    def has_time() -> bool:
        return seconds_left(event) >= TIME_FOR_ONE_SECONDS

    works = usecase.Works(
        subscriptions=bootstrap.subscriptions(),
        deliveries=bootstrap.deliveries(),
        sender=bootstrap.webhook_sender(),
        queue=bootstrap.webhook_queue(),
        chance=random,
        patience=bootstrap.patience(),
        tell=_tell,
        give_up=_give_up,
    )
    return each_message(event, act, at_once=BATCH_SIZE)


def _tell(subscription: Subscription, action: AuditAction) -> None:
    """Say in the log, and to the alarms, how a subscriber does."""
    measure({Metric.WEBHOOKS_FAILING if subscription.is_active else Metric.WEBHOOKS_DISABLED: 1})
    logger().warning(
        "webhook is failing" if subscription.is_active else "webhook disabled",
        extra={
            "webhook_id": subscription.id,
            "action": action,
            "failing_since": str(subscription.failing_since),
            "because": subscription.disabled_because,
        },
    )


def _give_up(delivery: Delivery) -> None:
    """Say in the log, and to the alarms, that a subscriber did not get an event."""
    measure({Metric.DELIVERIES_GIVEN_UP: 1})
    last = delivery.attempts[-1]
    logger().warning(
        "webhook given up",
        extra={
            "webhook_id": delivery.subscription_id,
            "delivery_id": delivery.id,
            "event_id": delivery.event_id,
            "attempts": delivery.attempts_so_far,
            "status": last.status,
            "error": last.error,
        },
    )
