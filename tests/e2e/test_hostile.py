"""Calls nobody means well with, through the front and the gateway: refused, and nothing kept."""

import json
from collections.abc import Iterator

import httpx
import pytest

from infra.local import RunningStack
from tests.e2e.people import People, Person
from tests.factories import request_body

PATH = "/budget-requests"
ORIGIN = "http://localhost:3000"
JSON = "application/json"
GOOD = json.dumps(request_body()).encode()

DEEP = 100_000
ELEVEN_MB = 11 * 1024 * 1024


def good_with(value: bytes) -> bytes:
    """Return a body that would be fine, but for `value` within its purpose."""
    return GOOD.replace(b"laptops", value)


#: Bodies of creates that would be fine, but for what they are named after.
BODIES = {
    "bytes that are no UTF-8": (good_with(b"\xff\xfe"), JSON, 400, "MALFORMED_JSON"),
    "overlong UTF-8": (good_with(b"\xc0\xaf"), JSON, 400, "MALFORMED_JSON"),
    "surrogates in UTF-8": (good_with(b"\xed\xa0\x80"), JSON, 400, "MALFORMED_JSON"),
    "Latin-1": (good_with(b"l\xf6ptops"), f"{JSON}; charset=latin-1", 400, "MALFORMED_JSON"),
    "UTF-16": (GOOD.decode().encode("utf-16"), JSON, 400, "MALFORMED_JSON"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, JSON, 400, "MALFORMED_JSON"),
    "a bare control character": (good_with(b"\x00"), JSON, 400, "MALFORMED_JSON"),
    "a control character": (good_with(rb"\u0000"), JSON, 400, "VALIDATION_ERROR"),
    "a lone surrogate": (good_with(rb"\ud800"), JSON, 400, "VALIDATION_ERROR"),
    "a key twice": (
        GOOD[:-1] + b',"priority":"low","priority":"high"}',
        JSON,
        400,
        "MALFORMED_JSON",
    ),
    "no end": (GOOD[:-1], JSON, 400, "MALFORMED_JSON"),
    "two ends": (GOOD + b"}", JSON, 400, "MALFORMED_JSON"),
    "NaN": (GOOD.replace(b"50000", b"NaN"), JSON, 400, "MALFORMED_JSON"),
    "1e400": (GOOD.replace(b"50000", b"1e400"), JSON, 400, "VALIDATION_ERROR"),
    "deep lists": (b"[" * DEEP + b"]" * DEEP, JSON, 400, "MALFORMED_JSON"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, JSON, 400, "MALFORMED_JSON"),
    "a list": (b"[" + GOOD + b"]", JSON, 400, "VALIDATION_ERROR"),
    "plain text": (GOOD, "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a form": (
        b"department=finance",
        "application/x-www-form-urlencoded",
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "no type": (GOOD, "", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "11 MB": (GOOD + b" " * ELEVEN_MB, JSON, 413, "BODY_TOO_LARGE"),
}


@pytest.fixture(scope="module")
def clerk(running: RunningStack) -> Iterator[Person]:
    """Somebody who has nothing, and ends with nothing."""
    with running.http() as http:
        person = People(running, http).new("Finance Clerk")
        yield person
        assert person.get(PATH)["meta"]["total"] == 0


def call(
    clerk: Person,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] = b"",
    content_type: str = "",
) -> httpx.Response:
    headers = {"authorization": f"Bearer {clerk.token}"}
    if content_type:
        headers["content-type"] = content_type
    return clerk.http.request(method, path, content=body, headers=headers)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal, whose envelope is checked on the way."""
    told = answer.json()
    assert told["success"] is False
    assert told.keys() - {"errors"} == {"success", "message", "code", "requestId"}
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    return answer.status_code, told["code"]


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(clerk: Person, name: str) -> None:
    body, content_type, status, code = BODIES[name]

    assert refusal(call(clerk, "POST", PATH, body, content_type)) == (status, code)


def test_a_body_whose_length_nobody_tells_is_refused_as_well(clerk: Person) -> None:
    chunks = iter([GOOD, *[b" " * 2**20] * 11])

    assert refusal(call(clerk, "POST", PATH, chunks, JSON)) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("body", [GOOD, good_with("Laptöps für 5 € 💸".encode())])
def test_an_honest_body_is_taken_as_it_came(people: People, body: bytes) -> None:
    answer = call(people.new("Finance Clerk"), "POST", PATH, body, f"{JSON}; charset=utf-8")

    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["purpose"] == json.loads(body)["purpose"]


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/%ff",
        "/%00",
        "/..%2f..%2fetc%2fpasswd",
        f"{PATH}/1/explode",
        f"{PATH}/1/items/1/approve/again",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_route_is_not_found(clerk: Person, method: str, path: str) -> None:
    assert refusal(call(clerk, method, path, GOOD, JSON)) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    "request_id", ["x", "-1", "1.5", "%00", "%ff", "%F0%9F%92%B8", "9" * 400, "9" * 4000, "1%20"]
)
def test_what_is_no_id_names_nothing(clerk: Person, request_id: str) -> None:
    assert refusal(call(clerk, "GET", f"{PATH}/{request_id}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=1e3",
        "page=%ff",
        "cursor=%ff",
        "cursor=%00",
        "%ff=1",
        "status=X&status=Y",
        "dateFrom=2026-02-30",
        "dateFrom=2026-02-02&dateTo=2026-02-01",
    ],
)
def test_a_hostile_query_is_refused(clerk: Person, query: str) -> None:
    assert refusal(call(clerk, "GET", f"{PATH}?{query}")) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", PATH, "GET, POST"),
        ("DELETE", PATH, "GET, POST"),
        ("PATCH", f"{PATH}/1", "GET, PUT, DELETE"),
        ("GET", f"{PATH}/1/approve", "POST"),
    ],
)
def test_a_wrong_method_is_refused_with_those_that_are_right(
    clerk: Person, method: str, path: str, allowed: str
) -> None:
    answer = call(clerk, method, path, GOOD, JSON)

    assert refusal(answer) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["allow"].split(", ")) == set(allowed.split(", "))


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("authorization", b"Bearer \xff\xfe", 401, "INVALID_TOKEN"),
        ("authorization", b"Bearer " + b"x" * 5000, 401, "INVALID_TOKEN"),
        ("x-api-key", b"\xff", 401, "INVALID_API_KEY"),
        ("idempotency-key", b"\xff", 400, "VALIDATION_ERROR"),
        ("idempotency-key", b"x" * 256, 400, "VALIDATION_ERROR"),
        ("content-type", b"\xff", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_a_hostile_header_is_refused(
    clerk: Person, header: str, value: bytes, status: int, code: str
) -> None:
    headers = {b"authorization": f"Bearer {clerk.token}".encode(), b"content-type": JSON.encode()}
    if header == "x-api-key":
        del headers[b"authorization"]
    headers[header.encode()] = value

    answer = clerk.http.post(PATH, content=GOOD, headers=headers)

    assert refusal(answer) == (status, code)


@pytest.mark.parametrize(
    ("path", "served"),
    [(PATH, "GET, POST"), (f"{PATH}/1/items/2", "PUT, DELETE"), (f"{PATH}/1/approve", "POST")],
)
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example"])
def test_a_preflight_says_who_may_call_how(
    clerk: Person, path: str, served: str, origin: str
) -> None:
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key,if-match",
    }

    answer = clerk.http.options(path, headers=asked)

    assert (answer.status_code, answer.content) == (204, b"")
    told = {name: value for name, value in answer.headers.items() if name.startswith("access-")}
    assert told["access-control-allow-origin"] == ORIGIN  # a browser elsewhere goes no further
    assert set(told["access-control-allow-methods"].split(", ")) == set(served.split(", "))
    allowed = told["access-control-allow-headers"].lower().split(", ")
    assert set(asked["access-control-request-headers"].split(",")) <= set(allowed)
    assert answer.headers["vary"] == "Origin"
