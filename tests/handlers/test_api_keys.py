"""API keys through the API: made once, shown once, good on the routes that take them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.domain import api_keys
from chalicelib.domain.access import BUS_SCOPES, Scope
from chalicelib.handlers.relay import relay
from tests.conftest import Aws, Logs
from tests.http_api import Api, Reply, token

START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NEW_REQUEST = {
    "department": "finance",
    "amountRequested": 100,
    "purpose": "Parts for the next delivery",
}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def new_key(**more: object) -> dict[str, Any]:
    scopes = ["requests:read", "requests:write"]
    return {"name": "Purchasing", "scopes": scopes, "departments": ["finance"]} | more


def made(api: Api, **more: object) -> Reply:
    reply = api.post("/api-keys", "SuperAdmin", new_key(**more))
    assert reply.status == 201, reply.json
    return reply


def key_of(api: Api, **more: object) -> str:
    return str(made(api, **more).data["key"])


@pytest.mark.parametrize("scope", [*sorted(BUS_SCOPES), "requests:all", "", 1, None, {}])
def test_no_key_is_good_for_what_only_the_bus_takes_or_nobody(api: Api, scope: object) -> None:
    reply = api.post("/api-keys", "SuperAdmin", new_key(scopes=["requests:read", scope]))

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert reply.errors == {
        "scopes.1": "must be one of: requests:read, requests:write, budgets:read, sync:run,"
        " webhooks:manage"
    }


def call(api: Api, key: str, method: str, path: str, body: object = None) -> Reply:
    return api.call(method, path, body=body, headers={"x-api-key": key})


def test_a_key_is_shown_once(api: Api, aws: Aws) -> None:
    data = made(api, expiresAt="2099-01-01T00:00:00Z").data

    key = data.pop("key")
    assert api_keys.is_well_formed(key)
    assert data["prefix"] == f"{key[:8]}…"
    assert data["scopes"] == ["requests:read", "requests:write"]
    assert data["departments"] == ["finance"]
    assert (data["isActive"], data["lastUsedAt"], data["revokedAt"]) == (True, None, None)
    assert data["expiresAt"] == "2099-01-01T00:00:00.000Z"
    assert data["createdBy"] == "u-superadmin"

    assert api.get(f"/api-keys/{data['id']}", "SuperAdmin").data == data
    assert api.get("/api-keys", "SuperAdmin").json["data"] == [data]
    for table in ("keys", "work", "requests", "webhooks", "budgets"):
        assert key not in repr(aws.rows(table))


def test_a_service_creates_and_reads_for_its_department(api: Api, aws: Aws) -> None:
    data = made(api).data

    created = call(api, data["key"], "POST", "/budget-requests", NEW_REQUEST)
    assert created.status == 201
    assert created.data["requestedBy"] == f"key:{data['id']}"
    assert created.data["requestedByName"] == "Purchasing"
    assert created.data["requestedByRole"] == "Service"

    path = f"/budget-requests/{created.data['id']}"
    shown = call(api, data["key"], "GET", path)
    assert shown.status == 200
    assert call(api, data["key"], "GET", f"{path}/items").status == 200
    assert call(api, data["key"], "GET", f"{path}/funds").status == 200

    views = [m["detail"] for m in aws.queued() if m["detail"]["action"] == "VIEW"]
    assert {view["performedBy"] for view in views} == {f"key:{data['id']}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/submit"),
        ("POST", "/cancel"),
        ("POST", "/approve"),
        ("POST", "/reject"),
        ("POST", "/items"),
    ],
)
def test_a_service_does_nothing_more_with_its_own_request(api: Api, method: str, path: str) -> None:
    key = key_of(api, scopes=[*set(Scope) - BUS_SCOPES])
    request_id = call(api, key, "POST", "/budget-requests", NEW_REQUEST).data["id"]

    refused = call(api, key, method, f"/budget-requests/{request_id}{path}")

    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert "API key" in refused.json["message"]


def test_a_missing_scope_is_named(api: Api) -> None:
    key = key_of(api, scopes=["requests:read"])

    refused = call(api, key, "POST", "/budget-requests", NEW_REQUEST)

    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert "requests:write" in refused.json["message"]


def test_another_department_is_out_of_reach(api: Api) -> None:
    key = key_of(api, departments=["hr"])
    request_id = api.draft()

    assert call(api, key, "POST", "/budget-requests", NEW_REQUEST).code == "FORBIDDEN"
    assert call(api, key, "GET", f"/budget-requests/{request_id}").code == "FORBIDDEN"


def test_a_key_for_webhooks_subscribes_to_its_departments_alone(api: Api) -> None:
    key = key_of(api, scopes=["webhooks:manage"])
    hook = {"url": "https://127.0.0.1:9/hook", "events": ["*"]}

    everything = call(api, key, "POST", "/webhooks", hook)
    own = call(api, key, "POST", "/webhooks", hook | {"departments": ["finance"]})

    assert everything.code == "FORBIDDEN"
    assert own.status == 201
    assert own.data["createdBy"].startswith("key:key_")


def test_a_mistyped_key_is_refused_without_a_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(api)
    bootstrap.api_keys.cache_clear()
    bootstrap.settings.cache_clear()
    monkeypatch.setenv("KEYS_TABLE", "no-such-table")  # a read would fail

    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")

    assert call(api, wrong, "GET", "/budget-requests").code == "INVALID_API_KEY"
    assert call(api, api_keys.generate(), "GET", "/budget-requests").code == "INTERNAL_ERROR"


@pytest.mark.parametrize("key", ["brk_", "hello", "brk_" + "x" * 49, "x" * 5000])
def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    refused = call(api, key, "GET", "/budget-requests/1")

    assert (refused.status, refused.code) == (401, "INVALID_API_KEY")


def test_a_key_nobody_made_is_refused(api: Api) -> None:
    refused = call(api, api_keys.generate(), "GET", "/budget-requests/1")

    assert (refused.status, refused.code) == (401, "INVALID_API_KEY")


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_key_is_a_missing_one(api: Api, empty: str) -> None:
    refused = call(api, empty, "GET", "/budget-requests/1")

    assert (refused.status, refused.code) == (401, "MISSING_API_KEY")


def test_neither_proof_is_a_missing_token(api: Api) -> None:
    assert api.get("/budget-requests/1").code == "MISSING_TOKEN"


def test_two_proofs_at_once_are_refused(api: Api) -> None:
    key = key_of(api)

    both = api.call("GET", "/budget-requests/1", role="Finance Clerk", headers={"x-api-key": key})
    with_an_empty_key = api.call(
        "GET", "/budget-requests/1", role="Finance Clerk", headers={"x-api-key": ""}
    )

    assert (both.status, both.code) == (400, "VALIDATION_ERROR")
    assert both.errors.keys() == {"x-api-key"}
    assert with_an_empty_key.code == "NOT_FOUND"


def test_a_key_expires(api: Api, clock: time_machine.Traveller) -> None:
    key = key_of(api, expiresAt=(START + timedelta(hours=1)).isoformat())
    assert call(api, key, "GET", "/budget-requests/1").code == "NOT_FOUND"

    clock.shift(timedelta(hours=1))

    refused = call(api, key, "GET", "/budget-requests/1")
    assert (refused.status, refused.code) == (401, "EXPIRED_API_KEY")


def test_a_revoked_key_is_refused_by_the_very_next_call(api: Api) -> None:
    data = made(api).data
    assert call(api, data["key"], "GET", "/budget-requests/1").code == "NOT_FOUND"

    revoked = api.call("DELETE", f"/api-keys/{data['id']}", role="SuperAdmin")

    assert (revoked.status, revoked.data["isActive"]) == (200, False)
    assert revoked.data["revokedBy"] == "u-superadmin"
    assert call(api, data["key"], "GET", "/budget-requests/1").code == "INVALID_API_KEY"
    again = api.call("DELETE", f"/api-keys/{data['id']}", role="SuperAdmin")
    assert again.data == revoked.data


def test_webhooks_of_a_revoked_key_stay_and_say_whose_they_are(api: Api) -> None:
    data = made(api, scopes=["webhooks:manage"]).data
    body = {
        "url": "https://127.0.0.1:9/hook",
        "events": ["*"],
        "departments": data["departments"],
    }
    hook = call(api, data["key"], "POST", "/webhooks", body).data

    api.call("DELETE", f"/api-keys/{data['id']}", role="SuperAdmin")

    (shown,) = api.get("/webhooks", "SuperAdmin").json["data"]
    assert (shown["id"], shown["createdBy"]) == (hook["id"], f"key:{data['id']}")
    assert shown["isActive"]
    assert api.call("DELETE", f"/webhooks/{hook['id']}", role="SuperAdmin").status == 200


def test_a_use_is_seen_without_a_write_a_call(
    api: Api, aws: Aws, clock: time_machine.Traveller
) -> None:
    data = made(api).data

    def last_used() -> object:
        return api.get(f"/api-keys/{data['id']}", "SuperAdmin").data["lastUsedAt"]

    seen = []
    for minutes in (0, 5, 9, 2):
        clock.shift(timedelta(minutes=minutes))
        call(api, data["key"], "GET", "/budget-requests/1")
        seen.append(last_used())

    assert seen == [
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T12:00:00.000Z",
        "2026-03-10T12:16:00.000Z",
    ]
    assert len(aws.rows("keys")) == 1


def test_audit_hears_of_keys_through_their_tables_stream(api: Api, aws: Aws) -> None:
    data = made(api).data
    call(api, data["key"], "GET", "/budget-requests/1")  # a use is no news for Audit
    for _ in range(2):
        api.call("DELETE", f"/api-keys/{data['id']}", role="SuperAdmin")

    relay(aws.streamed("keys"), None)
    told = [message["detail"] for message in aws.on_the_bus()]

    assert [entry["action"] for entry in told] == ["API_KEY_CREATE", "API_KEY_REVOKE"]
    assert {entry["recordId"] for entry in told} == {data["id"]}
    assert {entry["performedBy"] for entry in told} == {"u-superadmin"}
    assert data["key"] not in repr(told)
    assert api_keys.hash_of(data["key"]) not in repr(told)
    assert aws.queued() == []


def test_a_repeated_making_replays_without_the_key(api: Api, aws: Aws) -> None:
    def make(body: dict[str, Any]) -> Reply:
        headers = {"Idempotency-Key": "k-1"}
        return api.call("POST", "/api-keys", role="SuperAdmin", body=body, headers=headers)

    first = make(new_key())
    again = make(new_key())
    other = make(new_key(name="Other"))

    assert again.status == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first.data | {"key": None}
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(api.get("/api-keys", "SuperAdmin").json["data"]) == 1
    assert first.data["key"] not in repr(aws.rows("work"))
    assert call(api, first.data["key"], "GET", "/budget-requests/1").code == "NOT_FOUND"


def test_a_repeated_subscription_replays_without_the_secret(api: Api, aws: Aws) -> None:
    def subscribe() -> Reply:
        body = {"url": "https://127.0.0.1:9/hook", "events": ["*"]}
        headers = {"Idempotency-Key": "k-1"}
        return api.call("POST", "/webhooks", role="SuperAdmin", body=body, headers=headers)

    first, again = subscribe(), subscribe()

    assert (first.status, again.status) == (201, 201)
    assert again.data == first.data | {"secret": None}
    assert first.data["secret"] not in repr(aws.rows("work"))
    assert len(aws.rows("webhooks")) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"scopes": []}, {"scopes"}),
        ({"scopes": ["requests:all"], "departments": ["legal"]}, {"scopes.0", "departments.0"}),
        ({"expiresAt": "tomorrow"}, {"expiresAt"}),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, {"expiresAt"}),
        ({"expiresAt": "2020-01-01T00:00:00Z", "scopes": []}, {"expiresAt", "scopes"}),
        ({"key": "brk_mine"}, {"key"}),
    ],
)
def test_what_cannot_be_a_key_is_refused_field_by_field(
    api: Api, aws: Aws, fields: dict[str, Any], wrong: set[str]
) -> None:
    refused = api.post("/api-keys", "SuperAdmin", new_key(**fields))

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.errors.keys() == wrong
    assert aws.rows("keys") == []


@pytest.mark.parametrize("key_id", ["key_" + "0" * 32, "nonsense", "%2e%2e", "x" * 500])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_key_that_never_was_is_not_found(api: Api, method: str, key_id: str) -> None:
    refused = api.call(method, f"/api-keys/{key_id}", role="SuperAdmin")

    assert (refused.status, refused.code) == (404, "API_KEY_NOT_FOUND")


@pytest.mark.parametrize("who", ["key:{id}", "bus:procurement", "system:finance-sync"])
def test_no_token_passes_for_a_service_or_for_this_one(api: Api, who: str) -> None:
    namesake = token("Finance Clerk", sub=who.format(id=made(api).data["id"]))

    refused = api.call("GET", "/budget-requests/1", token=namesake)

    assert (refused.status, refused.code) == (401, "INVALID_TOKEN")


def test_keys_stay_out_of_the_log(api: Api, logs: Logs) -> None:
    key = key_of(api)
    call(api, key, "GET", "/budget-requests/1")
    call(api, key + "x", "GET", "/budget-requests/1")

    assert key not in logs.text
