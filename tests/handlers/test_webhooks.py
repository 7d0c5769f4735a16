"""The routes of webhooks: what clients see, and what is kept, told and queued of it."""

import json
from typing import Any

import jsonschema_rs
import pytest

from chalicelib import bootstrap
from chalicelib.domain.events import EventType, plain
from chalicelib.handlers.http.openapi import examples
from chalicelib.handlers.relay import relay
from chalicelib.handlers.webhooks import webhooks
from tests import samples
from tests.conftest import Aws
from tests.factories import sealed
from tests.handlers.workers import run
from tests.http_api import Api, Reply
from tests.partner import Partner
from tests.partner import Reply as Said

ROOT = "SuperAdmin"


def made(api: Api, url: str = "http://127.0.0.1:9/hook", **more: object) -> dict[str, Any]:
    reply = api.post("/webhooks", ROOT, {"url": url, "events": ["*"]} | more)
    assert reply.status == 201, reply.json
    return reply.data


def call(api: Api, method: str, path: str, body: object = None, **headers: str) -> Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.call(method, path, role=ROOT, body=body, headers=given)


def audited(aws: Aws) -> list[str]:
    """Return what Audit is told, over the bus and from the queue, in order."""
    relay(aws.streamed("webhooks"), None)
    over_the_bus = [message["detail"]["action"] for message in aws.on_the_bus()]
    return over_the_bus + [message["detail"]["action"] for message in aws.queued()]


def work(aws: Aws) -> None:
    """Do what is queued; what fails is not tried again."""
    while orders := aws.ordered():
        run(webhooks, *(samples.record("w", order, n) for n, order in enumerate(orders, 1)))


def happens(number: int = 1) -> None:
    (record,) = samples.read("webhooks.json")["Records"]
    message = json.loads(record["body"])
    message["detail"] = sealed(message["detail"] | {"id": f"evt_{number}"})
    assert run(webhooks, samples.record("w", message, 1)) == []


def test_a_subscription_is_read_changed_and_ended(api: Api, aws: Aws) -> None:
    path = f"/webhooks/{made(api)['id']}"

    shown = api.get(path, ROOT)
    assert (shown.headers["ETag"], "secret" in shown.data) == ('"1"', False)
    changed = call(api, "PUT", path, {"departments": ["hr"], "isActive": False}, If_Match='"1"')
    assert changed.data.items() >= {"departments": ["hr"], "isActive": False}.items()
    assert (changed.data["disabledBecause"], changed.headers["ETag"]) == ("BY_HAND", '"2"')
    assert call(api, "PUT", path, {"isActive": True}, If_Match='"1"').code == "STALE_VERSION"
    assert [each["version"] for each in api.get("/webhooks", ROOT).json["data"]] == [2]
    assert call(api, "DELETE", path, If_Match='"1"').code == "STALE_VERSION"
    assert call(api, "DELETE", path, If_Match='"2"').data == {"id": shown.data["id"]}

    assert api.get(path, ROOT).code == "WEBHOOK_NOT_FOUND"
    assert api.get("/webhooks", ROOT).json["data"] == []
    assert audited(aws) == ["WEBHOOK_CREATE", "WEBHOOK_UPDATE", "WEBHOOK_DELETE"]


def test_all_that_is_wrong_with_a_change_is_told_at_once(api: Api) -> None:
    path = f"/webhooks/{made(api)['id']}"
    body = {"url": "https://169.254.169.254/", "events": ["nonsense"], "secret": 1}

    reply = call(api, "PUT", path, body)

    assert reply.errors.keys() == {"url", "events.0", "secret"}
    assert call(api, "PUT", path, {"url": body["url"]}).errors.keys() == {"url"}
    assert call(api, "PUT", path, {}).code == "VALIDATION_ERROR"


def test_a_new_secret_is_shown_once(api: Api, aws: Aws) -> None:
    first = made(api)
    path = f"/webhooks/{first['id']}/rotate-secret"

    rotated = call(api, "POST", path, Idempotency_Key="k")
    repeated = call(api, "POST", path, Idempotency_Key="k")

    assert rotated.data["secret"].startswith("whsec_")
    assert rotated.data["secret"] != first["secret"]
    assert rotated.data["secretRotatedAt"]
    assert repeated.headers["Idempotent-Replayed"] == "true"
    assert repeated.data == rotated.data | {"secret": None}
    endpoint = bootstrap.subscriptions().get(first["id"])
    assert [old.secret for old in endpoint.old_secrets] == [first["secret"]]
    for secret in (first["secret"], rotated.data["secret"]):
        assert secret not in str(aws.rows("work"))
    assert audited(aws) == ["WEBHOOK_CREATE", "WEBHOOK_ROTATE_SECRET"]


