"""People are told by mail, each once, and what became of each mail is kept."""

from datetime import timedelta

import pytest

from chalicelib.domain.changes import Change
from chalicelib.domain.errors import DeliveryFailedError, RequestNotFoundError
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.notifications import Mail, MailStatus, Notification
from chalicelib.usecases import notifications
from tests.factories import CLERK, LATER, approved, created, published, submitted
from tests.fakes import FakeMailer, FakeNotifications, FakeRequestStore

ADA, BOB = "ada@example.com", "bob@example.com"


class Desk:
    """The use case with its ports filled in."""

    def __init__(self) -> None:
        self.told: list[Notification] = []
        self.now = LATER
        self.store = FakeRequestStore()
        self.kept = FakeNotifications()
        self.mailer = FakeMailer()
        self.admins: dict[str, tuple[str, ...]] = {
            "finance": (ADA, BOB),
            "hr": ("hal@example.com",),
        }

    def notify(self, change: Change, event: PublishedEvent | None = None) -> None:
        self.store._requests[change.after.id] = change.after
        notifications.notify(
            event or published(change),
            at=self.now,
            store=self.store,
            notifications=self.kept,
            mailer=self.mailer,
            admins=self.admins,
            frontend_url="https://app.example.com",
            tell=self.told.append,
        )

    def kept_of(self, change: Change) -> dict[str, Notification]:
        return {n.recipient_email: n for n in self.kept.latest(change.after.id, 9)}

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
    assert (kept.delivery_status, kept.sent_at) == (MailStatus.SENT, LATER)
    assert kept.created_at == change.events[0].time
    assert kept.id.startswith(f"ntf_{change.events[0].id}_")
    assert kept.message == desk.mailer.sent[0].text


def test_an_event_that_comes_again_is_not_told_again(desk: Desk) -> None:
    desk.notify(submitted())
    desk.notify(submitted())

    assert desk.recipients == [ADA, BOB]


def test_an_address_that_fails_does_not_keep_the_others_from_their_mail(desk: Desk) -> None:
    desk.mailer.silent.add(ADA)

    with pytest.raises(DeliveryFailedError, match=r"ntf_.*: SES did not take the mail: Throttling"):
        desk.notify(submitted())

    assert desk.recipients == [BOB]


def test_a_mail_that_failed_is_kept_as_failed_until_a_retry_sends_it(desk: Desk) -> None:
    change = approved()
    desk.mailer.silent.add(CLERK.email or "")
    with pytest.raises(DeliveryFailedError):
        desk.notify(change)

    (failed,) = desk.kept.latest(change.after.id, 5)
    assert failed.delivery_status is MailStatus.FAILED
    assert failed.delivery_error == "SES did not take the mail: Throttling"
    assert failed.sent_at is None

    desk.mailer.silent.clear()
    desk.notify(change)

    (sent,) = desk.kept.latest(change.after.id, 5)
    assert (sent.delivery_status, sent.delivery_error) == (MailStatus.SENT, None)


def test_a_mail_is_kept_as_pending_before_it_is_sent(desk: Desk) -> None:
    change = approved()
    seen: list[MailStatus] = []

    class Watching(FakeMailer):
        def send(self, mail: Mail) -> None:
            seen.append(desk.kept_of(change)[mail.to].delivery_status)
            super().send(mail)

    desk.mailer = Watching()

    desk.notify(change)

    assert seen == [MailStatus.PENDING]


def test_a_mail_refused_for_good_is_kept_as_failed_and_never_tried_again(desk: Desk) -> None:
    change = submitted()
    desk.mailer.refused.add(ADA)

    desk.notify(change)  # nothing is to come back
    desk.mailer.refused.clear()
    desk.notify(change)

    assert desk.recipients == [BOB]
    kept = desk.kept_of(change)[ADA]
    assert kept.delivery_status is MailStatus.FAILED
    assert kept.delivery_error == "SES did not take the mail: MessageRejected"
    assert desk.told == [kept]


def test_a_mail_that_another_worker_is_at_comes_back_and_the_others_go(desk: Desk) -> None:
    change = submitted()
    desk.mailer = Dying(ADA)
    with pytest.raises(WorkerDiedError):
        desk.notify(change)
    desk.mailer = FakeMailer()

    with pytest.raises(DeliveryFailedError, match="is at work on"):
        desk.notify(change)

    assert desk.recipients == [BOB]


class WorkerDiedError(BaseException):
    """The function was ended; nothing of it is done after."""


class Dying(FakeMailer):
    """A mailer whose worker dies at one address, after SES took the mail."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self._at = at

    def send(self, mail: Mail) -> None:
        super().send(mail)
        if mail.to == self._at:
            raise WorkerDiedError


def test_whose_worker_died_before_it_was_written_down_is_sent_again_rather_than_never(
    desk: Desk,
) -> None:
    change = submitted()
    desk.mailer = Dying(BOB)
    with pytest.raises(WorkerDiedError):
        desk.notify(change)
    assert desk.kept_of(change)[BOB].delivery_status is MailStatus.PENDING
    desk.mailer = FakeMailer()

    desk.now += timedelta(minutes=1)
    desk.notify(change)

    assert desk.recipients == [BOB]  # and not the other, whose mail was written down
    assert desk.kept_of(change)[BOB].delivery_status is MailStatus.SENT


def test_an_address_that_is_named_twice_gets_one_mail(desk: Desk) -> None:
    desk.admins = {"finance": (ADA, BOB, ADA, ADA.upper())}

    desk.notify(submitted())

    assert desk.recipients == [ADA, BOB]


def test_admins_that_change_between_two_attempts_each_get_one_mail(desk: Desk) -> None:
    desk.mailer.silent.add(BOB)
    with pytest.raises(DeliveryFailedError):
        desk.notify(submitted())
    desk.mailer.silent.clear()
    desk.admins = {"finance": (BOB, "carol@example.com", ADA)}

    desk.notify(submitted())

    assert desk.recipients == [ADA, BOB, "carol@example.com"]


def test_an_event_nobody_is_told_of_sends_nothing(desk: Desk) -> None:
    desk.notify(created())

    assert desk.recipients == []


def test_an_event_of_a_request_that_is_not_there_comes_back(desk: Desk) -> None:
    foreign = published(submitted(sequence=2))

    with pytest.raises(RequestNotFoundError):
        desk.notify(submitted(), foreign)
