"""Partners' messages on the deployed stack: through the bus, verified, once, or answered."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
import rfc8785
from typer.testing import CliRunner

from chalicelib.domain.bus_keys import Command
from chalicelib.domain.inbound import Reason
from infra import bus_keys
from infra import place as places
from infra.cli import app
from infra.local import RunningStack
from infra.waiting import wait_for
from tests.e2e.people import People, waiting

pytestmark = pytest.mark.needs("partners")

DEADLINE_SECONDS = 60
DATA = {
    "department": "operations",
    "amountRequested": 1234.5,
    "purpose": "Parts for the next delivery",
}

_numbers = count(1)


def client(stack: RunningStack, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients
    return boto3.client(  # type: ignore[call-overload]  # any service
        service,
        region_name=stack.region,
        endpoint_url=stack.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass
class Partner:
    """A partner with a key, who hears on the bus what is refused."""

    stack: RunningStack
    source: str
    key_id: str
    secret: str
    queue_url: str
    _heard: list[dict[str, Any]] = field(default_factory=list)

    def message(
        self, command: str, data: dict[str, Any], *, age: timedelta = timedelta()
    ) -> dict[str, Any]:
        time = datetime.now(UTC) - age
        message_id = f"m-{next(_numbers)}"
        text = f"{message_id}.{int(time.timestamp())}.".encode() + rfc8785.dumps(data)
        digest = hmac.digest(self.secret.encode(), text, "sha256")
        return {
            "id": message_id,
            "source": self.source,
            "type": command,
            "time": time.isoformat(),
            "keyId": self.key_id,
            "data": data,
            "signature": "v1," + base64.b64encode(digest).decode(),
        }

    def put(self, *details: dict[str, Any] | str) -> None:
        entries = [
            {
                "EventBusName": self.stack.outputs["EventBusName"],
                "Source": self.source,
                "DetailType": Command.PURCHASE_REQUEST_APPROVED
                if isinstance(detail, str)
                else detail["type"],
                "Detail": detail if isinstance(detail, str) else json.dumps(detail),
            }
            for detail in details
        ]
        answer = client(self.stack, "events").put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0, answer

    def heard(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first refusal of which this is so, once it has come."""
        sqs = client(self.stack, "sqs")

        def found() -> dict[str, Any] | None:
            got = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
            for message in got.get("Messages", []):
                self._heard.append(json.loads(message["Body"])["detail"])
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            return next((each for each in self._heard if condition(each["data"])), None)

        answer = wait_for(found, deadline_seconds=DEADLINE_SECONDS)
        assert answer, self._heard
        return answer

    def why(self, message: dict[str, Any]) -> str:
        """Return the reason, and the code if there is one, with which a message was refused."""
        data = self.heard(lambda data: data["id"] == message["id"])["data"]
        return ":".join(filter(None, [data["reason"], data["code"]]))


