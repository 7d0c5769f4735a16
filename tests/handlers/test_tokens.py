"""Who is believed: only a token that HR Auth signed, as it signs them, that still holds."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from chalicelib import bootstrap
from tests.http_api import JWT_SECRET, Api, Reply, claims, token

NOW = datetime.now(UTC)


def call(api: Api, authorization: str | None) -> Reply:
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.call("GET", "/budget-requests/1", headers=headers)


def bearer(encoded: str) -> str:
    return f"Bearer {encoded}"


def part(data: object) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned() -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}."


def without(claim: str) -> str:
    given = claims()
    del given[claim]
    return jwt.encode(given, JWT_SECRET, algorithm="HS256")


def changed_after_signing() -> str:
    header, _, signature = token().split(".")
    body = claims("SuperAdmin") | {"iat": 1, "exp": 9_999_999_999}
    return f"{header}.{part(body)}.{signature}"


def signed_otherwise(algorithm: str) -> str:
    return jwt.encode(claims(), JWT_SECRET * 2, algorithm=algorithm)


def test_a_good_token_is_believed(api: Api) -> None:
    assert call(api, bearer(token())).code == "NOT_FOUND"
    assert call(api, f"bearer {token()}").code == "NOT_FOUND"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", token(), "Token abc"]
)
def test_no_bearer_token_is_a_missing_one(api: Api, authorization: str | None) -> None:
    reply = call(api, authorization)

    assert (reply.status, reply.code) == (401, "MISSING_TOKEN")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_says_so(api: Api) -> None:
    expired = token(exp=NOW - timedelta(seconds=1))

    reply = call(api, bearer(expired))

    assert (reply.status, reply.code) == (401, "TOKEN_EXPIRED")


def test_a_forged_token_that_expired_is_told_to_be_forged(api: Api) -> None:
    expired = claims(exp=NOW - timedelta(hours=1))
    forged = jwt.encode(expired, "x" * 40, algorithm="HS256")

    assert call(api, bearer(forged)).code == "INVALID_TOKEN"


FORGED: dict[str, Callable[[], str]] = {
    "alg none": unsigned,
    "alg none, signed": lambda: unsigned() + "c2ln",
    "alg None in another case": lambda: f"{part({'alg': 'nOnE'})}.{part(claims())}.",
    "HS512 with our key": lambda: jwt.encode(claims(), JWT_SECRET * 2, algorithm="HS512"),
    "HS384": lambda: signed_otherwise("HS384"),
    "another key": lambda: jwt.encode(claims(), "x" * 40, algorithm="HS256"),
    "changed after signing": changed_after_signing,
    "no alg": lambda: f"{part({'typ': 'JWT'})}.{part(claims())}.c2ln",
    "alg is a list": lambda: f"{part({'alg': ['HS256']})}.{part(claims())}.c2ln",
    "a header nested without end": lambda: f"{part(b'[' * 50_000)}.{part(claims())}.c2ln",
    "a header that is no JSON": lambda: f"{part(b'not json')}.{part(claims())}.c2ln",
    "not three parts": lambda: "abc.def",
    "not ASCII": lambda: "ü.ü.ü",
    "two tokens": lambda: f"{token()} {token()}",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_invalid(api: Api, forge: Callable[[], str]) -> None:
    reply = call(api, bearer(forge()))

    assert (reply.status, reply.code) == (401, "INVALID_TOKEN")


@pytest.mark.parametrize("claim", ["sub", "username", "role", "iat", "exp"])
def test_a_token_without_a_claim_we_need_is_invalid(api: Api, claim: str) -> None:
    assert call(api, bearer(without(claim))).code == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "wrong",
    [
        {"sub": ""},
        {"sub": 7},
        {"username": None},
        {"role": ""},
        {"role": ["SuperAdmin"]},
        {"role": "x" * 201},
        {"role": "<b>SuperAdmin</b>"},
        {"sub": "<b>u-1</b>"},
        {"sub": "u-\x001"},
        {"username": "<script>alert(1)</script>"},
        {"username": "Ada\x1b[31m"},
        {"username": "\ud800"},
        {"username": "x" * 201},
        {"email": "x" * 255},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"department": 7},
        {"email": {"a": 1}},
        {"nbf": NOW + timedelta(hours=1)},
        {"aud": "another-service"},
    ],
)
def test_a_token_with_a_claim_that_makes_no_sense_is_invalid(
    api: Api, wrong: dict[str, Any]
) -> None:
    encoded = jwt.encode(claims() | wrong, JWT_SECRET, algorithm="HS256")

    assert call(api, bearer(encoded)).code == "INVALID_TOKEN"


def test_a_clock_ahead_of_ours_is_no_forgery(api: Api) -> None:
    assert call(api, bearer(token(iat=NOW + timedelta(minutes=2)))).code == "NOT_FOUND"


def test_claims_we_do_not_read_do_no_harm(api: Api) -> None:
    assert call(api, bearer(token(jti="t-1", iss="hr-auth", tenant={"id": 7}))).code == "NOT_FOUND"


def test_the_department_claim_wins_over_the_role(api: Api) -> None:
    body = {"department": "hr", "amountRequested": 1, "purpose": "New laptops for us"}

    moved = api.call(
        "POST", "/budget-requests", token=token("Finance Clerk", department="HR"), body=body
    )
    unknown = api.call(
        "POST", "/budget-requests", token=token("HR Clerk", department="legal"), body=body
    )

    assert moved.status == 201
    assert unknown.code == "FORBIDDEN"


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("O'Brien", "O'Brien"),
        ("Zoë Nguyễn-Müller", "Zoë Nguyễn-Müller"),
        ("R&D <3 & 1 < 2", "R&D <3 & 1 < 2"),
        ("张伟", "张伟"),
        (" Ada <b onclick=x()>Lovelace</b> ", "Ada Lovelace"),
        ("Ada<script>alert(1)</script>", "Ada"),
    ],
)
def test_names_are_kept_as_other_texts_are(api: Api, claimed: str, kept: str) -> None:
    body = {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"}

    reply = api.call("POST", "/budget-requests", token=token(username=claimed), body=body)

    assert reply.json["data"]["requestedByName"] == kept


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("zoë.o'brien@example.com", "zoë.o'brien@example.com"),
        ("ada@example.com<img src=x onerror=y()>", "ada@example.com"),
        ("", ""),
        (None, None),
    ],
)
def test_an_address_is_kept_as_other_texts_are_and_none_is_needed(
    api: Api, claimed: str | None, kept: str | None
) -> None:
    body = {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"}

    reply = api.call("POST", "/budget-requests", token=token(email=claimed), body=body)

    request = bootstrap.requests().get(reply.json["data"]["id"])
    assert request.requested_by_email == kept


def test_a_bad_token_is_told_before_a_bad_body(api: Api) -> None:
    reply = api.call("POST", "/budget-requests", token="nonsense", raw=b"{")

    assert reply.code == "INVALID_TOKEN"
