"""Partners' keys on the bus in DynamoDB: one item a key, without the secret it signs with."""

from datetime import datetime

from pynamodb.exceptions import UpdateError

from chalicelib.adapters.outbox import told
from chalicelib.adapters.rows.keys import BusKeyRow
from chalicelib.domain.bus_keys import BusKey
from chalicelib.domain.events import AuditEntry

#: Few, and listed together, so one partition; beside that of the API keys.
_KEYS = "BUS_KEYS"

_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoBusKeys:
    """The BusKeys on DynamoDB; every read is consistent, so that a revocation holds at once.

    `row` is the service's own, or that of another stack.
    """

    def __init__(self, row: type[BusKeyRow] = BusKeyRow) -> None:
        self._row = row

    def add(self, key: BusKey, *, audit: AuditEntry) -> None:
        """Keep a new key, and what Audit is told of it."""
        row = self._row(_KEYS, key.key_id, body=key.model_dump_json(), outbox=told(audit=audit))
        row.save(condition=BusKeyRow.pk.does_not_exist())

    def find(self, key_id: str) -> BusKey | None:
        """Return the key with this id as it is now, in one read; None where there is none."""
        row = self._row.read(_KEYS, key_id)
        return _key(row) if row else None

    def all(self) -> tuple[BusKey, ...]:
        """Return every key, revoked and expired ones too."""
        return tuple(_key(row) for row in self._row.query(_KEYS, consistent_read=True))

    def revoke(self, key: BusKey, *, by: str, at: datetime, audit: AuditEntry) -> BusKey:
        """End a key, unless it has ended, and return it."""
        row = self._row(_KEYS, key.key_id)
        try:
            row.update(
                actions=[
                    BusKeyRow.revoked_by.set(by),
                    BusKeyRow.revoked_at.set(at.isoformat()),
                    BusKeyRow.outbox.set(told(audit=audit)),
                ],
                condition=BusKeyRow.pk.exists() & BusKeyRow.revoked_at.does_not_exist(),
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            return self.find(key.key_id) or key  # the first revocation stands
        return _key(row)


def _key(row: BusKeyRow) -> BusKey:
    kept = BusKey.model_validate_json(row.body)
    return kept.model_copy(
        update={
            "is_active": row.revoked_at is None,
            "revoked_by": row.revoked_by,
            "revoked_at": datetime.fromisoformat(row.revoked_at) if row.revoked_at else None,
        }
    )
