"""Notifications in DynamoDB, beside the request they are about."""

from chalicelib.adapters.keys import NOTIFICATIONS, notification_sk, request_pk
from chalicelib.adapters.tables import NotificationRow
from chalicelib.domain.notifications import Notification


class DynamoNotifications:
    """The Notifications on DynamoDB; keys sort by the time of the event."""

    def record(self, notification: Notification) -> None:
        """Keep a notification, replacing what was kept of it before."""
        NotificationRow(
            request_pk(notification.budget_request_id),
            notification_sk(notification.created_at, notification.id),
            body=notification.model_dump_json(),
        ).save()

    def latest(self, request_id: int, limit: int) -> tuple[Notification, ...]:
        """Return the newest notifications of a request, newest first, at most `limit`."""
        rows = NotificationRow.query(
            request_pk(request_id),
            NotificationRow.sk.startswith(NOTIFICATIONS),
            scan_index_forward=False,
            limit=limit,
        )
        return tuple(Notification.model_validate_json(row.body) for row in rows)
