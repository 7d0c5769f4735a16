"""Notifications in DynamoDB, beside the request they are about."""

from datetime import datetime

from pynamodb.exceptions import PutError

from chalicelib.adapters.claims import LEASE_SECONDS
from chalicelib.adapters.keys import NOTIFICATIONS, notification_sk, request_pk
from chalicelib.adapters.rows.requests import NotificationRow
from chalicelib.domain.errors import ClaimHeldError
from chalicelib.domain.notifications import Notification


class DynamoNotifications:
    """The Notifications on DynamoDB; keys sort by the time of the event."""

    def begin(self, pending: Notification, at: datetime) -> bool:
        """Keep that a mail is about to be sent; False where that is over already.

        Raises ClaimHeldError while another worker is at it.
        """
        seconds = int(at.timestamp())
        row = _row(pending, lease_until=seconds + LEASE_SECONDS)
        try:
            row.save(
                condition=NotificationRow.pk.does_not_exist()
                | (NotificationRow.lease_until < seconds)
            )
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            kept = NotificationRow.get(row.pk, row.sk, consistent_read=True)
            lease_until: float | None = kept.lease_until
            if lease_until is None:
                return False
            raise ClaimHeldError(f"another worker is at work on {pending.id}") from None
        return True

    def record(self, notification: Notification, *, is_over: bool = True) -> None:
        """Keep what became of a mail; it may be begun again unless that `is_over`."""
        _row(notification, lease_until=None if is_over else 0).save()

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        """Return the newest notifications of a request, newest first, at most `limit`."""
        rows = NotificationRow.query(
            request_pk(request_id),
            NotificationRow.sk.startswith(NOTIFICATIONS),
            scan_index_forward=False,
            limit=limit,
        )
        return tuple(Notification.model_validate_json(row.body) for row in rows)


def _row(notification: Notification, *, lease_until: int | None) -> NotificationRow:
    return NotificationRow(
        request_pk(notification.budget_request_id),
        notification_sk(notification.created_at, notification.id),
        body=notification.model_dump_json(),
        lease_until=lease_until,
    )
