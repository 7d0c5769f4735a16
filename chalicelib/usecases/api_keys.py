"""The verbs of API keys: make one, look, revoke it, and know who calls with it."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.domain import access, api_keys
from chalicelib.domain.access import Actor
from chalicelib.domain.api_keys import ApiKey, NewApiKey
from chalicelib.domain.errors import FieldError, InvalidApiKeyError, InvalidInputError
from chalicelib.domain.events import AuditAction, audit_entry
from chalicelib.domain.idempotency import Receipt
from chalicelib.usecases.ports import ApiKeys


def create(
    new: NewApiKey,
    *,
    by: Actor,
    at: datetime,
    keys: ApiKeys,
    receipt: Callable[[ApiKey], Receipt] | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return what is kept of it, and the key itself, which is not.

    Audit is told in the same write. Raises ForbiddenError; InvalidInputError for a key that has
    expired before it exists; IdempotencyKeyTakenError where the receipt's key has one.
    """
    access.may_manage_api_keys(by)
    wrong = judge_expiry(new.expires_at, at=at)
    if wrong:
        raise InvalidInputError(wrong)
    text = api_keys.generate()
    key_hash = api_keys.hash_of(text)
    key = ApiKey(
        id=api_keys.id_of(key_hash),
        name=new.name,
        prefix=api_keys.shown_of(text),
        scopes=new.scopes,
        departments=new.departments,
        expires_at=new.expires_at,
        is_active=True,
        last_used_at=None,
        created_by=by.id,
        created_at=at,
    )
    entry = audit_entry(
        entry_id=f"aud_{key.id}_1",
        at=at,
        action=AuditAction.API_KEY_CREATE,
        by=by,
        record_id=key.id,
        record_code=key.prefix,
        new=key.model_dump(mode="json", exclude={"created_at", "last_used_at"}),
    )
    keys.add(key, key_hash, audit=entry, receipt=receipt(key) if receipt else None)
    return key, text


def judge_expiry(expires_at: datetime | None, *, at: datetime) -> tuple[FieldError, ...]:
    """Return what is wrong with the end of a new key's time."""
    if expires_at is not None and expires_at <= at:
        return (FieldError("expiresAt", "must be in the future"),)
    return ()


def list_all(*, by: Actor, keys: ApiKeys) -> tuple[ApiKey, ...]:
    """Return every key there ever was, newest first; raises ForbiddenError."""
    access.may_manage_api_keys(by)
    return tuple(sorted(keys.all(), key=lambda key: (key.created_at, key.id), reverse=True))


def view(key_id: str, *, by: Actor, keys: ApiKeys) -> ApiKey:
    """Return one key; raises ForbiddenError, ApiKeyNotFoundError."""
    access.may_manage_api_keys(by)
    return keys.get(key_id)


def revoke(key_id: str, *, by: Actor, at: datetime, keys: ApiKeys) -> ApiKey:
    """End a key at once; a second time changes nothing. Raises ForbiddenError, ApiKeyNotFoundError.

    Audit is told in the same write, once.
    """
    access.may_manage_api_keys(by)
    key = keys.get(key_id)
    entry = audit_entry(
        entry_id=f"aud_{key.id}_2",
        at=at,
        action=AuditAction.API_KEY_REVOKE,
        by=by,
        record_id=key.id,
        record_code=key.prefix,
        old={"isActive": True, "revokedBy": None},
        new={"isActive": False, "revokedBy": by.id},
    )
    return keys.revoke(key_id, by=by.id, at=at, audit=entry)


def authenticate(
    text: str, *, at: datetime, keys: ApiKeys, failed: Callable[[Exception], None]
) -> Actor:
    """Return the service that calls with this key, in one read.

    Its use is noted where that is news; where it cannot be, `failed` is told and the call goes
    on. Raises InvalidApiKeyError, for a mistyped key without a read; ExpiredApiKeyError.
    """
    if not api_keys.is_well_formed(text):
        raise InvalidApiKeyError
    key_hash = api_keys.hash_of(text)
    key = keys.find(key_hash)
    if key is None:
        raise InvalidApiKeyError
    service = key.service(at)
    if key.use_is_news(at):
        try:
            keys.mark_used(key_hash, at)
        except Exception as error:  # noqa: BLE001 - whatever it is, the key itself is good
            failed(error)
    return service
