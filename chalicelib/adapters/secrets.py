"""Secrets: from the environment on a developer's machine, from Secrets Manager when deployed.

A secret is rotated by a new version beside the old one (`python -m infra rotate`). What is made is
made with the version in force; what is checked is checked against both, until the overlap ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from chalicelib.adapters import aws
from chalicelib.domain.errors import ConfigurationError

#: A rotated secret is used by every warm function within this time.
CACHE_SECONDS = 300.0

#: What fits no secret we know is held against what there is by now, at once but at most this
#: often: whoever sends rubbish does not have us ask each time.
LOOK_AGAIN_SECONDS = 10.0

#: How long the version before is accepted where nobody ends the overlap sooner: as long as a
#: message waits in a dead-letter queue, so that what was signed before still verifies after.
OVERLAP_DAYS = 14

_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass(frozen=True)
class _Read:
    text: str
    since: datetime | None
    at: float
    again: bool

    def serves(self, *, again: bool) -> bool:
        """Whether it need not be read anew; when looking again, only an earlier look does."""
        seconds = LOOK_AGAIN_SECONDS if again else CACHE_SECONDS
        return (self.again or not again) and monotonic() - self.at < seconds


_cache: dict[tuple[str, str], _Read] = {}


def secret(variable: str, value: SecretStr | None, arn: str | None, *, min_bytes: int = 1) -> str:
    """Return the secret called `variable` in force: its `value` if given, else what `arn` holds.

    Raises ConfigurationError when there is neither, and when what is there is shorter than
    `min_bytes` or out of reach.
    """
    found = value.get_secret_value() if value else ""
    if arn and not value:
        found = _read(variable, arn, _CURRENT).text
    if not found:
        raise ConfigurationError(f"{variable} is not configured; there is no default")
    if len(found.encode()) < min_bytes:
        raise ConfigurationError(f"{variable} must be at least {min_bytes} bytes long")
    return found


@dataclass(frozen=True)
class Accepted:
    """What a secret may be at the moment, looked up only as far as somebody goes on asking.

    First the version in force; then, where that did not fit, one that has come since it was last
    read, and the one before while the overlap lasts. Iterating raises what `secret` raises.
    """

    variable: str
    value: SecretStr | None
    arn: str | None
    min_bytes: int = 1

    def __iter__(self) -> Iterator[str]:
        known = secret(self.variable, self.value, self.arn, min_bytes=self.min_bytes)
        yield known
        if self.value or not self.arn:
            return
        current = _read(self.variable, self.arn, _CURRENT, again=True)
        if self._adds(current, known):
            yield current.text
        ends = (current.since or datetime.now(UTC)) + timedelta(days=OVERLAP_DAYS)
        if datetime.now(UTC) >= ends:
            return
        previous = _read(self.variable, self.arn, _PREVIOUS, again=True)
        if self._adds(previous, known, current.text):
            yield previous.text

    def _adds(self, read: _Read, *known: str) -> bool:
        return read.text not in known and len(read.text.encode()) >= self.min_bytes


def _read(variable: str, arn: str, stage: str, *, again: bool = False) -> _Read:
    """Return the version that is in that stage; with `again`, as of late."""
    known = _cache.get((arn, stage))
    if known and known.serves(again=again):
        return known
    try:
        answer = aws.client("secretsmanager").get_secret_value(SecretId=arn, VersionStage=stage)
    except (ClientError, BotoCoreError) as error:
        if stage == _PREVIOUS and _is_absent(error):
            answer = {}
        else:
            raise ConfigurationError(f"{variable} cannot be read: {error}") from None
    text, since = str(answer.get("SecretString", "")), answer.get("CreatedDate")
    found = _Read(text, since, monotonic(), again)
    _cache[arn, stage] = found
    return found


def _is_absent(error: Exception) -> bool:
    absent = isinstance(error, ClientError) and error.response["Error"]["Code"]
    return absent == "ResourceNotFoundException"
