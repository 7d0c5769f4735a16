"""Webhooks on the deployed stack: rotation, dead receivers, sending again, and the sweep."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.domain.deliveries import Delivery
from infra.cloud import Cloud
from infra.local import RunningStack
from infra.standins import Behaviour, Received
from infra.waiting import wait_for
from tests.e2e.people import People, Person, draft

pytestmark = pytest.mark.needs("partners")

DEADLINE_SECONDS = 60

#: The schedule comes every minute.
SWEEP_SECONDS = 150


@pytest.fixture
def root(people: People) -> Person:
    return people.new("SuperAdmin")


@pytest.fixture
def clerk(people: People) -> Person:
    return people.new("HR Clerk")


Subscribe = Callable[[str], dict[str, Any]]


@pytest.fixture
def subscribe(root: Person) -> Iterator[Subscribe]:
    """Subscribe addresses, until the test ends: others must not take what is meant for one."""
    ids: list[str] = []

    def make(url: str) -> dict[str, Any]:
        hook = {"url": url, "events": ["budget_request.created"], "departments": ["hr"]}
        made: dict[str, Any] = root.post("/webhooks", hook, expect=201)["data"]
        ids.append(made["id"])
        return made

    yield make
    for each in ids:
        root.call("DELETE", f"/webhooks/{each}", expect=200)


def received(stack: RunningStack, path: str, count: int) -> list[Received]:
    """Wait until so many calls have come to a path, and return them."""

    def calls() -> list[Received]:
        return [call for call in stack.receiver.received() if call.path == path]

    wait_for(lambda: len(calls()) >= count, deadline_seconds=DEADLINE_SECONDS)
    assert len(calls()) == count
    return calls()


def deliveries(root: Person, hook: dict[str, Any]) -> list[dict[str, Any]]:
    return list(root.get(f"/webhooks/{hook['id']}/deliveries")["data"])


def has_status(root: Person, hook: dict[str, Any], status: str, attempts: int = 1) -> bool:
    """Wait until the one delivery of a webhook stands so, and return whether it does."""

    def stands_so() -> bool:
        return any(
            each["status"] == status and len(each["attempts"]) >= attempts
            for each in deliveries(root, hook)
        )

    return bool(wait_for(stands_so, deadline_seconds=SWEEP_SECONDS))


def takes(call: Received, secret: str) -> tuple[bool, bool]:
    """Return whether the official library takes a call, and whether the guide's check does."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, call.body, hashlib.sha256).hexdigest()
    plain = {
        call.headers.get("x-webhook-signature"),
        call.headers.get("x-webhook-signature-previous"),
    }
    try:
        Webhook(secret).verify(call.body, call.headers)
    except WebhookVerificationError:
        return False, expected in plain
    return True, expected in plain


def test_both_secrets_sign_after_a_rotation(
    stack: RunningStack, root: Person, clerk: Person, subscribe: Subscribe
) -> None:
    hook = subscribe(f"{stack.receiver.url}/rotation")
    old, path = hook["secret"], "/rotation"
    draft(clerk, department="hr")
    (before,) = received(stack, path, 1)

    new = root.post(f"/webhooks/{hook['id']}/rotate-secret")["data"]["secret"]
    draft(clerk, department="hr")
    _, during = received(stack, path, 2)

    assert (takes(before, old), takes(before, new)) == ((True, True), (False, False))
    assert (takes(during, old), takes(during, new)) == ((True, True), (True, True))


def test_a_test_a_refusal_and_sending_again_are_in_the_record(
    stack: RunningStack, root: Person, clerk: Person, subscribe: Subscribe
) -> None:
    hook = subscribe(f"{stack.receiver.url}/record")
    ping = root.post(f"/webhooks/{hook['id']}/test", expect=202)["data"]
    (pinged,) = received(stack, "/record", 1)
    assert pinged.headers["x-webhook-event"] == "webhook.ping"
    assert pinged.headers["webhook-id"] == ping["eventId"]
    assert has_status(root, hook, "SUCCEEDED")

    stack.receiver.behave(Behaviour(status=503))  # to all who subscribed, until this one was told
    draft(clerk, department="hr")
    received(stack, "/record", 2)
    stack.receiver.behave(Behaviour())
    refused, taken = received(stack, "/record", 3)[1:]

    assert refused.headers["webhook-id"] == taken.headers["webhook-id"]
    assert has_status(root, hook, "SUCCEEDED", attempts=2)
    (told,) = (each for each in deliveries(root, hook) if each["event"] != "webhook.ping")
    assert [attempt["status"] for attempt in told["attempts"]] == [503, 204]
    assert "told to answer this" in told["attempts"][0]["answer"]

    root.post(f"/webhooks/{hook['id']}/deliveries/{told['id']}/redeliver", expect=202)
    again = received(stack, "/record", 4)[-1]
    assert again.headers["webhook-id"] == taken.headers["webhook-id"]
    assert has_status(root, hook, "SUCCEEDED", attempts=3)


