"""People are told by mail, each once, and what became of each mail is kept."""

import pytest

from chalicelib.domain.changes import Change
from chalicelib.domain.errors import DeliveryFailedError, RequestNotFoundError
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.notifications import DeliveryStatus
from chalicelib.usecases import notifications
from tests.factories import CLERK, LATER, approved, created, published, submitted
from tests.fakes import FakeClaims, FakeMailer, FakeNotifications, FakeRequestStore

ADA, BOB = "ada@example.com", "bob@example.com"


class Desk:
    """The use case with its ports filled in."""

    def __init__(self) -> None:
        self.claims = FakeClaims()
        self.store = FakeRequestStore()
        self.kept = FakeNotifications()
        self.mailer = FakeMailer()

    def notify(self, change: Change, event: PublishedEvent | None = None) -> None:
        self.store._requests[change.after.id] = change.after
        notifications.notify(
            event or published(change),
            at=LATER,
            claims=self.claims,
            store=self.store,
            notifications=self.kept,
            mailer=self.mailer,
            admins={"finance": (ADA, BOB), "hr": ("hal@example.com",)},
            frontend_url="https://app.example.com",
        )

    @property
    def recipients(self) -> list[str]:
        return [mail.to for mail in self.mailer.sent]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_admins_of_the_department_hear_of_a_submit(desk: Desk) -> None:
    desk.notify(submitted())

    assert desk.recipients == [ADA, BOB]


def test_what_was_sent_is_kept(desk: Desk) -> None:
    change = approved()

    desk.notify(change)

    (kept,) = desk.kept.latest(change.after.id, 5)
    assert (kept.recipient_email, kept.notification_type) == (CLERK.email, "REQUEST_APPROVED")
    assert (kept.delivery_status, kept.sent_at) == (DeliveryStatus.SENT, LATER)
    assert kept.created_at == change.events[0].time
    assert kept.id == f"ntf_{change.events[0].id}_1"
    assert kept.message == desk.mailer.sent[0].text


def test_an_event_that_comes_again_is_not_told_again(desk: Desk) -> None:
    desk.notify(submitted())
    desk.notify(submitted())

    assert desk.recipients == [ADA, BOB]


def test_an_address_that_fails_does_not_keep_the_others_from_their_mail(desk: Desk) -> None:
    desk.mailer.refused.add(ADA)

    with pytest.raises(DeliveryFailedError, match="_1: SES did not take"):
        desk.notify(submitted())

    assert desk.recipients == [BOB]


def test_a_mail_that_failed_is_kept_as_failed_until_a_retry_sends_it(desk: Desk) -> None:
    change = approved()
    desk.mailer.refused.add(CLERK.email or "")
    with pytest.raises(DeliveryFailedError):
        desk.notify(change)

    (failed,) = desk.kept.latest(change.after.id, 5)
    assert failed.delivery_status is DeliveryStatus.FAILED
    assert failed.delivery_error == "SES did not take the mail: MessageRejected"
    assert failed.sent_at is None

    desk.mailer.refused.clear()
    desk.notify(change)

    (sent,) = desk.kept.latest(change.after.id, 5)
    assert (sent.delivery_status, sent.delivery_error) == (DeliveryStatus.SENT, None)


def test_a_mail_that_another_worker_is_at_comes_back_and_the_others_go(desk: Desk) -> None:
    change = submitted()
    desk.claims.claim("notifications", f"ntf_{change.events[0].id}_1", LATER)

    with pytest.raises(DeliveryFailedError, match="is at work on"):
        desk.notify(change)

    assert desk.recipients == [BOB]


def test_an_event_nobody_is_told_of_sends_nothing(desk: Desk) -> None:
    desk.notify(created())

    assert desk.recipients == []


def test_an_event_of_a_request_that_is_not_there_comes_back(desk: Desk) -> None:
    foreign = published(submitted(sequence=2))

    with pytest.raises(RequestNotFoundError):
        desk.notify(submitted(), foreign)
