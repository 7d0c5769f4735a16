"""People hear by mail of what concerns them, and what became of each mail is kept.

The record of a mail is also the claim on it: whoever is to send it writes first that it is pending.
A worker that dies between the sending and the record of it leaves it pending, and the mail is sent
again: rather twice than never, since SES knows no repeats.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

from chalicelib.domain.errors import ClaimHeldError, DeliveryFailedError
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.notifications import (
    Mail,
    MailRefusedError,
    MailStatus,
    Notification,
    mails_for,
)
from chalicelib.usecases.ports import Mailer, Notifications, RequestStore


def notify(
    event: PublishedEvent,
    *,
    at: datetime,
    store: RequestStore,
    notifications: Notifications,
    mailer: Mailer,
    admins: Mapping[str, tuple[str, ...]],
    frontend_url: str,
    tell: Callable[[Notification], object],
) -> None:
    """Send the mails an event asks for, each once.

    `admins` maps a department to its admins' addresses. A mail that failed does not keep the
    others from being sent; it is kept as failed until a retry sends it. `tell` is told of one that
    was refused for good, which no retry would change. Raises DeliveryFailedError.
    """
    request = store.get(event.request_id)
    recipients = admins.get(event.department, ())
    mails = mails_for(event.type, request, admins=recipients, frontend_url=frontend_url)
    failed: list[str] = []
    for kind, mail in mails:
        pending = Notification(
            id=_id(event, mail.to),
            budget_request_id=request.id,
            notification_type=kind,
            recipient_email=mail.to,
            subject=mail.subject,
            message=mail.text,
            delivery_status=MailStatus.PENDING,
            created_at=event.time,
        )
        try:
            if notifications.begin(pending, at):
                _send(mail, pending, at=at, notifications=notifications, mailer=mailer, tell=tell)
        except (DeliveryFailedError, ClaimHeldError) as error:
            failed.append(f"{pending.id}: {error}")
    if failed:
        raise DeliveryFailedError("; ".join(failed))


def _id(event: PublishedEvent, address: str) -> str:
    """Return the id of an event's mail to an address, whoever else gets one now or later."""
    return f"ntf_{event.id}_{hashlib.sha256(address.casefold().encode()).hexdigest()[:12]}"


def _send(
    mail: Mail,
    pending: Notification,
    *,
    at: datetime,
    notifications: Notifications,
    mailer: Mailer,
    tell: Callable[[Notification], object],
) -> None:
    try:
        mailer.send(mail)
    except DeliveryFailedError as error:
        notifications.record(_failed(pending, error), is_over=False)
        raise
    except MailRefusedError as error:
        refused = _failed(pending, error)
        notifications.record(refused)
        tell(refused)
    else:
        sent = {"delivery_status": MailStatus.SENT, "sent_at": at}
        notifications.record(pending.model_copy(update=sent))


def _failed(pending: Notification, why: Exception) -> Notification:
    failed = {"delivery_status": MailStatus.FAILED, "delivery_error": str(why)}
    return pending.model_copy(update=failed)
