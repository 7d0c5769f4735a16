"""A partner service on a real socket: answers what it was told to, keeps what it received."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

#: A test that waits longer than this for anything is broken.
DEADLINE_SECONDS = 5


@dataclass(frozen=True)
class Reply:
    """What the partner says; a silent one says nothing until the test is over."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False


@dataclass(frozen=True)
class Call:
    """What came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON is whatever was sent
        return json.loads(self.body)


class Partner:
    """Where it listens, what it will say (`usual`, unless something is in `next`), what it got."""

    def __init__(self, url: str, over: Event) -> None:
        self.url = url
        self.received: list[Call] = []
        self.usual = Reply()
        self.next: deque[Reply] = deque()
        self.bytes_sent = 0
        self._over = over

    def says(self, data: object, status: int = 200) -> None:
        """Answer with JSON from now on."""
        self.usual = Reply(status, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep one call and answer it."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.received.append(Call(handler.command, handler.path, headers, body))
        reply = self.next.popleft() if self.next else self.usual
        if reply.is_silent:
            self._over.wait(DEADLINE_SECONDS)
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        try:
            for start in range(0, len(reply.body), 4096):
                self.bytes_sent += handler.wfile.write(reply.body[start : start + 4096])
        except ConnectionError:
            pass  # the caller had heard enough


@contextmanager
def listening() -> Iterator[Partner]:
    """Have a partner listen on a free port of this machine until the block ends."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_call(self) -> None:
            partner.answer(self)

        do_GET = do_POST = handle_one_call  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing: what came in is in `received`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    partner = Partner(f"http://127.0.0.1:{server.server_port}", over)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield partner
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join(DEADLINE_SECONDS)
