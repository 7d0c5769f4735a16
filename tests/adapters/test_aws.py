"""The AWS clients: where their calls go."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest

from chalicelib.adapters import aws

#: Each service that the functions call, with a call of it.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "t", "Key": {"pk": {"S": "1"}}}),
    "events": ("put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
    "secretsmanager": ("get_secret_value", {"SecretId": "a-secret"}),
    "ses": ("verify_email_identity", {"EmailAddress": "a@example.com"}),
    "sqs": ("send_message", {"QueueUrl": "https://example.com/q", "MessageBody": "m"}),
}
#: One of each partition.
REGIONS = ("us-east-1", "us-gov-west-1", "cn-north-1")


@pytest.fixture(params=REGIONS)
def region(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The region that clients are made for; there is no endpoint of anybody else's."""
    aws._session.cache_clear()  # it knows the region it was made in
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    yield str(request.param)
    aws._session.cache_clear()


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("variant", ["", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_calls_go_where_botocores_own_rules_say(
    service: str, variant: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variant:
        monkeypatch.setenv(variant, "true")
    plain = botocore.session.get_session().create_client(service, region_name=region)

    assert _address_called(_made(service), service) == _address_called(plain, service)


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.usefixtures("region")
def test_no_call_works_out_its_address_anew(service: str) -> None:
    worked_out: list[str] = []
    client = _made(service)
    client.meta.events.register(
        "before-endpoint-resolution", lambda model, **_: worked_out.append(model.name)
    )

    _address_called(client, service)

    assert worked_out == []


def _made(service: str) -> Any:  # noqa: ANN401 - as botocore makes it
    """Return a client as the service makes it, but for this test alone."""
    return aws.client.__wrapped__(service)


class _CalledError(Exception):
    """A call went out, to the address that it names."""


def _address_called(client: Any, service: str) -> str:  # noqa: ANN401 - as botocore makes it
    """Have a client call its service, and return where the call would have gone."""

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise _CalledError(request.url)

    client.meta.events.register("before-send", stop)
    operation, parameters = CALLS[service]
    with pytest.raises(_CalledError) as called:
        getattr(client, operation)(**parameters)
    return str(called.value)