def test_a_test_is_delivered_to_that_subscription_alone(
    api: Api, aws: Aws, partner: Partner
) -> None:
    hook, _ = made(api, f"{partner.url}/one"), made(api, f"{partner.url}/two")
    path = f"/webhooks/{hook['id']}"

    asked = call(api, "POST", f"{path}/test", Idempotency_Key="k")
    repeated = call(api, "POST", f"{path}/test", Idempotency_Key="k")
    work(aws)

    assert asked.status == 202
    assert repeated.data == asked.data
    (got,) = partner.received
    assert (got.path, got.headers["x-webhook-event"]) == ("/one", "webhook.ping")
    (shown,) = api.get(f"{path}/deliveries", ROOT).json["data"]
    assert (shown["id"], shown["status"]) == (asked.data["id"], "SUCCEEDED")
    assert audited(aws) == ["WEBHOOK_CREATE", "WEBHOOK_CREATE", "WEBHOOK_TEST"]


def test_deliveries_are_shown_with_their_attempts_in_pages(
    api: Api, aws: Aws, partner: Partner
) -> None:
    partner.next += [Said(503, b"busy", {"Retry-After": "60"}), Said(204), Said(204)]
    hook = made(api, partner.url)
    for number in (1, 2, 3):
        happens(number)
        work(aws)
    path = f"/webhooks/{hook['id']}/deliveries"

    first = api.get(f"{path}?limit=2", ROOT).json
    second = api.get(f"{path}?limit=2&cursor={first['meta']['nextCursor']}", ROOT).json

    assert [each["eventId"] for each in first["data"] + second["data"]] == [
        "evt_3",
        "evt_2",
        "evt_1",
    ]
    assert second["meta"] == {"limit": 2, "nextCursor": None}
    (failed,) = second["data"]
    (attempt,) = failed["attempts"]
    assert (failed["status"], failed["event"]) == ("PENDING", "budget_request.approved")
    assert failed["nextAttemptAt"]
    assert attempt.keys() == {"number", "at", "status", "durationMs", "answer", "error"}
    assert (attempt["status"], attempt["answer"], attempt["error"]) == (503, "busy", None)
    assert api.get(f"{path}?cursor=x", ROOT).errors.keys() == {"cursor"}


def test_a_delivery_is_sent_again(api: Api, aws: Aws, partner: Partner) -> None:
    hook = made(api, partner.url)
    happens()
    work(aws)
    path = f"/webhooks/{hook['id']}/deliveries"
    (taken,) = api.get(path, ROOT).json["data"]

    for _ in range(2):
        again = call(api, "POST", f"{path}/{taken['id']}/redeliver", Idempotency_Key="k")
        assert (again.status, again.data["status"]) == (202, "PENDING")
    work(aws)

    assert [got.headers["webhook-id"] for got in partner.received] == ["evt_1", "evt_1"]
    (shown,) = api.get(path, ROOT).json["data"]
    assert (shown["status"], len(shown["attempts"])) == ("SUCCEEDED", 2)
    missing = call(api, "POST", f"{path}/dlv_1/redeliver")
    assert (missing.status, missing.code) == (404, "DELIVERY_NOT_FOUND")
    assert audited(aws)[-1] == "WEBHOOK_REDELIVER"


def test_what_was_missed_is_recovered(api: Api, aws: Aws, partner: Partner) -> None:
    hook = made(api, partner.url)
    path = f"/webhooks/{hook['id']}"
    call(api, "PUT", path, {"isActive": False})
    for number in (1, 2, 3):
        happens(number)
    work(aws)
    since = "?since=2026-01-01T00:00:00Z"
    assert call(api, "POST", f"{path}/recover{since}").code == "WEBHOOK_DISABLED"
    call(api, "PUT", path, {"isActive": True})
    assert partner.received == []

    assert call(api, "POST", f"{path}/recover{since}", Idempotency_Key="k").status == 202
    assert call(api, "POST", f"{path}/recover{since}", Idempotency_Key="k").status == 202
    work(aws)

    assert sorted(got.headers["webhook-id"] for got in partner.received) == [
        "evt_1",
        "evt_2",
        "evt_3",
    ]
    assert audited(aws)[-1] == "WEBHOOK_RECOVER"


@pytest.mark.parametrize("query", ["", "?since=", "?since=yesterday", "?since=1767225600"])
def test_a_recovery_says_from_when_on(api: Api, query: str) -> None:
    reply = call(api, "POST", f"/webhooks/{made(api)['id']}/recover{query}")

    assert reply.errors.keys() == {"since"}


def test_the_catalogue_has_a_schema_of_each_event_that_stands_alone(api: Api) -> None:
    told = {entry["event"]: entry for entry in api.get("/webhooks/events", ROOT).json["data"]}

    assert set(told) == set(EventType)
    for event, body in examples.of_events().items():
        validator = jsonschema_rs.validator_for(told[event]["schema"])
        assert validator.is_valid(json.loads(json.dumps(body, default=plain))), event
        assert not validator.is_valid({})
        assert told[event]["meaning"]


def test_a_recovery_is_for_the_version_that_was_looked_at(api: Api) -> None:
    hook = made(api)
    path = f"/webhooks/{hook['id']}/recover?since=2026-11-20T00:00:00Z"

    stale = api.call("POST", path, role=ROOT, headers={"If-Match": '"99"'})
    taken = api.call("POST", path, role=ROOT, headers={"If-Match": f'"{hook["version"]}"'})

    assert (stale.status, stale.code) == (412, "STALE_VERSION")
    assert taken.status == 202
