"""API keys: how they look, what makes one good, what a new one may be."""

import hashlib
import re
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.domain import api_keys
from chalicelib.domain.access import Level, Scope
from chalicelib.domain.api_keys import ApiKey, NewApiKey
from chalicelib.domain.errors import ExpiredApiKeyError, InvalidApiKeyError
from tests.factories import AT

KEY = "brk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg37cCQ0"  # pragma: allowlist secret - made up
SECOND = timedelta(seconds=1)


def key(**more: object) -> ApiKey:
    given_fields = {
        "id": "key_1",
        "name": "Purchasing",
        "prefix": "brk_Ab12…",
        "scopes": ("requests:read",),
        "departments": ("finance", "hr"),
        "expires_at": None,
        "is_active": True,
        "last_used_at": None,
        "created_by": "u-1",
        "created_at": AT,
    }
    return ApiKey.model_validate(given_fields | more)


def new(**more: object) -> NewApiKey:
    body = {"name": "Purchasing", "scopes": ["requests:read"], "departments": ["finance"]}
    return NewApiKey.model_validate(body | more)


def test_a_key_is_its_mark_then_chance_then_a_checksum() -> None:
    made = {api_keys.generate() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"brk_[0-9A-Za-z]{49}", one) for one in made)
    assert all(map(api_keys.is_well_formed, made))
    assert 62**api_keys.RANDOM_CHARACTERS >= 2**256


def test_the_checksum_is_one_that_others_can_compute() -> None:
    assert api_keys.is_well_formed(KEY)


@pytest.mark.parametrize("position", range(len(KEY)))
def test_every_single_mistyped_character_is_found(position: int) -> None:
    for typed in string.printable:
        mistyped = KEY[:position] + typed + KEY[position + 1 :]
        assert api_keys.is_well_formed(mistyped) is (mistyped == KEY)


@pytest.mark.parametrize("position", range(4, len(KEY) - 1))
def test_two_neighbours_exchanged_are_found(position: int) -> None:
    first, second = KEY[position], KEY[position + 1]
    exchanged = KEY[:position] + second + first + KEY[position + 2 :]

    assert not api_keys.is_well_formed(exchanged) or first == second


@pytest.mark.parametrize(
    "text", ["", "brk_", KEY[:-1], KEY + "0", KEY + "\n", f" {KEY}", KEY.upper(), "é" * 53]
)
def test_what_is_no_key_is_found(text: str) -> None:
    assert not api_keys.is_well_formed(text)


@given(st.text(max_size=100))
def test_no_text_of_chance_is_a_key_or_an_accident(text: str) -> None:
    assert not api_keys.is_well_formed(text)


def test_a_key_is_kept_as_its_hash_which_names_it() -> None:
    key_hash = api_keys.hash_of(KEY)

    assert key_hash == hashlib.sha256(KEY.encode()).hexdigest()
    assert api_keys.id_of(key_hash) == f"key_{key_hash[:32]}"
    assert api_keys.hash_prefix_of(api_keys.id_of(key_hash)) == key_hash[:32]


@pytest.mark.parametrize("key_id", ["", "key_", "key_1", "wh_" + "0" * 32, "key_" + "F" * 32])
def test_what_is_no_id_of_a_key_names_none(key_id: str) -> None:
    assert api_keys.hash_prefix_of(key_id) is None


def test_the_beginning_is_shown_and_no_more() -> None:
    assert api_keys.shown_of(KEY) == "brk_0123…"


def test_a_good_key_is_a_service_with_its_scopes_and_departments() -> None:
    service = key().service(AT)

    assert (service.id, service.name, service.role) == ("key:key_1", "Purchasing", "Service")
    assert (service.level, service.department, service.email) == (Level.SERVICE, None, None)
    assert service.scopes == (Scope.REQUESTS_READ,)
    assert service.departments == ("finance", "hr")
    assert service.principal == "key:key_1"


def test_a_revoked_key_is_no_key() -> None:
    with pytest.raises(InvalidApiKeyError):
        key(is_active=False, expires_at=AT).service(AT)


def test_a_key_is_good_until_the_moment_it_expires() -> None:
    ends = key(expires_at=AT)

    assert ends.service(AT - SECOND)
    with pytest.raises(ExpiredApiKeyError):
        ends.service(AT)


@pytest.mark.parametrize(
    ("last_used_at", "is_news"),
    [
        (None, True),
        (AT, False),
        (AT - timedelta(minutes=15) + SECOND, False),
        (AT - timedelta(minutes=15), True),
    ],
)
def test_a_use_is_news_once_in_a_quarter_of_an_hour(
    last_used_at: datetime | None, *, is_news: bool
) -> None:
    assert key(last_used_at=last_used_at).use_is_news(AT) is is_news


def test_scopes_and_departments_are_kept_once_each() -> None:
    made = new(
        scopes=["sync:run", "requests:read", "sync:run"], departments=["hr", "finance", "hr"]
    )

    assert made.scopes == ("requests:read", "sync:run")
    assert made.departments == ("finance", "hr")
    assert made.expires_at is None


def test_an_end_is_kept_in_utc() -> None:
    made = new(expiresAt="2030-01-31T01:00:00+02:00")

    assert made.expires_at == datetime(2030, 1, 30, 23, tzinfo=UTC)
    assert made.expires_at.tzinfo is UTC


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"scopes": []},
        {"scopes": ["requests:*"]},
        {"scopes": "requests:read"},
        {"departments": []},
        {"departments": ["legal"]},
        {"expiresAt": "2030-01-31"},
        {"expiresAt": "2030-01-31T00:00:00"},
        {"expiresAt": "2030-02-30T00:00:00Z"},
        {"expiresAt": 1_900_000_000},
        {"expiresAt": "1900000000"},
        {"expiresAt": "9999-12-31T23:59:59-12:00"},
        {"isActive": False},
    ],
)
def test_what_cannot_be_a_new_key_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        new(**fields)
