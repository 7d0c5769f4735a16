"""Calls as a whole, on real sockets: whoever drips, hangs or never ends is left in time."""

import socket
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
import requests

from chalicelib.adapters import web
from tests.conftest import forget_everything
from tests.partner import DEADLINE_SECONDS
from tests.raw_peer import DRIPPING, behaving, drips, is_silent, pours, reads_nothing, says
from tests.tls import Tls

#: Time for many drops, none of which alone is late.
SHORT_SECONDS = 0.2

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

DRIPS = DRIPPING | {
    "status line": (b"HTTP/1.1 2", b"0"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body until the end": (OK + b"\r\n", b"x"),
    "body of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"x"),
    "size of a chunk": (CHUNKED, b"0"),
    "body of a chunk": (CHUNKED + b"ffff\r\n", b"x"),
    "trailer": (CHUNKED + b"0\r\n", b"X: y\r\n"),
}


@pytest.fixture(autouse=True)
def _own_session() -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()


def call(url: str, seconds: float = DEADLINE_SECONDS, body: Any = None) -> web.Answer:  # noqa: ANN401 - JSON
    return web.call("POST", url, headers={}, timeout_seconds=seconds, json=body)


def is_in_time(error: requests.RequestException) -> bool:
    return not isinstance(error, requests.Timeout)


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_drips_is_left_when_the_time_is_over(what: str) -> None:
    with behaving(drips(*DRIPS[what])) as peer:
        with pytest.raises(requests.Timeout):
            call(peer.url, SHORT_SECONDS)

        assert peer.was_left()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_silence_is_left_when_the_time_is_over(scheme: str) -> None:
    with behaving(is_silent) as peer:
        with pytest.raises(requests.Timeout):
            call(f"{scheme}://127.0.0.1:{peer.port}", SHORT_SECONDS)

        assert peer.was_left()


def test_a_handshake_that_drips_is_left_when_the_time_is_over() -> None:
    half_a_record = b"\x16\x03\x03\x3f\xff\x02"
    with behaving(drips(half_a_record, b"\x00")) as peer:
        with pytest.raises(requests.Timeout):
            call(f"https://127.0.0.1:{peer.port}", SHORT_SECONDS)

        assert peer.was_left()


def test_who_does_not_read_what_is_sent_is_left_when_the_time_is_over() -> None:
    with behaving(reads_nothing) as peer, pytest.raises(requests.Timeout):
        call(peer.url, SHORT_SECONDS, body="x" * 50_000_000)


def test_names_that_are_slow_to_resolve_take_no_more_than_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, resolve = Event(), socket.getaddrinfo

    def resolve_slowly(host: str, port: int | None, **options: int) -> Any:  # noqa: ANN401 - handed on as it came
        if host == "slow.test" and not options.get("flags"):
            over.wait(DEADLINE_SECONDS)
        return resolve(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)

    with pytest.raises(requests.Timeout):
        call("http://slow.test/", SHORT_SECONDS)
    over.set()


def test_a_call_has_its_whole_time_after_one_that_had_none_left() -> None:
    with behaving(is_silent) as peer, pytest.raises(requests.Timeout):
        call(peer.url, SHORT_SECONDS)

    with behaving(says(OK + b"Content-Length: 2\r\n\r\nok")) as peer:
        assert call(peer.url) == web.Answer(200, b"ok")


POURS = {
    "body of known length": OK + b"Content-Length: 100000000000\r\n\r\n",
    "body until the end": OK + b"\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
    "chunk": CHUNKED + b"ffffffffff\r\n",
}


@pytest.mark.parametrize("what", POURS)
def test_of_an_endless_answer_only_the_beginning_is_read(what: str) -> None:
    with behaving(pours(POURS[what], b"x" * 65536)) as peer:
        answer = call(peer.url)

        assert answer.body == b"x" * web.MAX_ANSWER_BYTES
        assert answer.succeeded == (what != "redirect")
        assert peer.was_left()


@pytest.mark.parametrize(
    ("beginning", "wave"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (OK, b"X: y\r\n"),
        (OK, b"x" * 65536),
        (CHUNKED, b"0" * 65536),
        (CHUNKED + b"0\r\n", b"X: y\r\n"),
        (CHUNKED + b"-1\r\n", b"x" * 65536),
        (CHUNKED + b"-2\r\n", b"x" * 65536),
    ],
    ids=["interim", "headers", "header", "size", "trailers", "chunk of no size", "chunk below"],
)
def test_what_never_becomes_an_answer_is_left_before_it_fills_the_memory(
    beginning: bytes, wave: bytes
) -> None:
    with behaving(pours(beginning, wave)) as peer:
        with pytest.raises(requests.RequestException, check=is_in_time):
            call(peer.url)

        assert peer.was_left()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"HTTP/9.9 abc\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        OK + b"Content-Length: 1, 2\r\n\r\nxx",
        OK + b"Content-Length: 5\r\n\r\nxx",
        OK + b"Content-Encoding: gzip\r\n\r\nnot gzip",
        OK + b"Content-Encoding: " + b"gzip, " * 20 + b"gzip\r\n\r\nnot gzip",
        CHUNKED + b"x\r\n",
        CHUNKED + b"5\r\nxx",
    ],
)
def test_nonsense_is_told_as_a_failure_of_the_call(answer: bytes) -> None:
    def nonsense(connection: socket.socket, over: Event) -> None:
        says(answer)(connection, over)
        connection.shutdown(socket.SHUT_RDWR)

    with behaving(nonsense) as peer, pytest.raises(requests.RequestException, check=is_in_time):
        call(peer.url)


