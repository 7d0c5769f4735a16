"""`Idempotency-Key`: what one call is, whose key it is, and two calls at once."""

import json

import pytest

from chalicelib import bootstrap
from chalicelib.handlers.http import idempotency
from chalicelib.handlers.http.body import meaning
from tests.conftest import Aws
from tests.http_api import Api, Reply, token

BODY = {"department": "finance", "amountRequested": 50, "purpose": "Laptops for the audit"}


@pytest.fixture
def webhook(api: Api) -> str:
    """A webhook."""
    body = {"url": "http://127.0.0.1:9/hook", "events": ["*"]}
    return str(api.post("/webhooks", "SuperAdmin", body).data["id"])


def recover(api: Api, webhook: str, since: str, key: str = "k") -> int:
    at = f"/webhooks/{webhook}/recover?since={since}"
    return api.call("POST", at, role="SuperAdmin", headers={"Idempotency-Key": key}).status


def test_another_query_is_another_call(api: Api, webhook: str) -> None:
    assert recover(api, webhook, "2026-11-20T00:00:00Z") == 202

    assert recover(api, webhook, "2026-11-20T00:00:00Z") == 202
    assert recover(api, webhook, "2026-11-01T00:00:00Z") == 422


def test_no_caller_gets_the_answers_of_another_whose_name_ends_as_the_key_begins(api: Api) -> None:
    def create(sub: str, key: str) -> str:
        headers = {"Idempotency-Key": key}
        reply = api.call(
            "POST", "/budget-requests", token=token(sub=sub), body=BODY, headers=headers
        )
        return str(reply.data["requestedBy"])

    assert create("u-1#x", "k") == "u-1#x"
    assert create("u-1", "x#k") == "u-1"


@pytest.mark.parametrize(
    "path", ["/ops/jobs/sla-check", "/webhooks/{}/recover?since=2026-11-20", "/sync/budgets"]
)
def test_what_acts_before_its_receipt_does_not_run_while_its_twin_does(
    api: Api, aws: Aws, webhook: str, path: str
) -> None:
    at = path.format(webhook).replace("2026-11-20", "2026-11-20T00:00:00Z")
    key, caller = "k", "superadmin#u-superadmin"
    claimed = ("idempotency", f"{len(caller)}#{caller}#{key}")
    bootstrap.claims().claim(*claimed, bootstrap.now())

    def ask() -> tuple[int, str | None]:
        reply = api.call("POST", at, role="SuperAdmin", headers={idempotency.HEADER: key})
        return reply.status, reply.json.get("code")

    assert ask() == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert aws.asked() == aws.ordered() == []

    bootstrap.claims().release(*claimed)
    first, second = ask(), ask()

    assert first == second
    assert first[0] in {200, 202}
    assert len(aws.asked()) + len(aws.ordered()) == (0 if path.startswith("/sync") else 1)


def test_a_repeat_while_another_repeat_is_at_it_is_replayed(api: Api) -> None:
    def ask() -> Reply:
        headers = {idempotency.HEADER: "k"}
        return api.call("POST", "/ops/jobs/sla-check", role="SuperAdmin", headers=headers)

    first = ask()
    caller = "superadmin#u-superadmin"
    bootstrap.claims().claim("idempotency", f"{len(caller)}#{caller}#k", bootstrap.now())

    again = ask()

    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers[idempotency.REPLAYED] == "true"


def create(api: Api, raw: bytes, key: str = "k", query: str = "") -> Reply:
    headers = {idempotency.HEADER: key}
    at = f"/budget-requests{query}"
    return api.call("POST", at, role="Finance Clerk", raw=raw, headers=headers)


def test_all_that_is_wrong_with_a_call_is_told_at_once_wherever_it_stands(api: Api) -> None:
    refused = create(api, b'{"department": "moon"}', key="not a key", query="?colour=red")

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.errors.keys() == {
        idempotency.HEADER,
        "colour",
        "department",
        "amountRequested",
        "purpose",
    }


@pytest.mark.parametrize("other", [b'{"department": "moon"}', b"not json", b"{}", b""])
def test_a_used_key_is_told_before_what_is_wrong_with_the_other_call(
    api: Api, other: bytes
) -> None:
    assert create(api, json.dumps(BODY).encode()).status == 201

    refused = create(api, other)

    assert (refused.status, refused.code) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_the_same_body_in_other_spacing_and_order_is_the_same_call(api: Api) -> None:
    first = create(api, json.dumps(BODY | {"amountRequested": 50.25}).encode())

    turned = dict(reversed(BODY.items())) | {"amountRequested": 50.25}
    again = create(api, json.dumps(turned, indent=2).encode())

    assert first.status == 201
    assert again.json == first.json
    assert again.headers[idempotency.REPLAYED] == "true"


@pytest.mark.parametrize(
    ("one", "other"),
    [("50", "50.0"), ("5e1", "50.00"), ("50.5", "50.50"), ("0.5e2", "50"), ("505E-1", "50.5")],
)
def test_equal_numbers_are_the_same_body_however_they_are_spelled(
    api: Api, one: str, other: str
) -> None:
    def spelled(number: str) -> bytes:
        return json.dumps(BODY | {"amountRequested": "HERE"}).replace('"HERE"', number).encode()

    first, again = create(api, spelled(one)), create(api, spelled(other))

    assert first.status == 201
    assert again.json == first.json
    assert again.headers[idempotency.REPLAYED] == "true"
    assert create(api, spelled(f"{one[:-1]}{int(one[-1]) + 1}")).status == 422


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("0", "-0.0", True),
        ("-1", "-1.0", True),
        ("1", "true", False),
        ("1", "1.0000000000000000000000000000000000001", False),
        ("10e999999999999999998", "1e999999999999999999", True),
        ("1e999999999999999999", "1e999999999999999998", False),
        ("1e4299", "1" + "0" * 4299, True),
        ("1e4300", "10e4299", True),
        ("1e-999999", "0", False),
        ("0e999999", "0", True),
    ],
)
def test_bodies_say_the_same_where_their_numbers_are_equal(
    one: str, other: str, *, are_equal: bool
) -> None:
    said = [meaning(f'{{"n": [{number}]}}'.encode()) for number in (one, other)]

    assert (said[0] == said[1]) is are_equal
    assert max(map(len, said)) < 5000


def test_a_number_is_not_the_same_body_as_its_text(api: Api) -> None:
    assert create(api, json.dumps(BODY | {"amountRequested": 50.25}).encode()).status == 201

    assert create(api, json.dumps(BODY | {"amountRequested": "50.25"}).encode()).status == 422


def test_no_body_is_the_same_call_as_an_empty_object(api: Api) -> None:
    at = f"/budget-requests/{api.draft()}/submit"

    def submit(raw: bytes) -> Reply:
        headers = {idempotency.HEADER: "k-submit"}
        return api.call("POST", at, role="Finance Clerk", raw=raw, headers=headers)

    first, again = submit(b""), submit(b"{ }")

    assert first.status == 200
    assert again.json == first.json
    assert again.headers[idempotency.REPLAYED] == "true"