def test_a_dead_receiver_is_recorded_and_holds_up_nobody(
    stack: RunningStack, root: Person, clerk: Person, subscribe: Subscribe
) -> None:
    dead = subscribe("http://127.0.0.1:9/dead")
    fine = subscribe(f"{stack.receiver.url}/fine")

    draft(clerk, department="hr")

    received(stack, "/fine", 1)
    assert has_status(root, fine, "SUCCEEDED")
    assert has_status(root, dead, "PENDING")
    (told,) = deliveries(root, dead)
    assert (told["attempts"][0]["status"], told["attempts"][0]["error"]) == (
        None,
        "ConnectionError",
    )
    assert told["nextAttemptAt"]
    assert root.get(f"/webhooks/{dead['id']}")["data"]["failingSince"]


def test_410_disables_and_what_is_missed_is_recovered(
    stack: RunningStack, root: Person, clerk: Person, subscribe: Subscribe
) -> None:
    hook = subscribe(f"{stack.receiver.url}/gone")
    path = f"/webhooks/{hook['id']}"
    stack.receiver.behave(Behaviour(status=410))
    draft(clerk, department="hr")
    received(stack, "/gone", 1)
    assert has_status(root, hook, "DEAD")
    shown = root.get(path)["data"]
    assert (shown["isActive"], shown["disabledBecause"]) == (False, "GONE")
    stack.receiver.behave(Behaviour())
    draft(clerk, department="hr")
    assert has_status(root, hook, "HELD", attempts=0)

    root.call("PUT", path, {"isActive": True}, expect=200)
    root.post(f"{path}/recover?since=2020-01-01T00:00:00Z", expect=202)

    received(stack, "/gone", 3)

    def actions() -> list[str]:
        entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
        return [entry["action"] for entry in entries if entry["recordId"] == hook["id"]]

    wait_for(lambda: len(actions()) >= 4, deadline_seconds=DEADLINE_SECONDS)
    assert sorted(actions()) == [
        "WEBHOOK_CREATE",
        "WEBHOOK_DISABLE",
        "WEBHOOK_RECOVER",
        "WEBHOOK_UPDATE",
    ]


def test_what_is_due_in_the_table_is_swept_by_the_schedule(
    stack: RunningStack, root: Person, clerk: Person, subscribe: Subscribe
) -> None:
    hook = subscribe(f"{stack.receiver.url}/swept")
    stack.receiver.behave(Behaviour(status=503, retry_after="1200", times=1))
    draft(clerk, department="hr")
    received(stack, "/swept", 1)
    assert has_status(root, hook, "PENDING")

    _turn_back(stack, hook["id"])

    assert has_status(root, hook, "SUCCEEDED", attempts=2)
    received(stack, "/swept", 2)


def _turn_back(stack: RunningStack, hook_id: str) -> None:
    """Have 20 minutes gone by for what waits in the table."""
    dynamodb = Cloud(stack.region, stack.endpoint_url).dynamodb
    table = stack.outputs["WebhooksTableName"]
    (row,) = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"DELIVERIES#{hook_id}"}},
    )["Items"]
    known = Delivery.model_validate_json(row["body"]["S"])
    assert known.due_at
    assert known.due_at.isoformat(timespec="microseconds") == row["due_at"]["S"]
    past = {"next_attempt_at": known.created_at, "due_at": known.created_at}
    row["body"] = {"S": known.model_copy(update=past).model_dump_json()}
    row["due_at"] = {"S": known.created_at.isoformat(timespec="microseconds")}
    dynamodb.put_item(TableName=table, Item=row)
