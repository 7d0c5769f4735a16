"""Secrets: from the environment on a developer's machine, from Secrets Manager when deployed."""

from time import monotonic

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from chalicelib.adapters import aws
from chalicelib.domain.errors import ConfigurationError

#: A rotated secret is seen by every warm function within this time.
CACHE_SECONDS = 300.0

_cache: dict[str, tuple[float, str]] = {}


def secret(variable: str, value: SecretStr | None, arn: str | None) -> str:
    """Return the secret called `variable`: its `value` if given, else what `arn` holds.

    Raises ConfigurationError when there is neither, or when what is there is empty or out of reach.
    """
    try:
        found = value.get_secret_value() if value else _fetch(arn) if arn else ""
    except (ClientError, BotoCoreError) as error:
        raise ConfigurationError(f"{variable} cannot be read: {error}") from None
    if not found:
        raise ConfigurationError(f"{variable} is not configured; there is no default")
    return found


def _fetch(arn: str) -> str:
    known = _cache.get(arn)
    if known and monotonic() - known[0] < CACHE_SECONDS:
        return known[1]
    answer = aws.client("secretsmanager").get_secret_value(SecretId=arn)
    text = str(answer.get("SecretString", ""))
    _cache[arn] = (monotonic(), text)
    return text