@pytest.fixture
def partner(stack: RunningStack) -> Iterator[Partner]:
    source = f"procurement-{next(_numbers)}"
    types = [part for command in Command for part in ("--type", command)]
    asked = ("--source", source, *types, "--department", "operations", "--expires", "1h")
    printed = CliRunner().invoke(app, ["bus-key", "--stack", stack.name, *asked])
    assert printed.exit_code == 0, printed.output
    key = json.loads(printed.stdout)
    assert key.keys() == {"keyId", "secret"}
    sqs, events = client(stack, "sqs"), client(stack, "events")
    queue_url = sqs.create_queue(QueueName=f"heard-{source}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    on_the_bus = {"EventBusName": stack.outputs["EventBusName"]}
    pattern = json.dumps({"source": ["budget-requests"], "detail-type": ["message.rejected"]})
    events.put_rule(Name=source, EventPattern=pattern, **on_the_bus)
    target = {"Id": "heard", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule=source, Targets=[target], **on_the_bus)
    yield Partner(stack, source, key["keyId"], key["secret"], queue_url)
    events.remove_targets(Rule=source, Ids=["heard"], **on_the_bus)
    events.delete_rule(Name=source, **on_the_bus)


def made_for(people: People, purchase: str) -> list[dict[str, Any]]:
    path = f"/budget-requests?linkedPurchaseRequestId={purchase}"
    listed = people.new("Operations Admin").get(path)
    rows: list[dict[str, Any]] = listed["data"]
    return rows


def test_a_good_message_becomes_exactly_one_request_and_a_forged_one_is_answered(
    partner: Partner, people: People
) -> None:
    purchase = f"PR-{partner.source}"
    data = DATA | {"linkedPurchaseRequestId": purchase}
    good = partner.message(Command.PURCHASE_REQUEST_APPROVED, data)
    reordered = {**good, "data": dict(reversed(data.items()))}
    tampered = partner.message(Command.PURCHASE_REQUEST_APPROVED, data)
    tampered["data"] = data | {"amountRequested": 9_999_999}
    old = partner.message(
        Command.PURCHASE_REQUEST_APPROVED, data, age=timedelta(minutes=5, seconds=5)
    )
    future = partner.message(
        Command.PURCHASE_REQUEST_APPROVED, data, age=-timedelta(minutes=5, seconds=60)
    )
    elsewhere = partner.message(Command.PURCHASE_REQUEST_APPROVED, data | {"department": "hr"})
    unknown = partner.message(Command.PURCHASE_REQUEST_APPROVED, data) | {"keyId": "bus_nobody"}

    partner.put(reordered, good, tampered, old, future, elsewhere, unknown, good)

    assert partner.why(tampered) == "BAD_SIGNATURE"
    assert partner.why(old) == "TOO_OLD"
    assert partner.why(future) == "IN_THE_FUTURE"
    assert partner.why(elsewhere) == "DEPARTMENT_NOT_ALLOWED"
    assert partner.why(unknown) == "UNKNOWN_KEY"

    def is_submitted() -> bool:
        rows = made_for(people, purchase)
        return bool(rows) and not rows[0]["isDraft"]

    assert wait_for(is_submitted, deadline_seconds=DEADLINE_SECONDS)
    partner.put(good)  # replayed, and behind it one whose answer says that it was its turn
    last = partner.message(Command.CONSUMED, {"budgetRequestId": 20260000000})
    partner.put(last)
    assert partner.why(last) == "REFUSED:NOT_FOUND"
    (row,) = made_for(people, purchase)
    assert row["amountRequested"] == 1234.5
    assert row["requestedBy"] == f"bus:{partner.source}"


def test_a_hold_is_consumed_once(partner: Partner, people: People) -> None:
    admin = people.new("Operations Admin")
    held = waiting(people.new("Operations Clerk"), department="operations", amount=200)
    admin.post(f"/budget-requests/{held}/approve")
    consumes = partner.message(Command.CONSUMED, {"budgetRequestId": held, "amount": 100})
    partner.put(consumes)

    def status() -> bool:
        shown = admin.get(f"/budget-requests/{held}")["data"]
        return bool(shown["reservationStatus"] == "CONSUMED")

    assert wait_for(status, deadline_seconds=DEADLINE_SECONDS)
    again = partner.message(Command.CONSUMED, {"budgetRequestId": held})
    partner.put(consumes, again)
    assert partner.why(again) == "REFUSED:ALREADY_CONSUMED"


def test_an_updated_budget_is_asked_for_at_once(partner: Partner, stack: RunningStack) -> None:
    stack.finance.forget()
    asks = {"department": "operations", "fiscalYear": 2025, "fiscalPeriod": "Q4"}

    partner.put(partner.message(Command.BUDGET_UPDATED, asks))

    def is_asked() -> bool:
        path = "/api/budgets/operations/2025/Q4"
        return any(call.path == path for call in stack.finance.received())

    assert wait_for(is_asked, deadline_seconds=DEADLINE_SECONDS)


def test_a_key_that_is_exchanged_has_no_gap_and_audit_hears_of_both(
    partner: Partner, stack: RunningStack
) -> None:
    place = places.of_local(stack)
    first = partner.key_id
    second, secret = bus_keys.create(
        place,
        source=partner.source,
        types=[Command.CONSUMED],
        departments=["operations"],
        expires=None,
    )
    bus_keys.revoke(place, first)
    revoked = partner.message(Command.CONSUMED, {"budgetRequestId": 20260000000})
    partner.key_id, partner.secret = second.key_id, secret
    good = partner.message(Command.CONSUMED, {"budgetRequestId": 20260000000})
    other_type = partner.message(Command.RELEASE_REQUESTED, {"budgetRequestId": 20260000000})

    partner.put(revoked, good, other_type)

    assert partner.why(revoked) == "UNKNOWN_KEY"
    assert partner.why(good) == "REFUSED:NOT_FOUND"
    assert partner.why(other_type) == "TYPE_NOT_ALLOWED"

    def told() -> list[str]:
        entries = [json.loads(call.body) for call in stack.audit.received() if call.body]
        return sorted(e["action"] for e in entries if e["recordId"] == first)

    both = ["BUS_KEY_CREATE", "BUS_KEY_REVOKE"]
    wait_for(lambda: told() == both, deadline_seconds=DEADLINE_SECONDS)
    assert told() == both
    today = bus_keys.parked(place, None)
    assert {"UNKNOWN_KEY", "TYPE_NOT_ALLOWED"} <= {each.reason.value for each in today}


def test_what_is_too_large_or_no_message_is_answered_and_does_not_come_back(
    partner: Partner, stack: RunningStack
) -> None:
    large = partner.message(Command.PURCHASE_REQUEST_APPROVED, DATA | {"padding": "x" * 300_000})
    partner.put(json.dumps({"no": "message"}))
    assert partner.heard(lambda data: data["id"] is None)["data"]["reason"] == "MALFORMED"
    partner.put(large)  # AWS would refuse it at the door
    assert partner.why(large) == "MALFORMED"
    sqs = client(stack, "sqs")

    def is_empty() -> bool:
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = stack.outputs["InboundQueueUrl"]
        got = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"]
        return all(int(number) == 0 for number in got.values())

    assert wait_for(is_empty, deadline_seconds=DEADLINE_SECONDS)


def test_a_type_that_nobody_takes_is_answered_and_parked(
    partner: Partner, stack: RunningStack
) -> None:
    misspelt = partner.message("purchase_request.aproved", DATA)

    partner.put(misspelt)

    assert partner.why(misspelt) == "TYPE_NOT_ALLOWED"
    today = bus_keys.parked(places.of_local(stack), None)
    assert [each.reason for each in today if each.named.id == misspelt["id"]] == [
        Reason.TYPE_NOT_ALLOWED
    ]


def test_what_is_put_on_the_bus_under_our_source_moves_no_money(
    partner: Partner, people: People, stack: RunningStack
) -> None:
    forged = partner.message(
        "budget_request.approved",
        {
            "budgetRequestId": 20990000001,
            "requestCode": "BR-2099-001",
            "department": "operations",
            "fiscalYear": 2026,
            "fiscalPeriod": "Q1",
            "reservedAmount": 100,
        },
    )

    replace(partner, source="budget-requests").put(forged)

    def is_noticed() -> bool:
        group = f"/aws/lambda/{stack.outputs['FinanceFunctionName']}"
        told = client(stack, "logs").filter_log_events(logGroupName=group)
        return any("message forged" in event["message"] for event in told["events"])

    assert wait_for(is_noticed, deadline_seconds=DEADLINE_SECONDS)
    held = waiting(people.new("Operations Clerk"), department="operations", amount=200)
    people.new("Operations Admin").post(f"/budget-requests/{held}/approve")

    def reserved() -> set[int]:
        calls = [c for c in stack.finance.received() if c.path == "/api/budgets/reserve"]
        return {json.loads(call.body)["budgetRequestId"] for call in calls}

    assert wait_for(lambda: held in reserved(), deadline_seconds=DEADLINE_SECONDS)
    assert 20990000001 not in reserved()
    # It would come back for a day, and other tests wait until nothing is on its way to Finance.
    client(stack, "sqs").purge_queue(QueueUrl=stack.outputs["FinanceQueueUrl"])
