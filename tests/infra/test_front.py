import ast
import gzip
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

import infra.front
from chalicelib.handlers.http.local_front import REFUSALS
from chalicelib.handlers.http.openapi.failures import catalogue
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS
from infra import processes, services_process
from infra.errors import OperatorError
from infra.front import AT_ONCE, COMPRESSES_FROM
from infra.ports import LOOPBACK, free_port
from infra.processes import Started
from infra.services_process import HostProcess
from infra.standin_client import ServicesClient
from infra.waiting import wait_for

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ANSWER = gzip.compress(b'{"success": true}')


@dataclass
class Seen:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Cloud:
    """An API that notes what reaches it to the byte."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    """Calls are answered while this is set."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            noted.seen.append(Seen(self.command, self.path, self.headers.items(), self.body()))
            noted.open.wait()
            self.send_response(201)
            size = self.headers.get("x-plain")
            answer = ANSWER if size is None else b"a" * int(size)
            if size is None:
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Set-Cookie", "b=2")
            self.send_header("Connection", "keep-alive")
            self.end_headers()
            if "x-breaks-off" in self.headers:
                self.close_connection = True
            elif self.command != "HEAD":
                self.wfile.write(answer)

        def body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            chunks = b""
            while length := int(self.rfile.readline(), 16):
                chunks += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
            return chunks

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    noted = Cloud(f"http://{LOOPBACK}:{server.server_port}")
    noted.open.set()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield noted
    server.shutdown()
    thread.join()
    server.server_close()


def front_of(
    endpoint_url: str, folder: Path, api_id: str | None
) -> Iterator[tuple[str, ServicesClient]]:
    host, started = services_process.start(
        folder, endpoint_url=endpoint_url, front_port=0, finance_api_key="f", audit_api_key="a"
    )
    with ServicesClient(host.ports) as services:
        if api_id is not None:
            services.point_front_at(api_id)
        yield f"http://{LOOPBACK}:{host.ports.front}", services
    processes.stop(host.process)
    started.forget()


@pytest.fixture(scope="module")
def front(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ServicesClient]]:
    yield from front_of(cloud.url, tmp_path_factory.mktemp("front"), "abc123")


@pytest.fixture
def url(front: tuple[str, ServicesClient], cloud: Cloud) -> str:
    cloud.seen.clear()
    cloud.open.set()
    front[1].point_front_at("abc123")
    return front[0]


@pytest.mark.parametrize("method", METHODS)
def test_methods_and_paths_are_passed_on(url: str, cloud: Cloud, method: str) -> None:
    httpx.request(method, f"{url}/api/budget-requests/7")

    [seen] = cloud.seen
    assert seen.method == method
    assert seen.target == "/restapis/abc123/api/_user_request_/budget-requests/7"


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (b"/api", b"/"),
        (b"/api/", b"/"),
        (b"/api/a%2Fb/%C3%A9", b"/a%2Fb/%C3%A9"),
        (b"/api/a?x=%20y&x=+z&&=|{}", b"/a?x=%20y&x=+z&&=|{}"),
        (b"/api//a/./b", b"//a/./b"),
        (b"/api/a%0Ab", b"/a%0Ab"),
    ],
)
def test_the_target_is_passed_on_as_it_was_written(
    url: str, cloud: Cloud, asked: bytes, target: bytes
) -> None:
    with httpx.Client() as client:
        client.send(httpx.Request("GET", url, extensions={"target": asked}))

    assert cloud.seen[0].target.encode() == b"/restapis/abc123/api/_user_request_" + target


def test_headers_and_body_are_passed_on(url: str, cloud: Cloud) -> None:
    headers = [
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("Idempotency-Key", "k"),
        ("Accept-Encoding", "x"),
    ]

    httpx.post(f"{url}/api/a", headers=headers, content=b'{"a":  1.50}')

    [seen] = cloud.seen
    assert seen.body == b'{"a":  1.50}'
    assert [value for name, value in seen.headers if name.lower() == "x-twice"] == ["1", "2"]
    assert ("idempotency-key", "k") in lower(seen.headers)
    assert ("accept-encoding", "x") in lower(seen.headers)


def secured(answer: httpx.Response) -> dict[str, str | None]:
    return {name: answer.headers.get(name) for name in SECURITY_HEADERS}


def lower(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers]


def test_no_header_is_made_up_on_the_way(url: str, cloud: Cloud) -> None:
    with httpx.Client() as client:
        client.send(httpx.Request("GET", f"{url}/api/a", headers={"host": "localhost:4005"}))

    assert cloud.seen[0].headers == [("host", "localhost:4005")]


def test_a_chunked_body_arrives_whole(url: str, cloud: Cloud) -> None:
    answer = httpx.post(f"{url}/api/a", content=iter([b"one", b"two"]))

    assert answer.status_code == 201
    assert [seen.body for seen in cloud.seen] == [b"onetwo"]


def test_the_answer_comes_back_as_it_was(url: str) -> None:
    with httpx.stream("GET", f"{url}/api/a") as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.status_code == 201
    assert raw == ANSWER
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert len(answer.headers.get_list("date")) == 1


