"""Which cloud is meant: on this machine nobody's credentials are used."""

import pytest
from botocore.exceptions import ClientError

from infra.cloud import Cloud, one_clear_line
from infra.errors import OperatorError


@pytest.mark.parametrize(
    ("endpoint_url", "is_local"),
    [
        ("http://127.0.0.1:4005", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("https://localhost.localstack.cloud:4566", True),
        ("https://s3.localhost.localstack.cloud:4566", True),
        (None, False),
        ("https://vpce-1.cloudformation.us-east-1.vpce.amazonaws.com", False),
        ("https://localhost.example.com", False),
        ("https://notlocalhost", False),
    ],
)
def test_what_is_on_this_machine_is_local(endpoint_url: str | None, is_local: bool) -> None:  # noqa: FBT001 - a row of the table
    assert Cloud(region="us-east-1", endpoint_url=endpoint_url).is_local is is_local


def test_the_callers_credentials_are_not_shown_to_a_local_cloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-callers")
    client = Cloud(region="us-east-1", endpoint_url="http://127.0.0.1:9").sts
    signed = client.generate_presigned_url("get_caller_identity")
    assert "the-callers" not in signed


def test_a_refusal_of_the_cloud_is_one_line() -> None:
    refused = ClientError({"Error": {"Code": "Denied", "Message": "not\n you"}}, "CreateStack")
    with pytest.raises(OperatorError, match=r"^CreateStack: not you$"), one_clear_line():
        raise refused
