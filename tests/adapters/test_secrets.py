"""Secrets: given or fetched, never defaulted."""

import pytest
from pydantic import SecretStr

from chalicelib.adapters import secrets
from chalicelib.domain.errors import ConfigurationError
from tests.conftest import Aws, client

VALUE = SecretStr("given")


@pytest.fixture
def arn(aws: Aws) -> str:  # noqa: ARG001 - it lives there
    made = client("secretsmanager").create_secret(Name="jwt", SecretString="kept")
    return str(made["ARN"])


def test_a_given_value_needs_no_call() -> None:
    assert secrets.secret("JWT_SECRET", VALUE, None) == "given"


def test_a_named_secret_is_fetched(arn: str) -> None:
    assert secrets.secret("JWT_SECRET", None, arn) == "kept"


def test_a_rotated_secret_is_seen_after_five_minutes(arn: str) -> None:
    secrets.secret("JWT_SECRET", None, arn)
    client("secretsmanager").put_secret_value(SecretId=arn, SecretString="rotated")

    assert secrets.CACHE_SECONDS == 300
    assert secrets.secret("JWT_SECRET", None, arn) == "kept"
    fetched_at, text = secrets._cache[arn]
    secrets._cache[arn] = (fetched_at - secrets.CACHE_SECONDS, text)  # five minutes pass
    assert secrets.secret("JWT_SECRET", None, arn) == "rotated"


@pytest.mark.parametrize("value", [None, SecretStr("")])
def test_no_secret_is_refused_by_its_name(value: SecretStr | None) -> None:
    with pytest.raises(ConfigurationError, match="JWT_SECRET is not configured"):
        secrets.secret("JWT_SECRET", value, None)


@pytest.mark.usefixtures("aws")
def test_a_secret_that_is_not_there_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"JWT_SECRET cannot be read.*ResourceNotFound"):
        secrets.secret("JWT_SECRET", None, "no-such-secret")
