"""The verbs of API keys on fakes: who may use them, what is told of them, what they cost."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from chalicelib.domain import api_keys as domain
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.api_keys import ApiKey, NewApiKey
from chalicelib.domain.errors import (
    ApiKeyNotFoundError,
    ExpiredApiKeyError,
    ForbiddenError,
    InvalidApiKeyError,
    InvalidInputError,
)
from chalicelib.domain.events import AuditAction
from chalicelib.usecases import api_keys
from tests.factories import ADMIN, AT, CLERK, LATER, SUPERADMIN, actor
from tests.fakes import FakeApiKeys

MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """Where keys are made and used, and what became of it."""

    keys: FakeApiKeys = field(default_factory=FakeApiKeys)
    failures: list[Exception] = field(default_factory=list)

    def create(self, by: Actor = SUPERADMIN, **more: object) -> tuple[ApiKey, str]:
        body = {"name": "Purchasing", "scopes": ["requests:read"], "departments": ["finance"]}
        new = NewApiKey.model_validate(body | more)
        return api_keys.create(new, by=by, at=AT, keys=self.keys)

    def revoke(self, key_id: str, by: Actor = SUPERADMIN) -> ApiKey:
        return api_keys.revoke(key_id, by=by, at=LATER, keys=self.keys)

    def authenticate(self, text: str, minutes: float = 0) -> Actor:
        at = AT + minutes * MINUTE
        return api_keys.authenticate(text, at=at, keys=self.keys, failed=self.failures.append)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_new_key_lets_its_service_in(desk: Desk) -> None:
    key, text = desk.create()

    assert desk.authenticate(text).id == f"key:{key.id}"
    assert key.prefix == domain.shown_of(text)
    assert text not in repr(desk.keys.kept)


def test_a_mistyped_key_is_refused_without_a_read(desk: Desk) -> None:
    _, text = desk.create()
    other = "0" if text[10] != "0" else "1"

    with pytest.raises(InvalidApiKeyError):
        desk.authenticate(text[:10] + other + text[11:])

    assert desk.keys.reads == 0


def test_a_well_formed_key_nobody_made_is_refused_in_one_read(desk: Desk) -> None:
    with pytest.raises(InvalidApiKeyError):
        desk.authenticate(domain.generate())

    assert desk.keys.reads == 1


def test_a_revoked_key_is_refused_from_then_on(desk: Desk) -> None:
    key, text = desk.create()

    assert desk.revoke(key.id).is_active is False

    with pytest.raises(InvalidApiKeyError):
        desk.authenticate(text)


def test_an_expired_key_is_told_so(desk: Desk) -> None:
    _, text = desk.create(expiresAt=AT + 10 * MINUTE)

    assert desk.authenticate(text, minutes=9)
    with pytest.raises(ExpiredApiKeyError):
        desk.authenticate(text, minutes=10)


def test_a_key_that_has_expired_before_it_exists_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInputError) as caught:
        desk.create(expiresAt=AT)

    assert [error.field for error in caught.value.errors] == ["expiresAt"]
    assert desk.keys.kept == {}


def test_a_use_is_written_down_once_in_a_quarter_of_an_hour(desk: Desk) -> None:
    key, text = desk.create()

    for minutes in (0, 1, 14.9, 15, 20, 29.9, 30):
        desk.authenticate(text, minutes)

    assert (desk.keys.reads, desk.keys.writes) == (7, 3)
    assert desk.keys.get(key.id).last_used_at == AT + 30 * MINUTE


def test_a_use_that_cannot_be_written_down_is_told_and_lets_the_call_through(desk: Desk) -> None:
    _, text = desk.create()
    desk.keys.is_read_only = True

    assert desk.authenticate(text).name == "Purchasing"
    assert [str(failure) for failure in desk.failures] == ["read only"]


def test_a_refused_use_is_not_written_down(desk: Desk) -> None:
    key, text = desk.create()
    desk.revoke(key.id)

    with pytest.raises(InvalidApiKeyError):
        desk.authenticate(text)

    assert desk.keys.writes == 0


def test_audit_hears_of_every_key_and_never_the_key(desk: Desk) -> None:
    key, text = desk.create()
    desk.revoke(key.id)

    created, revoked = desk.keys.told
    assert (created.action, revoked.action) == (
        AuditAction.API_KEY_CREATE,
        AuditAction.API_KEY_REVOKE,
    )
    assert created.record_id == revoked.record_id == key.id
    assert created.new_values is not None
    assert created.new_values["scopes"] == ["requests:read"]
    assert revoked.changed_fields == ["isActive", "revokedBy"]
    assert text not in repr(desk.keys.told)
    assert domain.hash_of(text) not in repr(desk.keys.told)


def test_a_second_revocation_changes_nothing_and_is_not_told(desk: Desk) -> None:
    key, _ = desk.create()
    first = desk.revoke(key.id)

    again = desk.revoke(key.id, by=actor("SuperAdmin", id="u-2"))

    assert again == first
    assert again.revoked_by == SUPERADMIN.id
    assert [entry.action for entry in desk.keys.told[1:]] == [AuditAction.API_KEY_REVOKE]


def test_keys_are_listed_newest_first(desk: Desk) -> None:
    names = ["first", "second"]
    for minutes, name in enumerate(names):
        api_keys.create(
            NewApiKey(name=name, scopes=(Scope.SYNC_RUN,), departments=("hr",)),
            by=SUPERADMIN,
            at=AT + minutes * MINUTE,
            keys=desk.keys,
        )

    listed = api_keys.list_all(by=SUPERADMIN, keys=desk.keys)

    assert [key.name for key in listed] == ["second", "first"]


def test_a_key_that_never_was_is_not_found(desk: Desk) -> None:
    with pytest.raises(ApiKeyNotFoundError):
        desk.revoke("key_" + "0" * 32)
    with pytest.raises(ApiKeyNotFoundError):
        api_keys.view("key_1", by=SUPERADMIN, keys=desk.keys)


@pytest.mark.parametrize("by", [ADMIN, CLERK], ids=lambda by: by.role)
def test_only_a_superadmin_has_to_do_with_keys(desk: Desk, by: Actor) -> None:
    key, _ = desk.create()

    with pytest.raises(ForbiddenError):
        desk.create(by)
    with pytest.raises(ForbiddenError):
        desk.revoke(key.id, by)
    with pytest.raises(ForbiddenError):
        api_keys.list_all(by=by, keys=desk.keys)
    with pytest.raises(ForbiddenError):
        api_keys.view(key.id, by=by, keys=desk.keys)
    assert desk.keys.get(key.id).is_active
