"""The contract of API keys."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.domain import api_keys
from chalicelib.domain.access import Scope
from chalicelib.domain.api_keys import ApiKey
from chalicelib.domain.errors import ApiKeyNotFoundError, IdempotencyKeyTakenError
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.messages import Outbox
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT, LATER, approved, created

# Whatever they say: of the making and of the end of a key.
MADE, ENDED = created().audit, approved().audit
MINUTE = timedelta(minutes=1)


def made(name: str = "Purchasing") -> tuple[ApiKey, str]:
    """Return a new key that is not kept yet, and its hash."""
    text = api_keys.generate()
    key_hash = api_keys.hash_of(text)
    key = ApiKey(
        id=api_keys.id_of(key_hash),
        name=name,
        prefix=api_keys.shown_of(text),
        scopes=(Scope.REQUESTS_READ,),
        departments=("finance",),
        expires_at=AT + timedelta(days=30),
        is_active=True,
        last_used_at=None,
        created_by="u-1",
        created_at=AT,
    )
    return key, key_hash


def kept(stores: Stores) -> tuple[ApiKey, str]:
    key, key_hash = made()
    stores.api_keys.add(key, key_hash, audit=MADE)
    return key, key_hash


def receipt(key: str = "key-1") -> Receipt:
    return Receipt(
        caller="superadmin#u-1",
        key=key,
        fingerprint="f",
        status=201,
        headers={},
        body="{}",
        expires_at=AT + timedelta(days=36500),
    )


def test_a_key_is_found_by_its_hash_and_by_its_id(stores: Stores) -> None:
    key, key_hash = kept(stores)
    kept(stores)

    assert stores.api_keys.find(key_hash) == key
    assert stores.api_keys.get(key.id) == key
    assert len(stores.api_keys.all()) == 2


def test_a_hash_nobody_has_finds_nothing(stores: Stores) -> None:
    kept(stores)

    assert stores.api_keys.find("0" * 64) is None
    for key_id in ("key_" + "0" * 32, "key_", "nonsense"):
        with pytest.raises(ApiKeyNotFoundError):
            stores.api_keys.get(key_id)
        with pytest.raises(ApiKeyNotFoundError):
            stores.api_keys.revoke(key_id, by="u-1", at=AT, audit=ENDED)


def test_a_revocation_is_seen_by_the_next_read_and_stands(stores: Stores) -> None:
    key, key_hash = kept(stores)

    revoked = stores.api_keys.revoke(key.id, by="u-2", at=LATER, audit=ENDED)
    again = stores.api_keys.revoke(key.id, by="u-3", at=LATER + MINUTE, audit=ENDED)

    assert (revoked.is_active, revoked.revoked_by, revoked.revoked_at) == (False, "u-2", LATER)
    assert again == revoked == stores.api_keys.find(key_hash)


def test_a_key_carries_what_audit_is_told_of_it(aws: Aws) -> None:
    keys = bootstrap.api_keys()
    key, key_hash = made()

    def told() -> Outbox:
        (row,) = aws.rows("keys")
        return Outbox.model_validate_json(row["outbox"]["S"])

    keys.add(key, key_hash, audit=MADE)
    assert told() == Outbox(audit=MADE)
    keys.mark_used(key_hash, AT)
    assert told() == Outbox(audit=MADE)
    keys.revoke(key.id, by="u-2", at=LATER, audit=ENDED)
    keys.revoke(key.id, by="u-3", at=LATER, audit=MADE)  # which comes too late
    assert told() == Outbox(audit=ENDED)


def test_a_use_is_noted_unless_another_has_just_been(stores: Stores) -> None:
    key, key_hash = kept(stores)

    seen = []
    for minutes in (0, 5, 15, 20):
        stores.api_keys.mark_used(key_hash, AT + minutes * MINUTE)
        seen.append(stores.api_keys.get(key.id).last_used_at)

    assert seen == [AT, AT, AT + 15 * MINUTE, AT + 15 * MINUTE]


def test_a_use_noted_late_does_not_bring_a_revoked_key_back(stores: Stores) -> None:
    key, key_hash = kept(stores)
    stores.api_keys.revoke(key.id, by="u-2", at=LATER, audit=ENDED)

    stores.api_keys.mark_used(key_hash, LATER)

    assert not stores.api_keys.get(key.id).is_active


def test_a_key_and_the_receipt_of_its_making_are_kept_together(stores: Stores) -> None:
    key, key_hash = made()
    stores.api_keys.add(key, key_hash, audit=MADE, receipt=receipt())

    other, other_hash = made("Twin")
    with pytest.raises(IdempotencyKeyTakenError):
        stores.api_keys.add(other, other_hash, audit=MADE, receipt=receipt())

    assert stores.receipts.find("superadmin#u-1", "key-1", AT) == receipt()
    assert stores.api_keys.all() == (key,)


def test_the_table_holds_hashes_and_no_keys(aws: Aws) -> None:
    text = api_keys.generate()
    key, _ = made()
    bootstrap.api_keys().add(key, api_keys.hash_of(text), audit=MADE)

    assert text not in repr(aws.rows("keys"))
