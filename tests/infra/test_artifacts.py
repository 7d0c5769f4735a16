"""The bucket that code goes through: closed to all others (test_deploy.py puts code into one)."""

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.artifacts import Artifacts
from infra.cloud import Cloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Cloud(region="eu-central-1")


def test_the_bucket_lets_in_neither_the_public_nor_anyone_without_tls(cloud: Cloud) -> None:
    artifacts = Artifacts(cloud, "budget-requests-prod")
    artifacts.ensure_bucket()
    closed = cloud.s3.get_public_access_block(Bucket=artifacts.bucket)
    assert set(closed["PublicAccessBlockConfiguration"].values()) == {True}
    policy = json.loads(cloud.s3.get_bucket_policy(Bucket=artifacts.bucket)["Policy"])
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:aws:s3:::{artifacts.bucket}"
    assert statement["Resource"] == [arn, f"{arn}/*"]
