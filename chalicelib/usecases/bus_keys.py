"""The verbs of partners' keys on the bus: create, list, revoke; for operators alone."""

from datetime import datetime

from chalicelib.domain import access, bus_keys
from chalicelib.domain.access import Actor
from chalicelib.domain.bus_keys import BusKey, NewBusKey
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.events import AuditAction, audit_entry
from chalicelib.usecases.api_keys import judge_expiry
from chalicelib.usecases.ports import BusKeys


def create(
    new: NewBusKey, *, by: Actor, at: datetime, keys: BusKeys, root: str
) -> tuple[BusKey, str]:
    """Make a key and return it with its secret, which is derived from `root` and kept nowhere.

    A source may have several, as it does while one replaces another. Audit is told in the same
    write. Raises ForbiddenError; InvalidInputError for a key that has expired before it exists.
    """
    access.may_manage_api_keys(by)
    wrong = judge_expiry(new.expires_at, at=at)
    if wrong:
        raise InvalidInputError(wrong)
    key = BusKey(
        key_id=bus_keys.generate_id(),
        source=new.source,
        types=tuple(sorted(set(new.types))),
        departments=tuple(sorted(set(new.departments))),
        expires_at=new.expires_at,
        is_active=True,
        created_by=by.id,
        created_at=at,
    )
    entry = audit_entry(
        entry_id=f"aud_{key.key_id}_1",
        at=at,
        action=AuditAction.BUS_KEY_CREATE,
        by=by,
        record_id=key.key_id,
        record_code=key.source,
        new=key.model_dump(mode="json", exclude={"created_at", "revoked_by", "revoked_at"}),
    )
    keys.add(key, audit=entry)
    return key, bus_keys.secret_of(key.key_id, root)


def list_all(*, by: Actor, keys: BusKeys) -> tuple[BusKey, ...]:
    """Return every key there ever was, newest first; raises ForbiddenError."""
    access.may_manage_api_keys(by)
    return tuple(sorted(keys.all(), key=lambda key: (key.created_at, key.key_id), reverse=True))


def revoke(key_id: str, *, by: Actor, at: datetime, keys: BusKeys) -> BusKey | None:
    """End a key at once; a second time changes nothing. None where there is no such key.

    Audit is told in the same write, once. Raises ForbiddenError.
    """
    access.may_manage_api_keys(by)
    key = keys.find(key_id)
    if key is None:
        return None
    entry = audit_entry(
        entry_id=f"aud_{key_id}_2",
        at=at,
        action=AuditAction.BUS_KEY_REVOKE,
        by=by,
        record_id=key_id,
        record_code=key.source,
        old={"isActive": True, "revokedBy": None},
        new={"isActive": False, "revokedBy": by.id},
    )
    return keys.revoke(key, by=by.id, at=at, audit=entry)
