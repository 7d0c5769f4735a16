"""What was not delivered on the deployed stack: seen, sent back, told again; each effect once."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest
from typer.testing import CliRunner, Result

from chalicelib.domain.events import AuditAction, AuditEntry
from chalicelib.domain.messages import Outbox
from infra import place as places
from infra import redrive
from infra.cli import app
from infra.cloud import Cloud
from infra.local import RunningStack
from infra.progress import silent
from infra.standins import Behaviour
from infra.waiting import wait_for
from tests.e2e.people import People, draft, waiting

DEADLINE_SECONDS = 60

Heard = Callable[[int], list[dict[str, Any]]]


def run(stack: RunningStack, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--stack", stack.name])


def letters(stack: RunningStack, queue: str) -> list[dict[str, Any]]:
    printed = run(stack, "dlq", queue, "--json")
    assert printed.exit_code == 0, printed.output
    found: list[dict[str, Any]] = json.loads(printed.stdout)["letters"]
    return found


def told_to_audit(stack: RunningStack, record: str) -> list[tuple[str, str]]:
    """Return the id and the action of each entry of a record that Audit took."""
    calls = [call for call in stack.audit.received() if call.answered == 201]
    bodies = [json.loads(call.body) for call in calls]
    return [
        (json.loads(body["metadata"])["entryId"], body["action"])
        for body in bodies
        if body["recordId"] == record
    ]


@contextmanager
def dead_at_once(stack: RunningStack, queue: str) -> Iterator[None]:
    """Have what fails once in a queue be dead, which otherwise takes four hours."""
    sqs = Cloud(region=stack.region, endpoint_url=stack.endpoint_url).sqs
    url = stack.outputs[f"{queue}QueueUrl"]
    usual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    policy = json.loads(usual["RedrivePolicy"]) | {"maxReceiveCount": 1}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=usual)


def test_what_audit_did_not_take_is_listed_sent_back_and_taken_once(
    stack: RunningStack, people: People
) -> None:
    clerk = people.new("HR Clerk")
    request = draft(clerk, department="hr")
    assert wait_for(lambda: told_to_audit(stack, str(request)), deadline_seconds=DEADLINE_SECONDS)
    stack.audit.behave(Behaviour(status=500))
    with dead_at_once(stack, "Audit"):
        for _ in range(3):
            clerk.get(f"/budget-requests/{request}")

        def dead() -> list[dict[str, Any]]:
            found = letters(stack, "audit")
            return found if len(found) == 3 else []

        found = wait_for(dead, deadline_seconds=DEADLINE_SECONDS)
    assert {(each["queue"], each["kind"], each["type"]) for each in found} == {
        ("audit", "audit entry", "VIEW")
    }
    assert {each["reason"] for each in found} == {"Audit answered 500 (DELIVERY_FAILED)"}
    assert all(each["received"] >= 1 and each["ageSeconds"] >= 0 for each in found)
    dry = run(stack, "redrive", "audit", "--dry-run")
    assert (dry.exit_code, dry.stdout.count("audit entry VIEW")) == (0, 3)
    assert {each["id"] for each in letters(stack, "audit")} == {each["id"] for each in found}
    stack.audit.behave(Behaviour())

    place = places.of_local(stack)
    with ThreadPoolExecutor(2) as threads:  # two operators at once
        both = list(
            threads.map(
                lambda _: redrive.redrive(place, "audit", rate=50, progress=silent()), range(2)
            )
        )

    assert sum(sent.count for sent in both) == 3

    def views() -> list[str]:
        taken = told_to_audit(stack, str(request))
        return sorted(entry for entry, action in taken if action == "VIEW")

    expected = sorted(each["id"] for each in found)
    assert wait_for(lambda: views() == expected, deadline_seconds=DEADLINE_SECONDS), views()
    assert letters(stack, "audit") == []

    def redrives() -> bool:
        return {action for _, action in told_to_audit(stack, "audit")} == {"REDRIVE"}

    assert wait_for(redrives, deadline_seconds=DEADLINE_SECONDS)


def entry(name: str) -> dict[str, Any]:
    """Return an outbox for Audit alone, as it stands in a row."""
    told = AuditEntry(
        id=f"aud_{name}",
        time=datetime(2026, 3, 10, tzinfo=UTC),
        action=AuditAction.VIEW,
        record_id=name,
        record_code=name,
        performed_by="u-1",
        performed_by_name="u-1",
        performed_by_role="HR Clerk",
    )
    return {"S": Outbox(audit=told).model_dump_json()}


def test_a_change_that_cannot_be_told_is_set_aside_until_it_can(stack: RunningStack) -> None:
    dynamodb = Cloud(region=stack.region, endpoint_url=stack.endpoint_url).dynamodb
    table = stack.outputs["WebhooksTableName"]

    def put(name: str, outbox: dict[str, Any]) -> None:
        key = {"pk": {"S": f"AUDIT#{name}"}, "sk": {"S": "OUTBOX"}}
        dynamodb.put_item(TableName=table, Item={**key, "outbox": outbox})

    def is_told(name: str) -> bool:
        return bool(wait_for(lambda: told_to_audit(stack, name), deadline_seconds=DEADLINE_SECONDS))

    put("poison", {"S": '{"events": 7}'})
    put("behind", entry("behind"))

    assert is_told("behind")
    (letter,) = wait_for(lambda: letters(stack, "relay"), deadline_seconds=DEADLINE_SECONDS)
    assert (letter["kind"], letter["about"]) == ("change", f"{table} AUDIT#poison OUTBOX")
    assert letter["reason"].startswith("what it tells cannot be read: events: ")
    in_vain = run(stack, "redrive", "relay")
    assert "cannot be read: events" in str(in_vain.exception)
    assert [each["messageId"] for each in letters(stack, "relay")] == [letter["messageId"]]
    put("poison", entry("poison"))  # mended, of which the stream tells
    assert is_told("poison")

    again = run(stack, "redrive", "relay")

    assert (again.exit_code, again.stdout) == (0, "Sent back: 1\n"), again.output
    assert letters(stack, "relay") == []
    assert told_to_audit(stack, "poison") == [("aud_poison", "VIEW")]


def test_webhooks_that_were_given_up_are_sent_again(stack: RunningStack, people: People) -> None:
    root, clerk = people.new("SuperAdmin"), people.new("Operations Clerk")
    path = f"/given-up/{uuid4()}"
    hook = {
        "url": stack.receiver.url + path,
        "events": ["budget_request.created"],
        "departments": ["operations"],
    }
    made = root.post("/webhooks", hook, expect=201)["data"]
    stack.receiver.behave(Behaviour(status=410))
    try:
        draft(clerk, department="operations")

        def given_up() -> list[dict[str, Any]]:
            return [each for each in letters(stack, "deliveries") if each["about"] == made["id"]]

        (letter,) = wait_for(given_up, deadline_seconds=DEADLINE_SECONDS)
        assert letter["type"] == "budget_request.created"
        assert (letter["reason"], letter["received"]) == ("the receiver said 410", 1)
        stack.receiver.behave(Behaviour())
        left = run(stack, "redrive", "deliveries")
        assert f"{made['id']} is not active" in str(left.exception)
        root.call("PUT", f"/webhooks/{made['id']}", {"isActive": True}, expect=200)

        sent = run(stack, "redrive", "deliveries")

        assert (sent.exit_code, sent.stdout) == (0, "Sent back: 1\n")

        def taken() -> list[str]:
            calls = [call for call in stack.receiver.received() if call.path == path]
            return [call.headers["webhook-id"] for call in calls if call.answered < 300]

        assert wait_for(taken, deadline_seconds=DEADLINE_SECONDS) == [letter["id"]]
        assert given_up() == []
    finally:
        root.call("DELETE", f"/webhooks/{made['id']}", expect=200)


def boto_events(stack: RunningStack) -> Any:  # noqa: ANN401 - boto3 makes its clients
    return boto3.client(
        "events",
        region_name=stack.region,
        endpoint_url=stack.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def listener(stack: RunningStack) -> Iterator[Heard]:
    """What was told on the bus about a request, since the test began."""
    cloud = Cloud(region=stack.region, endpoint_url=stack.endpoint_url)
    events, sqs = boto_events(stack), cloud.sqs
    url = sqs.create_queue(QueueName="told-again")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    bus = {"EventBusName": stack.outputs["EventBusName"]}
    events.put_rule(
        Name="told-again", EventPattern=json.dumps({"source": ["budget-requests"]}), **bus
    )
    events.put_targets(
        Rule="told-again", Targets=[{"Id": "told-again", "Arn": arn["QueueArn"]}], **bus
    )
    heard: list[dict[str, Any]] = []

    def about(request: int) -> list[dict[str, Any]]:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            heard.append(json.loads(message["Body"])["detail"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [each for each in heard if each["data"]["budgetRequestId"] == request]

    yield about
    events.remove_targets(Rule="told-again", Ids=["told-again"], **bus)
    events.delete_rule(Name="told-again", **bus)


def test_all_events_of_a_request_are_told_again_as_they_were(
    stack: RunningStack, people: People, listener: Heard
) -> None:
    clerk, admin = people.new("Inventory Clerk"), people.new("Inventory Admin")
    request = waiting(clerk, department="inventory", amount=100)
    admin.post(f"/budget-requests/{request}/reject", {"reviewNotes": "Not this year"})
    assert wait_for(lambda: len(listener(request)) == 3, deadline_seconds=DEADLINE_SECONDS)
    first = listener(request)
    assert [each["data"]["sequence"] for each in first] == [1, 2, 3]
    dry = run(stack, "republish", "--request", str(request), "--dry-run")
    assert [each["id"] in dry.stdout for each in first] == [True] * 3

    again = run(stack, "republish", "--request", first[0]["data"]["requestCode"])

    assert (again.exit_code, again.stdout) == (0, "Published again: 3 changes\n"), again.output
    assert wait_for(lambda: len(listener(request)) == 6, deadline_seconds=DEADLINE_SECONDS)
    assert listener(request)[3:] == first  # ids, numbers and signatures as well
    span = ("--from", first[0]["time"], "--to", first[-1]["time"])
    of_department = run(stack, "republish", *span, "--department", "inventory", "--dry-run")
    assert [each["id"] in of_department.stdout for each in first] == [True, True, False]
    assert (
        "evt_" not in run(stack, "republish", *span, "--department", "finance", "--dry-run").stdout
    )
    entries = [entry for entry, _ in told_to_audit(stack, str(request))]
    assert len(entries) == len(set(entries))  # Audit heard of nothing twice
