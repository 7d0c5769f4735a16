"""Every route that takes a body, against bodies nobody means well with: refused, nothing kept."""

import json
from collections.abc import Iterator

import pytest

from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.body import MAX_VALUES
from chalicelib.handlers.http.call import Nothing
from chalicelib.handlers.http.routes import api as declared
from tests.conftest import Aws, Logs, forget_everything
from tests.http_api import Api, concrete

TAKING = [route for route in declared.routes if route.body is not Nothing]

DEEP = 60_000

# A line may lack four fields.
MOST_ERRORS = 4 * MAX_VALUES


def hostile() -> Iterator[bytes]:
    """Return the bodies; none is one that any route takes."""
    yield b"["
    yield b"\x00" * 100
    yield b"\xff\xfe\xfd"
    yield b"[" * DEEP + b"]" * DEEP
    yield b'{"a":' * DEEP + b"1" + b"}" * DEEP
    yield b'{"a": ' + b"9" * 100_000 + b"}"
    yield b'{"a": 1e' + b"9" * 30 + b"}"
    yield b'{"a": NaN}'
    yield b'{"a": 1, "a": 1}'
    yield json.dumps({"\ud800": "\udfff"}).encode()
    yield json.dumps({"__proto__": {"isAdmin": True}}).encode()
    yield json.dumps({"constructor": {"prototype": 1}}).encode()
    yield json.dumps({"model_config": {}, "model_fields": {}}).encode()
    yield json.dumps({"$gt": "", "$where": "1"}).encode()
    yield json.dumps({f"field{n}": n for n in range(5000)}).encode()
    yield json.dumps([{}] * 10_000).encode()
    yield json.dumps({"items": [{}] * 200_000, "ids": [{}] * 100_000}).encode()
    yield json.dumps("text").encode()
    yield json.dumps({"purpose": "<div>" * 200_000}).encode()
    yield json.dumps({"reviewNotes": "<" * 500_000, "purpose": "<" * 500_000}).encode()
    yield b"x" * 2_000_000
    yield b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>"


@pytest.fixture
def unlimited(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API without limits of calls: each body must be refused for what it is."""
    for variable in ("RATE_LIMIT_MAX_REQUESTS", "RATE_LIMIT_MAX_CREATIONS"):
        monkeypatch.setenv(variable, "1000000")
    forget_everything()
    return api


@pytest.mark.parametrize("route", TAKING, ids=lambda route: f"{route.method} {route.path}")
def test_a_hostile_body_is_refused(unlimited: Api, aws: Aws, logs: Logs, route: Route) -> None:
    path = concrete(route.path)

    for raw in hostile():
        reply = unlimited.call(route.method, path, role="SuperAdmin", raw=raw)

        assert 400 <= reply.status < 500, raw[:50]
        assert len(reply.json.get("errors", ())) <= MOST_ERRORS, raw[:50]
        assert reply.code in {"MALFORMED_JSON", "VALIDATION_ERROR", "BODY_TOO_LARGE"}, raw[:50]
    assert aws.rows("requests") == aws.rows("webhooks") == aws.rows("budgets") == []
    assert logs.at("ERROR") == logs.at("CRITICAL") == []