@pytest.mark.parametrize(
    ("size", "accepted", "encoding"),
    [
        (COMPRESSES_FROM, "br, gzip", "gzip"),
        (1_000_000, "gzip", "gzip"),
        (COMPRESSES_FROM, "identity", None),
        (COMPRESSES_FROM, "br, GZIP ; q=0.5", "gzip"),
        (COMPRESSES_FROM, "x-gzip", "gzip"),
        (COMPRESSES_FROM, "gzip;q=0", None),
        (COMPRESSES_FROM, "identity, gzip; q=0.000", None),
        (COMPRESSES_FROM, "notgzip", None),
        (COMPRESSES_FROM - 1, "gzip", None),
        (0, "gzip", None),
    ],
)
def test_a_large_answer_is_compressed_for_who_takes_that(
    url: str, size: int, accepted: str, encoding: str | None
) -> None:
    answer = httpx.get(f"{url}/api/a", headers={"Accept-Encoding": accepted, "X-Plain": str(size)})

    assert answer.content == b"a" * size
    assert answer.headers.get("content-encoding") == encoding
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers.get("vary") == ("Accept-Encoding" if size >= COMPRESSES_FROM else None)


def test_an_answer_that_breaks_off_is_a_bad_gateway(url: str) -> None:
    answer = httpx.get(f"{url}/api/a", headers={"X-Plain": "10", "X-Breaks-Off": "yes"})

    assert (answer.status_code, answer.json()["code"]) == (502, "BAD_GATEWAY")


def test_a_call_that_breaks_off_is_no_fault_of_the_front(cloud: Cloud, tmp_path: Path) -> None:
    cloud.seen.clear()
    half = b"POST /api/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nhalf"
    for url, _ in front_of(cloud.url, tmp_path, "abc123"):
        with socket.create_connection((LOOPBACK, httpx.URL(url).port or 0)) as caller:
            caller.sendall(half)
        assert wait_for(lambda: cloud.seen != [], deadline_seconds=30)  # cut off there as well

    assert cloud.seen[0].body in {b"half", b""}
    assert "Traceback" not in (tmp_path / "services.log").read_text()


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_a_method_nobody_serves_is_not_passed_on(url: str, cloud: Cloud, method: str) -> None:
    answer = httpx.request(method, f"{url}/api/a")

    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == ", ".join(METHODS)
    assert secured(answer) == SECURITY_HEADERS
    assert cloud.seen == []


def test_an_answer_to_head_has_no_body(url: str) -> None:
    answer = httpx.head(f"{url}/api/a")

    assert answer.status_code == 201
    assert answer.headers["content-length"] == str(len(ANSWER))


def test_calls_at_once_take_turns_and_none_is_refused(url: str, cloud: Cloud) -> None:
    cloud.open.clear()
    with ThreadPoolExecutor(3 * AT_ONCE) as threads, httpx.Client(timeout=30) as client:
        calls = [threads.submit(client.get, f"{url}/api/a") for _ in range(3 * AT_ONCE)]
        assert wait_for(lambda: len(cloud.seen) >= AT_ONCE, deadline_seconds=30)
        let_in = len(cloud.seen)
        cloud.open.set()
        answers = [call.result().status_code for call in calls]

    assert let_in == AT_ONCE
    assert answers == [201] * len(calls)


def test_another_deployed_api_is_taken_over_at_once(
    front: tuple[str, ServicesClient], cloud: Cloud, url: str
) -> None:
    front[1].point_front_at("def456")

    httpx.get(f"{url}/api/a")

    assert cloud.seen[0].target.startswith("/restapis/def456/")


@pytest.mark.parametrize("path", ["/", "/health", "/apiary", "/restapis/abc123/api"])
def test_other_paths_are_not_found(url: str, cloud: Cloud, path: str) -> None:
    answer = httpx.get(f"{url}{path}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "ROUTE_NOT_FOUND"
    assert "/api" in answer.json()["message"]
    assert secured(answer) == SECURITY_HEADERS
    assert cloud.seen == []


def test_before_the_first_deployment_the_front_says_so(cloud: Cloud, tmp_path: Path) -> None:
    for url, _ in front_of(cloud.url, tmp_path, None):
        answer = httpx.get(f"{url}/api/health")

        assert answer.status_code == 503
        assert answer.json()["code"] == "NOT_DEPLOYED"


def test_every_code_of_the_front_is_in_the_published_catalogue() -> None:
    parsed = ast.walk(ast.parse(Path(infra.front.__file__).read_text()))
    texts = {n.value for n in parsed if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    codes = {text for text in texts if re.fullmatch("[A-Z]+(_[A-Z]+)+", text)}

    assert codes == {"ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"}
    assert codes | {each.code for each in REFUSALS} <= {each["code"] for each in catalogue()}


def test_a_cloud_that_cannot_be_reached_is_a_bad_gateway(tmp_path: Path) -> None:
    for url, _ in front_of(f"http://{LOOPBACK}:{free_port()}", tmp_path, "abc123"):
        answer = httpx.get(f"{url}/api/health")

        assert answer.status_code == 502
        assert answer.json()["success"] is False
        assert answer.json()["code"] == "BAD_GATEWAY"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_front_that_may_takes_another_port_when_its_own_was_taken_meanwhile(
    taken: int, tmp_path: Path
) -> None:
    host, started = start_on(taken, tmp_path, or_any_port=True)

    assert host.ports.front not in {0, taken}
    processes.stop(host.process)
    started.forget()


def test_a_front_whose_port_was_taken_meanwhile_says_what_stopped_it(
    taken: int, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match=r"did not start: .*Address already in use; their log"):
        start_on(taken, tmp_path, or_any_port=False)


def start_on(port: int, folder: Path, *, or_any_port: bool) -> tuple[HostProcess, Started]:
    return services_process.start(
        folder,
        endpoint_url=f"http://{LOOPBACK}:1",
        front_port=port,
        or_any_port=or_any_port,
        finance_api_key="f",
        audit_api_key="a",
    )
