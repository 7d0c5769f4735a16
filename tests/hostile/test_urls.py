"""Addresses that lead inwards, however they are spelled: none is taken, and none is called."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.adapters.webhook_sender import HttpWebhookSender
from chalicelib.domain.addresses import is_public
from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.webhooks import NewSubscription
from tests.conftest import forget_everything
from tests.partner import Partner, Reply
from tests.raw_peer import Peer, behaving, says

#: Where the one that listens is; PORT becomes its port, which no rule on ports refuses.
SPELLINGS = [
    "https://127.0.0.1:PORT/",
    "https://127.0.0.2:PORT/",
    "https://127.255.255.254:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "https://localhost.:PORT/",
    "https://a.localhost:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0x7f.0.0.1:PORT/",
    "https://0x7f.1:PORT/",
    "https://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://0177.0.0.01:PORT/",
    "https://127.0.0.0x1:PORT/",
    "https://127.000.000.001:PORT/",
    "https://0.0.0.0:PORT/",
    "https://0:PORT/",
    "https://0x0:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[::]:PORT/",
    "https://[::1%25lo]:PORT/",
    "https://[::1%lo]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[64:ff9b::127.0.0.1]:PORT/",
    "https://[64:ff9b:1::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:7f00:1::]:PORT/",
    "https://[2606:4700::5efe:127.0.0.1]:PORT/",
    "https://user@127.0.0.1:PORT/",
    "https://partner.example.com@127.0.0.1:PORT/",
    "https://partner.example.com:443@127.0.0.1:PORT/",
    "https://:@127.0.0.1:PORT/",
    "https://partner.example.com%40127.0.0.1:PORT/",
    "https://127.0.0.1:PORT\\@partner.example.com/",  # pragma: allowlist secret - a URL
    "https://127.0.0.1:PORT\\.partner.example.com/",
    "https://127%2e0.0.1:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127。0。0。1:PORT/",
    "https://①②⑦.0.0.1:PORT/",
    "https://ⓛocalhost:PORT/",
    "https://127.0.0.1\t:PORT/",
    "https://127.0.0.1\n:PORT/",
    "https://127.0.0.1:PORT\r\nHost: partner.example.com/",
    "https://127.0.0.1 :PORT/",
    "https:127.0.0.1:PORT/",
    "https:/127.0.0.1:PORT/",
    "https:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_POST",
    "file:///etc/passwd",
    "file://127.0.0.1:PORT/etc/passwd",
    "unix:///var/run/docker.sock",
    "data:text/plain,127.0.0.1:PORT",
    "javascript://127.0.0.1:PORT/",
    "ws://127.0.0.1:PORT/",
]

#: Nothing of ours listens there, and nothing is asked either.
ELSEWHERE = [
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/latest/meta-data/",
    "https://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://168.63.129.16/machine",
    "https://192.0.0.192/opc/v2/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250:1900/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[::ffff:169.254.169.254]/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://printer.local/",
    "https://router.lan/",
    "https://nas.home.arpa/",
    "https://93.184.215.14:25/",
    "https://93.184.215.14:22/",
    "https://93.184.215.14:0/",
    "https://93.184.215.14:65536/",
    "http://93.184.215.14/",
]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Somebody who listens on this machine, on every address of it, and should never be called."""
    forget_everything()
    with behaving(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as it:
        yield it
    forget_everything()


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that somebody connects to."""
    called: list[Any] = []
    connect = socket.create_connection

    def noted(address: Any, *args: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - handed on
        called.append(address)
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", noted)
    return called


def registered(url: str, sender: HttpWebhookSender) -> bool:
    """Whether a URL gets through all that a registration asks of it."""
    try:
        sender.check(NewSubscription(url=url, events=("*",)).url)
    except (ValidationError, InvalidInputError):
        return False
    return True


@pytest.mark.parametrize("url", [*SPELLINGS, *ELSEWHERE])
def test_a_hostile_url_is_neither_registered_nor_called(
    peer: Peer, connects: list[Any], url: str
) -> None:
    sender = HttpWebhookSender(allow_loopback=False)
    url = url.replace("PORT", str(peer.port))

    assert not registered(url, sender)
    answered = sender.post(url, b"{}", {})

    assert (answered.status, answered.succeeded) == (None, False)
    assert answered.error
    assert (peer.connections, connects) == (0, [])


#: The local stage takes this machine, plainly named; and nothing more than that.
NOT_EVEN_LOCALLY = [
    "http://127.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0.0.0.0:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://user@127.0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://a.internal:PORT/",
    "ftp://127.0.0.1:PORT/",
    *ELSEWHERE,
]


@pytest.mark.parametrize("url", NOT_EVEN_LOCALLY)
def test_the_local_stage_takes_loopback_and_no_trick(
    peer: Peer, connects: list[Any], url: str
) -> None:
    sender = HttpWebhookSender(allow_loopback=True)
    url = url.replace("PORT", str(peer.port))

    assert not registered(url, sender)
    assert sender.post(url, b"{}", {}).status is None

    assert (peer.connections, connects) == (0, [])


def test_the_one_who_listens_would_have_noticed(peer: Peer) -> None:
    assert HttpWebhookSender(allow_loopback=True).post(peer.url, b"{}", {}).succeeded
    assert peer.connections == 1


Resolve = Callable[..., None]


@pytest.fixture
def resolving(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Have `name.example` resolve to other addresses each time it is asked for."""
    resolve = socket.getaddrinfo

    def arrange(*answers: list[str]) -> None:
        left = list(answers)

        def resolve_in_turn(host: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on
            if host != "name.example":
                return resolve(host, *args, **options)
            if options.get("flags"):
                raise socket.gaierror
            given = left.pop(0) if len(left) > 1 else left[0]
            return [entry for each in given for entry in resolve(each, *args, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", resolve_in_turn)

    return arrange


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - what a name may say
    "224.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "fd00:ec2::254",
]


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_resolves_inwards_is_neither_registered_nor_called(
    peer: Peer, connects: list[Any], resolving: Resolve, address: str
) -> None:
    resolving([address])
    sender = HttpWebhookSender(allow_loopback=False)
    url = f"https://name.example:{peer.port}/"

    assert not registered(url, sender)
    assert sender.post(url, b"{}", {}).error == "must not point at a private or reserved address"

    assert (peer.connections, connects) == (0, [])


def test_a_name_with_one_address_inside_is_not_called_at_the_others(
    peer: Peer, connects: list[Any], resolving: Resolve
) -> None:
    resolving(["93.184.215.14", "127.0.0.1"])
    sender = HttpWebhookSender(allow_loopback=False)

    assert not registered(f"https://name.example:{peer.port}/", sender)
    assert sender.post(f"https://name.example:{peer.port}/", b"{}", {}).status is None

    assert (peer.connections, connects) == (0, [])


def test_a_name_that_has_moved_inwards_since_its_registration_is_not_called(
    peer: Peer, connects: list[Any], resolving: Resolve
) -> None:
    resolving(["93.184.215.14"], ["127.0.0.1"])
    sender = HttpWebhookSender(allow_loopback=False)
    url = f"https://name.example:{peer.port}/"

    assert registered(url, sender)
    assert sender.post(url, b"{}", {}).error == "must not point at a private or reserved address"

    assert (peer.connections, connects) == (0, [])


def test_a_name_that_resolves_differently_the_second_time_is_called_where_it_was_judged(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, resolving: Resolve
) -> None:
    resolving(["93.184.215.14"], ["127.0.0.1"])  # judged, and what a second look would find
    called: list[Any] = []

    def refuses(address: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - handed on
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refuses)
    sender = HttpWebhookSender(allow_loopback=False)

    answered = sender.post(f"https://name.example:{peer.port}/", b"{}", {})

    assert (answered.status, answered.error) == (None, "ConnectionError")
    assert {address for address, _ in called} == {"93.184.215.14"}
    assert peer.connections == 0


def test_a_redirect_inwards_is_a_failure_and_not_followed(peer: Peer, partner: Partner) -> None:
    partner.usual = Reply(302, headers={"Location": peer.url})

    answered = HttpWebhookSender(allow_loopback=True).post(partner.url, b"{}", {})

    assert (answered.status, answered.succeeded) == (302, False)
    assert (len(partner.received), peer.connections) == (1, 0)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:800::200e"]
)
def test_the_internet_at_large_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "1.1.1", "::g", "1.1.1.1/24"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)
