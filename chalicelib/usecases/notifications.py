"""People hear by mail of what concerns them, and what became of each mail is kept."""

from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.errors import ClaimHeldError, DeliveryFailedError
from chalicelib.domain.messages import PublishedEvent
from chalicelib.domain.notifications import DeliveryStatus, Mail, Notification, mails_for
from chalicelib.usecases.once import once
from chalicelib.usecases.ports import Claims, Mailer, Notifications, RequestStore

CONSUMER = "notifications"


def notify(
    event: PublishedEvent,
    *,
    at: datetime,
    claims: Claims,
    store: RequestStore,
    notifications: Notifications,
    mailer: Mailer,
    admins: Mapping[str, tuple[str, ...]],
    frontend_url: str,
) -> None:
    """Send the mails an event asks for, each once.

    `admins` maps a department to its admins' addresses. A mail that failed does not keep the
    others from being sent; it is kept as failed until a retry sends it. Raises
    DeliveryFailedError.
    """
    request = store.get(event.request_id)
    recipients = admins.get(event.department, ())
    mails = mails_for(event.type, request, admins=recipients, frontend_url=frontend_url)
    failed: list[str] = []
    for number, (kind, mail) in enumerate(mails, start=1):
        notification = _pending(f"ntf_{event.id}_{number}", request.id, kind, mail, event.time)

        def act(mail: Mail = mail, notification: Notification = notification) -> None:
            _send(mail, notification, at=at, notifications=notifications, mailer=mailer)

        try:
            once(claims, CONSUMER, notification.id, at, act)
        except (DeliveryFailedError, ClaimHeldError) as error:
            failed.append(f"{notification.id}: {error}")
    if failed:
        raise DeliveryFailedError("; ".join(failed))


def _pending(
    notification_id: str, request_id: int, kind: str, mail: Mail, at: datetime
) -> Notification:
    return Notification(
        id=notification_id,
        budget_request_id=request_id,
        notification_type=kind,
        recipient_email=mail.to,
        subject=mail.subject,
        message=mail.text,
        delivery_status=DeliveryStatus.PENDING,
        created_at=at,
    )


def _send(
    mail: Mail,
    notification: Notification,
    *,
    at: datetime,
    notifications: Notifications,
    mailer: Mailer,
) -> None:
    try:
        mailer.send(mail)
    except DeliveryFailedError as error:
        failed = {"delivery_status": DeliveryStatus.FAILED, "delivery_error": str(error)}
        notifications.record(notification.model_copy(update=failed))
        raise
    sent = {"delivery_status": DeliveryStatus.SENT, "sent_at": at}
    notifications.record(notification.model_copy(update=sent))
