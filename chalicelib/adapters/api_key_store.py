"""API keys in DynamoDB: one item a key, found by the key's hash in one read."""

from datetime import datetime

from pynamodb.exceptions import UpdateError

from chalicelib.adapters.outbox import told
from chalicelib.adapters.receipts import put_with_receipt
from chalicelib.adapters.rows.keys import ApiKeyRow
from chalicelib.domain.api_keys import USED_PRECISION, ApiKey, hash_prefix_of
from chalicelib.domain.errors import ApiKeyNotFoundError
from chalicelib.domain.events import AuditEntry
from chalicelib.domain.idempotency import Receipt

#: Few, and listed together, so one partition; it serves 3 000 calls a second.
_KEYS = "API_KEYS"

_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoApiKeys:
    """The ApiKeys on DynamoDB; every read is consistent, so that a revocation holds at once."""

    def add(
        self, key: ApiKey, key_hash: str, *, audit: AuditEntry, receipt: Receipt | None = None
    ) -> None:
        """Keep a new key under its hash, what Audit is told, and the call's receipt."""
        row = ApiKeyRow(_KEYS, key_hash, body=key.model_dump_json(), outbox=told(audit=audit))
        put_with_receipt(row, ApiKeyRow.pk.does_not_exist(), receipt)

    def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash as it is now, in one read; None where there is none."""
        row = ApiKeyRow.read(_KEYS, key_hash)
        return _key(row) if row else None

    def get(self, key_id: str) -> ApiKey:
        """Return the key with this id; raises ApiKeyNotFoundError."""
        return _key(_row(key_id))

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, revoked and expired ones too."""
        return tuple(_key(row) for row in ApiKeyRow.query(_KEYS, consistent_read=True))

    def revoke(self, key_id: str, *, by: str, at: datetime, audit: AuditEntry) -> ApiKey:
        """End a key, unless it has ended, and return it; raises ApiKeyNotFoundError."""
        row = _row(key_id)
        try:
            row.update(
                actions=[
                    ApiKeyRow.revoked_by.set(by),
                    ApiKeyRow.revoked_at.set(_sortable(at)),
                    ApiKeyRow.outbox.set(told(audit=audit)),
                ],
                condition=ApiKeyRow.revoked_at.does_not_exist(),
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            return self.get(key_id)  # the first revocation stands
        return _key(row)

    def mark_used(self, key_hash: str, at: datetime) -> None:
        """Note that a key was used at `at`, unless another call has just noted the like."""
        is_news = ApiKeyRow.last_used_at.does_not_exist() | (
            ApiKeyRow.last_used_at <= _sortable(at - USED_PRECISION)
        )
        try:
            ApiKeyRow(_KEYS, key_hash).update(
                actions=[ApiKeyRow.last_used_at.set(_sortable(at))],
                condition=ApiKeyRow.pk.exists() & is_news,
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise


def _row(key_id: str) -> ApiKeyRow:
    prefix = hash_prefix_of(key_id)
    if prefix is not None:
        for row in ApiKeyRow.query(
            _KEYS, ApiKeyRow.sk.startswith(prefix), consistent_read=True, limit=1
        ):
            return row
    raise ApiKeyNotFoundError


def _key(row: ApiKeyRow) -> ApiKey:
    kept = ApiKey.model_validate_json(row.body)
    return kept.model_copy(
        update={
            "is_active": row.revoked_at is None,
            "last_used_at": _moment(row.last_used_at),
            "revoked_by": row.revoked_by,
            "revoked_at": _moment(row.revoked_at),
        }
    )


def _sortable(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
