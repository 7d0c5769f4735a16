"""API keys: how they look, what is kept of them, and what makes one good (SPEC.md 1)."""

import hashlib
import re
import secrets
import zlib
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, WithJsonSchema

from chalicelib.domain.access import (
    BUS_SCOPES,
    SERVICE_ID_PREFIX,
    SERVICE_ROLE,
    Actor,
    Department,
    Level,
    Scope,
)
from chalicelib.domain.errors import ExpiredApiKeyError, InvalidApiKeyError
from chalicelib.domain.model import Value
from chalicelib.domain.text import Name

#: What every key begins with, for people and for scanners of leaked secrets.
MARK = "brk_"

#: 43 characters of 62 hold 256 bits of chance; six hold any CRC-32.
RANDOM_CHARACTERS = 43
CHECKSUM_CHARACTERS = 6

#: So many random characters are shown of a key, to tell it from others.
SHOWN_CHARACTERS = 4

#: `lastUsedAt` may be this late: a write a call would cost more than knowing it better is worth.
USED_PRECISION = timedelta(minutes=15)

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(rf"{MARK}[0-9A-Za-z]{{{RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}}")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T", re.ASCII)
_ID_DIGITS = 32
_ID = re.compile(rf"key_[0-9a-f]{{{_ID_DIGITS}}}")


def generate() -> str:
    """Return a new key; nothing else in the world knows it."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return MARK + drawn + _checksum(drawn)


def is_well_formed(key: str) -> bool:
    """Whether `key` can be one of ours; one mistyped character makes it one that cannot."""
    if not _FORM.fullmatch(key):
        return False
    drawn = key[len(MARK) : -CHECKSUM_CHARACTERS]
    return key.endswith(_checksum(drawn))


def hash_of(key: str) -> str:
    """Return what is kept of a key, in hex. Unsalted: nobody guesses 256 bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def id_of(key_hash: str) -> str:
    """Return the id of the key with this hash, so that who finds a key can name it."""
    return f"key_{key_hash[:_ID_DIGITS]}"


def hash_prefix_of(key_id: str) -> str | None:
    """Return what the hash of the key with this id begins with; None where no key has such an id.

    128 bits of a hash name one key, and say nothing of the key itself.
    """
    return key_id.removeprefix("key_") if _ID.fullmatch(key_id) else None


def shown_of(key: str) -> str:
    """Return the beginning of a key, by which people recognise it."""
    return f"{key[: len(MARK) + SHOWN_CHARACTERS]}…"


def _checksum(drawn: str) -> str:
    """CRC-32 finds every error within 32 neighbouring bits, which SHA-256 cut short does not."""
    rest, digits = zlib.crc32(drawn.encode()), ""
    for _ in range(CHECKSUM_CHARACTERS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def _written_out(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_TIME.match(value)):
        return value
    raise ValueError("must be a time such as 2030-01-31T00:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the last hours of the year 9999, from west of Greenwich
        raise ValueError("is out of range") from None


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]


_KEY_SCOPES = [scope.value for scope in Scope if scope not in BUS_SCOPES]


def _of_a_key(scope: object) -> object:
    # Asked first: pydantic would name the bus's scopes among those that are allowed.
    if scope not in _KEY_SCOPES:
        raise ValueError(f"must be one of: {', '.join(_KEY_SCOPES)}")
    return scope


KeyScope = Annotated[
    Scope, BeforeValidator(_of_a_key), WithJsonSchema({"type": "string", "enum": _KEY_SCOPES})
]


class NewApiKey(Value):
    """The body of a new key; without `expiresAt` it is good until it is revoked."""

    name: Name
    scopes: Annotated[tuple[KeyScope, ...], Field(min_length=1), AfterValidator(_each_once)]
    departments: Annotated[tuple[Department, ...], Field(min_length=1), AfterValidator(_each_once)]
    expires_at: Moment | None = None


class ApiKey(Value):
    """A key as it is kept and shown: all but the key itself. `prefix` is its beginning."""

    id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    departments: tuple[Department, ...]
    expires_at: datetime | None
    is_active: bool
    last_used_at: datetime | None
    created_by: str
    created_at: datetime
    revoked_by: str | None = None
    revoked_at: datetime | None = None

    def service(self, at: datetime) -> Actor:
        """Return who calls with this key; raises InvalidApiKeyError, ExpiredApiKeyError."""
        if not self.is_active:
            raise InvalidApiKeyError
        if self.expires_at is not None and self.expires_at <= at:
            raise ExpiredApiKeyError
        return Actor(
            id=f"{SERVICE_ID_PREFIX}{self.id}",
            name=self.name,
            role=SERVICE_ROLE,
            level=Level.SERVICE,
            department=None,
            scopes=self.scopes,
            departments=self.departments,
        )

    def use_is_news(self, at: datetime) -> bool:
        """Whether a use at `at` is worth writing down."""
        return self.last_used_at is None or at - self.last_used_at >= USED_PRECISION
