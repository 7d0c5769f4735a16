"""The AWS clients: where their calls go, and whom they trust."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import SSLError

from chalicelib.adapters import aws
from tests.raw_peer import Peer, behaving, forwards, says
from tests.tls import Tls

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


@pytest.fixture
def over_tls(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """An endpoint that answers each call over a connection of its own, and is vouched for."""
    aws._session.cache_clear()
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGIONS[0])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CA_BUNDLE", tls.bundle)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with behaving(says(answer), tls.server) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.url)
        yield peer
    aws._session.cache_clear()


def test_certificates_are_read_once_however_many_clients_and_connections(
    over_tls: Peer, tls: Tls
) -> None:
    _call(_made("dynamodb"), "dynamodb")
    tls.empty_the_bundle()
    client = _made("sqs")
    _call(client, "sqs")
    _call(client, "sqs")

    assert over_tls.connections == 3


def test_a_proxy_over_tls_is_trusted_by_the_same_certificates(
    over_tls: Peer, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behaving(forwards, tls.server) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)

        _call(_made("dynamodb"), "dynamodb")

        assert (proxy.connections, over_tls.connections) == (1, 1)


@pytest.mark.usefixtures("over_tls")
def test_a_bundle_may_be_named_from_home(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Path(tls.bundle)
    monkeypatch.setenv("HOME", str(bundle.parent))
    monkeypatch.setenv("AWS_CA_BUNDLE", f"~/{bundle.name}")

    _call(_made("dynamodb"), "dynamodb")


@pytest.mark.usefixtures("over_tls")
def test_a_bundle_that_cannot_be_read_is_a_failure_of_tls(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", f"{tls.bundle}.missing")

    with pytest.raises(SSLError, match="No such file"):
        _call(_made("dynamodb"), "dynamodb")


@pytest.mark.usefixtures("over_tls")
def test_an_endpoint_that_nobody_vouches_for_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")

    with pytest.raises(SSLError):
        _call(_made("dynamodb"), "dynamodb")


def test_an_endpoint_of_another_name_is_not_called(
    over_tls: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://localhost:{over_tls.port}")

    with pytest.raises(SSLError):
        _call(_made("dynamodb"), "dynamodb")


def _call(client: Any, service: str) -> None:  # noqa: ANN401 - as botocore makes it
    operation, parameters = CALLS[service]
    getattr(client, operation)(**parameters)


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
    with pytest.raises(_CalledError) as called:
        _call(client, service)
    return str(called.value)
