"""A peer that speaks bytes, not HTTP: for what no honest server sends."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext
from threading import Event, Thread
from time import monotonic

from tests.partner import DEADLINE_SECONDS

#: Between two bytes of a peer that drips: far less than any wait that a caller bounds.
PACE_SECONDS = 0.01

#: What a peer does with a connection; `over` is set when the test is.
Behaviour = Callable[[socket.socket, Event], None]


@dataclass
class Peer:
    """Where it listens, and what came of the connections to it."""

    port: int
    scheme: str = "http"
    connections: int = 0
    hung_up: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def was_left(self) -> bool:
        """Whether the caller closed the connection; waits for it."""
        return self.hung_up.wait(DEADLINE_SECONDS)


def _take_request(connection: socket.socket) -> None:
    with connection.makefile("rb") as lines:
        length = 0
        while (line := lines.readline()) not in {b"\r\n", b""}:
            name, _, value = line.lower().partition(b":")
            length = int(value) if name == b"content-length" else length
        lines.read(length)


def drips(beginning: bytes, drop: bytes) -> Behaviour:
    """Answer with `beginning`, and then a drop at a time for as long as the caller listens."""

    def behave(connection: socket.socket, over: Event) -> None:
        connection.recv(65536)
        connection.sendall(beginning)
        for _ in range(int(DEADLINE_SECONDS / PACE_SECONDS)):
            connection.sendall(drop)
            over.wait(PACE_SECONDS)
        raise TimeoutError("nobody hung up")

    return behave


#: Answers that never end although no wait for a byte is long: what comes, and what drips then.
DRIPPING = {
    "headers": (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


def pours(beginning: bytes, wave: bytes) -> Behaviour:
    """Answer with `beginning`, and then wave after wave as quickly as they are taken."""

    def behave(connection: socket.socket, _: Event) -> None:
        ends_at = monotonic() + DEADLINE_SECONDS
        _take_request(connection)
        connection.sendall(beginning)
        while monotonic() < ends_at:
            connection.sendall(wave)
        raise TimeoutError("nobody hung up")

    return behave


def says(*answers: bytes) -> Behaviour:
    """Give each request on a connection its answer."""

    def behave(connection: socket.socket, _: Event) -> None:
        for answer in answers:
            _take_request(connection)
            connection.sendall(answer)

    return behave


def is_silent(connection: socket.socket, _: Event) -> None:
    """Take what comes and say nothing."""
    while connection.recv(65536):
        pass


def reads_nothing(_: socket.socket, over: Event) -> None:
    """Let what the caller sends wait in the connection."""
    over.wait(DEADLINE_SECONDS)


def forwards(connection: socket.socket, _: Event) -> None:
    """Be a proxy: connect to whom it is asked for, and pass on what each side says."""
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        asked += connection.recv(65536)
    host, port = asked.split()[1].decode().split(":")
    with socket.create_connection((host, int(port)), DEADLINE_SECONDS) as beyond:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        Thread(target=_pass_on, args=(beyond, connection), daemon=True).start()
        _pass_on(connection, beyond)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while said := one.recv(65536):
            other.sendall(said)


@contextmanager
def behaving(behave: Behaviour, tls: SSLContext | None = None) -> Iterator[Peer]:
    """Have a peer behave so on every connection, until the block ends."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer(server.getsockname()[1], "https" if tls else "http")

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(DEADLINE_SECONDS)
                try:
                    if tls:
                        with tls.wrap_socket(connection, server_side=True) as encrypted:
                            behave(encrypted, over)
                            encrypted.recv(1)
                    else:
                        behave(connection, over)
                        connection.recv(1)
                except TimeoutError:
                    return
                except OSError:
                    pass  # the caller hung up in the middle
                if not over.is_set():
                    peer.hung_up.set()

        def accept() -> None:
            with suppress(OSError):
                while not over.is_set():
                    connection, _ = server.accept()
                    peer.connections += 1
                    Thread(target=serve, args=(connection,), daemon=True).start()

        accepting = Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield peer
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            accepting.join(DEADLINE_SECONDS)