@pytest.mark.parametrize("location", ["http://[", "//", "http://\xff:x/", "/elsewhere"])
def test_where_a_redirect_leads_is_not_even_looked_at(location: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    with behaving(says(head.encode("latin-1"))) as peer:
        assert call(peer.url) == web.Answer(302, b"")


def test_a_connection_is_used_again() -> None:
    answers = [
        OK + b"Content-Length: 3\r\n\r\none",
        CHUNKED + b"3\r\ntwo\r\n0\r\n\r\n",
        OK + b"Content-Length: 0\r\n\r\n",
        OK + b"Content-Length: %d\r\n\r\n" % web.MAX_ANSWER_BYTES + b"x" * web.MAX_ANSWER_BYTES,
        OK + b"Content-Length: 4\r\n\r\nlast",
    ]
    with behaving(says(*answers)) as peer:
        bodies = [call(peer.url).body for _ in answers]

        assert bodies == [b"one", b"two", b"", b"x" * web.MAX_ANSWER_BYTES, b"last"]
        assert peer.connections == 1


def test_each_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with behaving(says(OK + b"Content-Length: 0\r\n\r\n")) as peer:
        nobody = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.9.9.9", 0))]
        resolve = socket.getaddrinfo

        def resolve_to_two(host: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - handed on as it came
            if host != "two.test":
                return resolve(host, *args, **options)
            if options.get("flags"):
                raise socket.gaierror
            return nobody + resolve("127.0.0.1", *args, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve_to_two)

        assert call(f"http://two.test:{peer.port}/").succeeded


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "x" * 64 + ".test"])
def test_a_name_without_address_is_told_as_a_failure_of_the_call(host: str) -> None:
    with pytest.raises(requests.ConnectionError):
        call(f"http://{host}/")


def test_there_is_no_call_without_a_limit() -> None:
    with behaving(is_silent) as peer, pytest.raises(LookupError):
        web.session().get(peer.url)


def test_tls_connections_are_used_again(tls: Tls) -> None:
    web.session().verify = tls.bundle
    answer = OK + b"Content-Length: 2\r\n\r\nok"
    with behaving(says(answer, answer), tls.server) as peer:
        assert [call(peer.url).body, call(peer.url).body] == [b"ok", b"ok"]
        assert peer.connections == 1


def test_certificates_are_read_once_however_many_connections(tls: Tls) -> None:
    web.session().verify = tls.bundle
    answer = OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok"
    with behaving(says(answer), tls.server) as peer:
        call(peer.url)
        tls.empty_the_bundle()
        call(peer.url)
        assert peer.connections == 2


@pytest.mark.parametrize("what", ["headers", "body"])
def test_an_encrypted_answer_that_drips_is_left_when_the_time_is_over(tls: Tls, what: str) -> None:
    web.session().verify = tls.bundle
    with behaving(drips(*DRIPS[what]), tls.server) as peer:
        with pytest.raises(requests.Timeout):
            call(peer.url, SHORT_SECONDS)

        assert peer.was_left()


def test_who_does_not_read_what_is_encrypted_is_left_when_the_time_is_over(
    tls: Tls,
) -> None:
    web.session().verify = tls.bundle
    with behaving(reads_nothing, tls.server) as peer, pytest.raises(requests.Timeout):
        call(peer.url, SHORT_SECONDS, body="x" * 50_000_000)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls: Tls,
) -> None:
    def never(*_: Any) -> None:  # noqa: ANN401 - handed on as it came
        pytest.fail("a request was sent")

    with behaving(never, tls.server) as peer, pytest.raises(requests.exceptions.SSLError):
        call(peer.url)


def test_a_certificate_of_another_name_is_refused(
    tls: Tls,
) -> None:
    web.session().verify = tls.bundle
    with behaving(is_silent, tls.server) as peer, pytest.raises(requests.exceptions.SSLError):
        call(f"https://localhost:{peer.port}/")
