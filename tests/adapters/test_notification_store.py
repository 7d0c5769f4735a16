"""The contract of the record of mails."""

from datetime import datetime, timedelta

from chalicelib.domain.notifications import DeliveryStatus, Notification
from tests.adapters.conftest import Stores
from tests.factories import AT, created


def notification(
    number: int,
    at: datetime = AT,
    request_id: int = 20260000001,
    status: DeliveryStatus = DeliveryStatus.SENT,
) -> Notification:
    return Notification(
        id=f"ntf_{number}",
        budget_request_id=request_id,
        notification_type="REQUEST_APPROVED",
        recipient_email="ada@example.com",
        subject="Budget Request Approved",
        message="Your budget request has been approved.",
        delivery_status=status,
        created_at=at,
    )


def test_the_latest_of_a_request_come_newest_first(stores: Stores) -> None:
    made = [notification(n, AT + timedelta(milliseconds=n)) for n in range(7)]
    for one in made:
        stores.notifications.record(one)
    stores.notifications.record(notification(8, request_id=20260000002))

    assert stores.notifications.latest(20260000001, 5) == tuple(reversed(made[2:]))


def test_what_became_of_a_mail_replaces_what_was_kept_of_it(stores: Stores) -> None:
    stores.notifications.record(notification(1, status=DeliveryStatus.FAILED))
    stores.notifications.record(notification(1, status=DeliveryStatus.SENT))

    assert stores.notifications.latest(20260000001, 5) == (notification(1),)


def test_a_request_without_mails_has_none(stores: Stores) -> None:
    stores.requests.commit(created())

    assert stores.notifications.latest(created().after.id, 5) == ()
