"""One POST to a subscriber over a real socket: bounded, never redirected, never inwards."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters import webhook_sender
from chalicelib.adapters.webhook_sender import MAX_ANSWER_BYTES, HttpWebhookSender
from chalicelib.domain.errors import InvalidInputError
from tests.conftest import forget_everything
from tests.partner import Partner, Reply
from tests.raw_peer import DRIPPING, behaving, drips, pours, says

HEADERS = {"Content-Type": "application/json", "webhook-id": "evt_1"}
BODY = '{"purpose":"你好"}'.encode()


@pytest.fixture
def sender() -> Iterator[HttpWebhookSender]:
    forget_everything()
    yield HttpWebhookSender(allow_loopback=True)
    forget_everything()


def test_the_body_arrives_byte_by_byte_with_its_headers(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, b"thank you")

    attempt = sender.post(f"{partner.url}/hook?x=1", BODY, HEADERS)

    (call,) = partner.received
    assert (call.method, call.path, call.body) == ("POST", "/hook?x=1", BODY)
    assert call.headers["webhook-id"] == "evt_1"
    assert (attempt.status, attempt.answer, attempt.error) == (200, "thank you", None)
    assert attempt.succeeded
    assert attempt.duration_ms >= 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(
    sender: HttpWebhookSender, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status, headers={"Location": f"{partner.url}/elsewhere"})

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert (attempt.status, attempt.succeeded) == (status, False)
    assert len(partner.received) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_a_refusal_is_a_failure_with_its_answer(
    sender: HttpWebhookSender, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status, b"no")

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert (attempt.status, attempt.answer, attempt.succeeded) == (status, "no", False)


def test_only_the_beginning_of_an_answer_is_kept(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, b"x" * (MAX_ANSWER_BYTES + 1))

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert attempt.answer == "x" * MAX_ANSWER_BYTES


def test_an_endless_answer_is_not_read_to_its_end(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, b"x" * 50_000_000)

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert attempt.succeeded
    assert partner.bytes_sent < 50_000_000


def test_an_answer_that_is_no_text_is_kept_readable(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, b"\xff\x00ok")

    assert sender.post(partner.url, BODY, HEADERS).answer == "\ufffd\x00ok"


def test_an_answer_that_breaks_off_is_told_by_its_status(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, b"not gzip", {"Content-Encoding": "gzip"})

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert (attempt.status, attempt.succeeded) == (200, True)


def test_silence_ends_with_the_timeout(
    sender: HttpWebhookSender, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", 0.05)
    partner.usual = Reply(is_silent=True)

    attempt = sender.post(partner.url, BODY, HEADERS)

    assert (attempt.status, attempt.error, attempt.succeeded) == (None, "ReadTimeout", False)


@pytest.mark.parametrize("what", DRIPPING)
def test_an_answer_that_drips_is_left_in_time(
    sender: HttpWebhookSender, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", 0.2)
    with behaving(drips(*DRIPPING[what])) as peer:
        attempt = sender.post(peer.url, BODY, HEADERS)

        assert peer.was_left()

    assert attempt.status == (None if what == "headers" else 200)
    assert attempt.error
    assert attempt.error.endswith("Timeout")


def test_an_answer_is_kept_as_far_as_it_came(
    sender: HttpWebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "TIMEOUT_SECONDS", 0.2)
    chunked = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
    with behaving(says(chunked + b"3\r\nnot\r\n5\r\n this\r\n")) as peer:
        attempt = sender.post(peer.url, BODY, HEADERS)

    assert (attempt.status, attempt.answer, attempt.error) == (400, "not this", "Timeout")


@pytest.mark.parametrize("size", [b"-1", b"-2"])
def test_a_chunk_below_all_sizes_fails_the_attempt_and_nothing_else(
    sender: HttpWebhookSender, size: bytes
) -> None:
    chunked = b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n"
    with behaving(pours(chunked, b"x" * 65536)) as peer:
        attempt = sender.post(peer.url, BODY, HEADERS)

        assert peer.was_left()

    assert (attempt.status, attempt.answer, attempt.error) == (500, "", "ChunkedEncodingError")


def test_the_timeout_is_the_agreed_one() -> None:
    assert webhook_sender.TIMEOUT_SECONDS == 5


def test_a_refused_connection_is_an_attempt_that_failed(sender: HttpWebhookSender) -> None:
    attempt = sender.post("http://127.0.0.1:1/", BODY, HEADERS)

    assert (attempt.status, attempt.error) == (None, "ConnectionError")


INWARDS = [
    "https://127.0.0.1/",
    "https://localhost/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
]


@pytest.mark.parametrize("url", INWARDS)
def test_an_inward_address_is_neither_registered_nor_called(url: str) -> None:
    sender = HttpWebhookSender(allow_loopback=False)

    with pytest.raises(InvalidInputError) as caught:
        sender.check(url)
    attempt = sender.post(url, BODY, HEADERS)

    (error,) = caught.value.errors
    assert error.field == "url"
    assert (attempt.status, attempt.error) == (None, error.message)
    assert "private or reserved" in error.message


def resolving(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Have each name resolve to its addresses, one after the other."""
    resolve = socket.getaddrinfo

    def resolve_in_turn(host: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on as it came
        name = host.partition(".")[0]
        if name not in names:
            return resolve(host, *args, **options)
        if options.get("flags"):
            raise socket.gaierror
        return resolve(names[name].pop(0), *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_in_turn)


def test_the_address_that_was_judged_is_the_one_that_is_called(
    sender: HttpWebhookSender, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, rebinding=["127.0.0.1", "10.0.0.1", "10.0.0.1"])
    url = partner.url.replace("127.0.0.1", "rebinding.test")

    assert sender.post(url, BODY, HEADERS).succeeded
    attempt = sender.post(url, BODY, HEADERS)

    assert attempt.status is None
    assert attempt.error == "must not point at a private or reserved address"
    assert len(partner.received) == 1


def test_the_host_that_is_judged_is_the_one_that_would_be_called() -> None:
    sender = HttpWebhookSender(allow_loopback=False)

    for url in ("https://10.0.0.1\\.public.example/", "https://10%2e0.0.1/"):
        with pytest.raises(InvalidInputError) as caught:
            sender.check(url)

        assert caught.value.errors[0].message in {
            "must be a valid http(s) URL",
            "must spell an address in the usual way",
        }


def test_what_cannot_be_called_is_refused() -> None:
    sender = HttpWebhookSender(allow_loopback=False)

    with pytest.raises(InvalidInputError) as caught:
        sender.check("https://*.example/")
    attempt = sender.post("https://*.example/", BODY, HEADERS)

    assert caught.value.errors[0].message == "must be a valid http(s) URL"
    assert (attempt.status, attempt.error) == (None, "must be a valid http(s) URL")


def test_only_loopback_is_let_through_on_the_local_stage(sender: HttpWebhookSender) -> None:
    sender.check("http://127.0.0.1:8080/")
    sender.check("http://[::1]:8080/")

    for url in ("https://10.0.0.1/", "https://169.254.169.254/", "http://10.0.0.1/"):
        with pytest.raises(InvalidInputError):
            sender.check(url)


def test_a_public_address_must_be_https() -> None:
    sender = HttpWebhookSender(allow_loopback=False)

    sender.check("https://93.184.215.14/hook")
    with pytest.raises(InvalidInputError) as caught:
        sender.check("http://93.184.215.14/hook")

    assert [e.message for e in caught.value.errors] == ["must be https"]


def test_a_name_that_does_not_resolve_may_be_registered_and_fails_when_called(
    sender: HttpWebhookSender,
) -> None:
    sender.check("https://nobody.invalid/")

    attempt = sender.post("https://nobody.invalid/", BODY, HEADERS)

    assert (attempt.status, attempt.error) == (None, "the host name cannot be resolved")


def test_a_name_that_cannot_be_a_name_is_an_attempt_that_failed(sender: HttpWebhookSender) -> None:
    for host in ("a..b", "x" * 64 + ".example"):
        attempt = sender.post(f"https://{host}/", BODY, HEADERS)

        assert attempt.error == "must be a valid http(s) URL"


def test_what_a_receiver_asks_for_is_told(sender: HttpWebhookSender, partner: Partner) -> None:
    partner.usual = Reply(429, headers={"Retry-After": "120"})

    assert sender.post(partner.url, BODY, HEADERS).retry_after == "120"


def test_cookies_of_one_subscriber_are_sent_to_nobody(
    sender: HttpWebhookSender, partner: Partner
) -> None:
    partner.usual = Reply(200, headers={"Set-Cookie": "session=1"})

    for _ in range(2):
        sender.post(partner.url, BODY, HEADERS)

    assert "cookie" not in partner.received[1].headers
