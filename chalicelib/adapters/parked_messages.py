"""Refused messages of partners in DynamoDB: by the day they arrived, until they expire."""

from datetime import date

from chalicelib.adapters.rows.work import ParkedRow
from chalicelib.domain.inbound import KEEP_PARKED, Parked


class DynamoParkedMessages:
    """The ParkedMessages on DynamoDB; a day is a partition.

    `row` is the service's own, or that of another stack.
    """

    def __init__(self, row: type[ParkedRow] = ParkedRow) -> None:
        self._row = row

    def park(self, message: Parked) -> None:
        """Keep a refused message, in place of what was kept of it before."""
        arrived = message.arrived_at.isoformat(timespec="milliseconds")
        self._row(
            _pk(message.arrived_at.date()),
            f"{arrived}#{message.delivery_id}",
            body=message.model_dump_json(),
            expires_at=int((message.parked_at + KEEP_PARKED).timestamp()),
        ).save()

    def of_day(self, day: date, *, limit: int) -> tuple[Parked, ...]:
        """Return up to `limit` of the messages that arrived on a day (UTC), newest first."""
        rows = self._row.query(_pk(day), scan_index_forward=False, limit=limit)
        return tuple(Parked.model_validate_json(row.body) for row in rows)


def _pk(day: date) -> str:
    return f"PARKED#{day.isoformat()}"
