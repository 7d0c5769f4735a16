"""HTTP to others: one session, and limits on a call as a whole.

`requests` limits each wait for a socket, so that an answer may take for ever, a byte at a time.
Here a call is made `within` some seconds, and each wait of its connection (for an address, the
connection, TLS, what is sent, what is received) gets no more than what is left of them.
"""

import io
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from threading import Thread
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import ChunkedEncodingError
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.ssl_ import create_urllib3_context

from chalicelib.adapters.trust import read_once
from chalicelib.observability import CORRELATION_HEADER, correlation_id

#: For one address of a name; SYNs are repeated after one and three seconds.
CONNECT_TIMEOUT_SECONDS = 3.05

#: How much of a partner's answer is read.
MAX_ANSWER_BYTES = 65_536

#: How much may be received in a call, with headers and all that is no answer's content.
MAX_RECEIVED_BYTES = 1_048_576

#: Sent in one go; one record of TLS.
_PIECE_BYTES = 16_384


@dataclass
class _Call:
    """What is left of a call, and the addresses its names were found to have."""

    ends_at: float
    bytes_left: int = MAX_RECEIVED_BYTES
    addresses: dict[str, list[str]] = field(default_factory=dict)

    def seconds_left(self) -> float:
        left = self.ends_at - monotonic()
        if left <= 0:
            raise TimeoutError("the time of the call is over")
        return left

    def received(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise OSError("more was sent than a call may receive")


#: The call that this thread is making; connections are shared by calls, and by threads.
_call: ContextVar[_Call] = ContextVar("_call")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Have what is called in the block end in time; raises requests.Timeout for what does not."""
    call = _Call(monotonic() + seconds)
    before = _call.set(call)
    try:
        yield
    except requests.Timeout:
        raise
    except requests.RequestException as error:
        if monotonic() < call.ends_at:
            raise
        raise requests.Timeout(f"not done within {seconds} s") from error
    finally:
        _call.reset(before)


def resolve(host: str) -> list[str]:
    """Return the addresses of `host`, the same ones for the whole of a call; raises OSError."""
    call = _call.get()
    if host not in call.addresses:
        try:
            call.addresses[host] = _addresses(host, socket.AI_NUMERICHOST)
        except socket.gaierror:
            call.addresses[host] = _looked_up(host, call.seconds_left())
    return call.addresses[host]


def _looked_up(host: str, seconds: float) -> list[str]:
    # The one wait that cannot be cut short; a thread is left alone with it, until the system's
    # resolver gives up as well.
    found: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            found.set_result(_addresses(host))
        except OSError as error:
            found.set_exception(error)

    Thread(target=look_up, daemon=True).start()
    return found.result(seconds)


def _addresses(host: str, flags: int = 0) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "cannot be a name") from None
    return [str(entry[4][0]) for entry in found]


class _Received(io.RawIOBase):
    """What comes over a socket, for as long as the call lasts and as much as it may receive."""

    def __init__(self, connected: socket.socket, raw: io.RawIOBase) -> None:
        self._socket = connected
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - as RawIOBase has it
        call = _call.get()
        self._socket.settimeout(call.seconds_left())
        count: int | None = self._raw.readinto(buffer)
        call.received(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose every byte, those of the status line included, comes in time."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on as it came
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_Received(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    """A connection whose waits end with the call that uses it."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        try:
            connected = self._connected()
            for option in self.socket_options or ():
                connected.setsockopt(*option)
            connected.settimeout(_call.get().seconds_left())  # also that of a TLS handshake
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"{self.host} cannot be reached in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"{self.host} cannot be reached: {error}") from error
        return connected

    def _connected(self) -> socket.socket:
        failure = OSError("no address")
        for address in resolve(self._dns_host):
            seconds = min(_call.get().seconds_left(), CONNECT_TIMEOUT_SECONDS)
            try:
                return socket.create_connection((address, self.port), seconds)
            except OSError as error:
                failure = error
        raise failure

    def send(self, data: Any) -> None:  # noqa: ANN401 - bytes; the declared type is private
        if self.sock is None:
            self.connect()
        # In pieces, as each wait of TLS is for one of its records.
        pieces = memoryview(data)
        for start in range(0, len(pieces), _PIECE_BYTES):
            self.sock.settimeout(_call.get().seconds_left())
            super().send(pieces[start : start + _PIECE_BYTES])


class _TlsConnection(_Connection, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on as it came
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, conn: HTTPConnectionPool, *args: Any, **options: Any) -> None:  # noqa: ANN401 - handed on as it came
        super().cert_verify(conn, *args, **options)  # type: ignore[no-untyped-call]  # its stubs lack types
        read_once(conn, create_urllib3_context)


class _Session(requests.Session):
    def get_redirect_target(self, _: requests.Response) -> None:
        """Know of no redirect; `requests` would read its body whole, even to not follow it."""


@cache
def session() -> requests.Session:
    """Return the process's session: keeps connections, no cookies, no proxy of the environment.

    Calls are made `within` a time, or refused.
    """
    made = _Session()
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.mount("http://", _Adapter())
    made.mount("https://", _Adapter())
    return made


def beginning(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """Yield the body of a streamed answer, up to `max_bytes`; raises RequestException."""
    left = max_bytes
    try:
        for piece in response.iter_content(max_bytes):
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return
    except ValueError as error:  # a chunk of less than no length
        raise ChunkedEncodingError(str(error)) from error


@dataclass(frozen=True)
class Answer:
    """What a partner said; of the body no more than MAX_ANSWER_BYTES."""

    status: int
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the 2xx


def call(
    method: str,
    url: str,
    *,
    headers: dict[str, str],
    timeout_seconds: float,
    json: dict[str, Any] | None = None,
) -> Answer:
    """Call a partner without following redirects; raises requests.RequestException.

    It is told the id of what we are at, to write it into its own log.
    """
    known = correlation_id()
    if known is not None:
        headers = headers | {CORRELATION_HEADER: known}
    with (
        within(timeout_seconds),
        session().request(
            method, url, headers=headers, json=json, allow_redirects=False, stream=True
        ) as response,
    ):
        return Answer(response.status_code, b"".join(beginning(response, MAX_ANSWER_BYTES)))
