"""The contract of the record of mails."""

from datetime import datetime, timedelta

import pytest

from chalicelib.domain.errors import ClaimHeldError
from chalicelib.domain.notifications import MailStatus, Notification
from tests.adapters.conftest import Stores
from tests.factories import AT, created


def notification(
    number: int,
    at: datetime = AT,
    request_id: int = 20260000001,
    status: MailStatus = MailStatus.SENT,
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
    stores.notifications.record(notification(1, status=MailStatus.FAILED))
    stores.notifications.record(notification(1, status=MailStatus.SENT))

    assert stores.notifications.latest(20260000001, 5) == (notification(1),)


def test_a_request_without_mails_has_none(stores: Stores) -> None:
    stores.requests.commit(created())

    assert stores.notifications.latest(created().after.id, 5) == ()


def test_a_mail_is_begun_by_one_worker_at_a_time(stores: Stores) -> None:
    pending = notification(1, status=MailStatus.PENDING)

    assert stores.notifications.begin(pending, AT)
    with pytest.raises(ClaimHeldError):
        stores.notifications.begin(pending, AT + timedelta(seconds=30))

    assert stores.notifications.latest(20260000001, 5) == (pending,)


def test_a_mail_whose_worker_died_may_be_begun_again(stores: Stores) -> None:
    pending = notification(1, status=MailStatus.PENDING)
    stores.notifications.begin(pending, AT)

    assert stores.notifications.begin(pending, AT + timedelta(seconds=37))


def test_a_mail_that_is_over_is_not_begun_again_however_late(stores: Stores) -> None:
    pending = notification(1, status=MailStatus.PENDING)
    stores.notifications.begin(pending, AT)
    stores.notifications.record(notification(1))

    assert not stores.notifications.begin(pending, AT + timedelta(days=400))
    assert stores.notifications.latest(20260000001, 5) == (notification(1),)


def test_a_mail_that_failed_and_is_not_over_is_begun_again_at_once(stores: Stores) -> None:
    pending = notification(1, status=MailStatus.PENDING)
    stores.notifications.begin(pending, AT)
    stores.notifications.record(notification(1, status=MailStatus.FAILED), is_over=False)

    assert stores.notifications.begin(pending, AT)
    assert stores.notifications.latest(20260000001, 5) == (pending,)
