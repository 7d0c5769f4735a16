"""Secrets: given or fetched, never defaulted; two are accepted while one takes over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from chalicelib.adapters import secrets
from chalicelib.adapters.secrets import Accepted
from chalicelib.domain.errors import ConfigurationError
from tests.conftest import Aws, client

VALUE = SecretStr("given")


@pytest.fixture
def arn(aws: Aws) -> str:  # noqa: ARG001 - it lives there
    made = client("secretsmanager").create_secret(Name="jwt", SecretString="kept")
    return str(made["ARN"])


def rotate(arn: str, value: str) -> None:
    client("secretsmanager").put_secret_value(SecretId=arn, SecretString=value)


def end_overlap(arn: str) -> None:
    versions = client("secretsmanager").describe_secret(SecretId=arn)["VersionIdsToStages"]
    before = next(version for version, stages in versions.items() if "AWSPREVIOUS" in stages)
    client("secretsmanager").update_secret_version_stage(
        SecretId=arn, VersionStage="AWSPREVIOUS", RemoveFromVersionId=before
    )


def pass_seconds(seconds: float) -> None:
    """Have all that was read be older by that."""
    for key, read in secrets._cache.items():
        secrets._cache[key] = replace(read, at=read.at - seconds)


def accepted(arn: str) -> list[str]:
    return list(Accepted("JWT_SECRET", None, arn))


def test_a_given_value_needs_no_call() -> None:
    assert secrets.secret("JWT_SECRET", VALUE, None) == "given"
    assert list(Accepted("JWT_SECRET", VALUE, None)) == ["given"]


def test_a_named_secret_is_fetched(arn: str) -> None:
    assert secrets.secret("JWT_SECRET", None, arn) == "kept"


def test_a_rotated_secret_is_seen_after_five_minutes(arn: str) -> None:
    secrets.secret("JWT_SECRET", None, arn)
    rotate(arn, "rotated")

    assert secrets.CACHE_SECONDS == 300
    assert secrets.secret("JWT_SECRET", None, arn) == "kept"
    pass_seconds(secrets.CACHE_SECONDS)
    assert secrets.secret("JWT_SECRET", None, arn) == "rotated"


def test_before_a_rotation_one_secret_is_accepted(arn: str) -> None:
    assert accepted(arn) == ["kept"]


def test_during_a_rotation_both_are_accepted_and_afterwards_the_new_one(arn: str) -> None:
    rotate(arn, "rotated")
    assert accepted(arn) == ["rotated", "kept"]

    end_overlap(arn)
    pass_seconds(secrets.LOOK_AGAIN_SECONDS)
    assert accepted(arn) == ["rotated"]


def test_a_process_that_knows_the_old_secret_finds_the_new_one_when_asked_for_more(
    arn: str,
) -> None:
    assert secrets.secret("JWT_SECRET", None, arn) == "kept"
    rotate(arn, "rotated")

    assert accepted(arn) == ["kept", "rotated"]
    assert accepted(arn) == ["rotated", "kept"]


def test_what_fits_no_secret_has_it_asked_for_at_most_every_ten_seconds(arn: str) -> None:
    assert accepted(arn) == ["kept"]
    rotate(arn, "rotated")

    assert accepted(arn) == ["kept"]  # looked for a moment ago
    pass_seconds(secrets.LOOK_AGAIN_SECONDS)
    assert secrets.LOOK_AGAIN_SECONDS == 10
    assert accepted(arn) == ["kept", "rotated"]


def test_who_needs_no_other_secret_asks_for_none(arn: str) -> None:
    assert next(iter(Accepted("JWT_SECRET", None, arn))) == "kept"
    assert list(secrets._cache) == [(arn, "AWSCURRENT")]


def test_an_overlap_that_nobody_ends_ends_by_itself(arn: str) -> None:
    rotate(arn, "rotated")
    list(Accepted("JWT_SECRET", None, arn))
    read = secrets._cache[arn, "AWSCURRENT"]
    assert read.since
    long_ago = read.since - timedelta(days=secrets.OVERLAP_DAYS)
    secrets._cache[arn, "AWSCURRENT"] = replace(read, since=long_ago)

    assert accepted(arn) == ["rotated"]


def test_a_secret_before_that_is_too_short_is_not_accepted(arn: str) -> None:
    rotate(arn, "rotated")
    assert list(Accepted("JWT_SECRET", None, arn, min_bytes=5)) == ["rotated"]
    with pytest.raises(ConfigurationError, match="JWT_SECRET must be at least 8 bytes long"):
        list(Accepted("JWT_SECRET", None, arn, min_bytes=8))


@pytest.mark.parametrize("value", [None, SecretStr("")])
def test_no_secret_is_refused_by_its_name(value: SecretStr | None) -> None:
    with pytest.raises(ConfigurationError, match="JWT_SECRET is not configured"):
        secrets.secret("JWT_SECRET", value, None)


@pytest.mark.usefixtures("aws")
def test_a_secret_that_is_not_there_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigurationError, match=r"JWT_SECRET cannot be read.*ResourceNotFound"):
        secrets.secret("JWT_SECRET", None, "no-such-secret")
