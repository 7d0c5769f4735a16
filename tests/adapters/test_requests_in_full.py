"""The contract of reading a request with its newest mails, as one."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain import drafting, transitions
from chalicelib.domain.errors import RequestNotFoundError
from chalicelib.domain.notifications import MailStatus, Notification
from tests.adapters.conftest import Stores
from tests.botocore_answers import calls_of
from tests.factories import AT, CLERK, LATER, created, item_body


def mail(number: int, status: MailStatus = MailStatus.SENT) -> Notification:
    return Notification(
        id=f"ntf_{number}",
        budget_request_id=created().after.id,
        notification_type="REQUEST_APPROVED",
        recipient_email="ada@example.com",
        subject="Budget Request Approved",
        message="Your budget request has been approved.",
        delivery_status=status,
        created_at=AT + timedelta(minutes=number),
    )


def test_a_request_comes_with_its_newest_mails(stores: Stores) -> None:
    change = created(items=[item_body(supplierId="s-1")])
    stores.requests.commit(change)
    for number in range(7):
        stores.notifications.record(mail(number))

    stored = stores.requests.get_with_mails(change.after.id, mails=5)

    assert stored.open() == (change.after, tuple(mail(n) for n in (6, 5, 4, 3, 2)))


def test_a_request_without_mails_comes_alone(stores: Stores) -> None:
    stores.requests.commit(created())

    assert stores.requests.get_with_mails(created().after.id, mails=5).open() == (
        created().after,
        (),
    )


def test_the_text_is_the_same_until_something_changes(stores: Stores) -> None:
    change = created()
    stores.requests.commit(change)
    stores.notifications.record(mail(1, MailStatus.PENDING))

    texts = [stores.requests.get_with_mails(change.after.id, mails=5).text for _ in range(2)]
    assert texts[0] == texts[1]
    stores.notifications.record(mail(1))
    texts.append(stores.requests.get_with_mails(change.after.id, mails=5).text)
    stores.notifications.record(mail(2))
    texts.append(stores.requests.get_with_mails(change.after.id, mails=5).text)
    stores.requests.commit(transitions.submit(change.after, CLERK, AT))
    texts.append(stores.requests.get_with_mails(change.after.id, mails=5).text)

    assert len(set(texts)) == 4


def test_what_is_not_there_is_not_found(stores: Stores) -> None:
    with pytest.raises(RequestNotFoundError):
        stores.requests.get_with_mails(1, mails=5)


def test_what_was_deleted_is_not_found(stores: Stores) -> None:
    stores.requests.commit(created())
    stores.requests.commit(drafting.delete(created().after, CLERK, LATER))

    with pytest.raises(RequestNotFoundError):
        stores.requests.get_with_mails(created().after.id, mails=5).open()


@pytest.mark.usefixtures("aws")
def test_it_is_one_consistent_query_that_reads_no_more_than_it_gives() -> None:
    store = bootstrap.requests()
    store.commit(created(items=[item_body(supplierId="s-1")]))

    with calls_of(tables.client()) as calls:
        store.get_with_mails(created().after.id, mails=5)

    ((operation, asked),) = calls
    assert (operation, asked["ConsistentRead"], asked["Limit"]) == ("Query", True, 6)
