"""What was told is told again: the same events and entries, of a request or of a time."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from chalicelib import bootstrap
from chalicelib.adapters import aws as aws_clients
from chalicelib.domain import allocations, transitions
from chalicelib.domain.changes import MAX_CARRIED_HISTORY, Change
from chalicelib.domain.content import ItemApproval
from chalicelib.handlers import relay
from infra import republish, telling
from infra.errors import OperatorError
from infra.place import Place
from infra.progress import silent
from tests import samples, stored
from tests.botocore_answers import answering
from tests.conftest import Aws, client
from tests.factories import ADMIN, AT, CLERK, created, item_body
from tests.infra.operated import place, relay_called, told_to_audit

NOW = AT + timedelta(days=2)
CODE = "BR-2026-001"


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def stack(aws: Aws) -> Place:
    return place(aws)


@pytest.fixture
def story(aws: Aws) -> tuple[Change, ...]:
    """A request that was created, submitted and approved, all of it told."""
    changes = samples.keep_story()
    relay.relay(aws.streamed("requests"), None)
    aws.on_the_bus()
    return changes


def ids(changes: tuple[Change, ...]) -> list[str]:
    return [i for change in changes for i in (change.events[0].id, change.audit.id)]


def found_ids(found: republish.Found) -> list[str]:
    return [
        i
        for told in found.told
        for i in (
            *(event.id for event in told.outbox.events),
            *([told.outbox.audit.id] if told.outbox.audit else []),
        )
    ]


def published_again(
    stack: Place, found: republish.Found, pauses: list[float] | None = None, **asked: str
) -> int:
    with silent().step("publishing") as report:
        return republish.publish(
            stack,
            found,
            asked,
            rate=50,
            report=report,
            pause=(pauses if pauses is not None else []).append,
        )


@pytest.mark.parametrize("named", [CODE, "20260000001"])
def test_all_that_was_told_of_a_request_is_told_again_as_it_was(
    stack: Place, aws: Aws, story: tuple[Change, ...], named: str
) -> None:
    relay.relay(aws.streamed("requests"), None)
    first = aws.on_the_bus()
    found = republish.of_request(stack, named)
    pauses: list[float] = []

    with relay_called(stack):
        assert published_again(stack, found, pauses, request=named) == 3

    again = aws.on_the_bus()
    assert [message["detail"] for message in again] == [message["detail"] for message in first]
    assert found_ids(found) == ids(story)
    assert pauses == [3 / 50]
    (entry,) = told_to_audit(aws)
    assert (entry.action, entry.record_id) == ("REPUBLISH", named)
    assert entry.new_values == {"request": named, "changes": 3}


@pytest.mark.usefixtures("story")
def test_what_is_told_again_is_kept_as_it_was(stack: Place, aws: Aws) -> None:
    before = aws.rows("told")

    with relay_called(stack):
        published_again(stack, republish.of_request(stack, CODE))

    assert aws.rows("told") == before


@pytest.mark.usefixtures("story")
def test_what_was_kept_before_packing_is_told_again_as_well(stack: Place, aws: Aws) -> None:
    expected = republish.of_request(stack, CODE).told
    for row in aws.rows("told"):
        text = {"outbox": {"S": stored.told(row).model_dump_json()}}
        client("dynamodb").put_item(TableName="test-told", Item=row | text)

    assert republish.of_request(stack, CODE).told == expected


def test_the_last_change_is_told_though_the_relay_never_saw_it(stack: Place) -> None:
    changes = samples.keep_story()

    found = republish.of_request(stack, CODE)

    assert (found_ids(found), found.missing) == (ids(changes[-1:]), 2)


def test_a_request_with_a_long_history_is_found_whole(stack: Place, aws: Aws) -> None:
    first = created(items=[item_body()])
    submitted = transitions.submit(first.after, CLERK, AT)
    changes = [first, submitted]
    for number in range(2 * MAX_CARRIED_HISTORY):
        at = AT + timedelta(seconds=number)
        body = ItemApproval(allocated_amount=Decimal(number + 1))
        changes.append(allocations.approve_item(changes[-1].after, 1, body, ADMIN, at))
    for change in changes:
        bootstrap.requests().commit(change)
    assert changes[-1].after.archived_history > 0
    relay.relay(aws.streamed("requests"), None)

    found = republish.of_request(stack, str(first.after.id))

    assert (found_ids(found), found.missing) == (ids(tuple(changes)), 0)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("BR-2026-009", "There is no request BR-2026-009"),
        ("BR-2026-9", "is neither the id of a request nor its code"),
        ("everything", "is neither the id of a request nor its code"),
    ],
)
def test_a_request_that_is_none_is_refused(stack: Place, named: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        republish.of_request(stack, named)


def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(
    stack: Place, story: tuple[Change, ...]
) -> None:
    first, submitted, approved = story
    assert submitted.audit.time < approved.audit.time

    all_of_it = republish.of_span(stack, first.audit.time, NOW)
    until = republish.of_span(stack, first.audit.time, approved.audit.time)
    then = republish.of_span(stack, approved.audit.time, NOW)

    assert found_ids(all_of_it) == ids(story)
    assert found_ids(until) == ids((first, submitted))
    assert found_ids(then) == ids((approved,))


def test_a_time_of_a_department_has_its_events_and_what_audit_heard_of_them(
    stack: Place, story: tuple[Change, ...]
) -> None:
    span = (AT - timedelta(days=1), NOW)

    assert found_ids(republish.of_span(stack, *span, "finance")) == ids(story)
    assert republish.of_span(stack, *span, "hr").told == ()


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (NOW, NOW, "must be before"),
        (NOW - timedelta(days=30, seconds=1), NOW, "kept for 30 days"),
    ],
)
def test_a_time_that_is_none_is_refused(
    stack: Place, start: datetime, end: datetime, said: str
) -> None:
    with pytest.raises(OperatorError, match=said):
        republish.of_span(stack, start, end)


@pytest.mark.usefixtures("story")
def test_a_time_of_too_many_changes_is_refused(
    stack: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(republish, "MAX_CHANGES", 2)

    with pytest.raises(OperatorError, match="more than 2 changes; end earlier"):
        republish.of_span(stack, AT, NOW)


def test_a_department_that_is_none_is_refused_with_those_there_are(stack: Place) -> None:
    with pytest.raises(OperatorError, match="No department 'legal'; there are finance, hr"):
        republish.of_span(stack, AT, NOW, "legal")


@pytest.mark.usefixtures("story")
def test_a_relay_that_fails_says_why_and_how_far_it_came(
    stack: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MAX_CALL_CHANGES", 1)
    denied: dict[str, Any] = {"Error": {"Code": "AccessDenied", "Message": "the bus is shut"}}
    calls = 0

    def after_the_first(_: bytes) -> tuple[int, dict[str, Any]] | None:
        nonlocal calls
        calls += 1
        return (400, denied) if calls > 1 else None

    with (
        relay_called(stack),
        answering(aws_clients.client("events"), "PutEvents", after_the_first),
        pytest.raises(OperatorError, match=r"After 1 of 3 changes: .* the bus is shut"),
    ):
        published_again(stack, republish.of_request(stack, CODE))


def test_a_line_tells_what_it_is_and_nothing_that_it_carries(
    stack: Place, story: tuple[Change, ...]
) -> None:
    (*_, approved) = republish.of_request(stack, CODE).told

    assert approved.line() == (
        f"{story[-1].audit.time.isoformat()}  budget_request.approved {story[-1].events[0].id},"
        f" audit {story[-1].audit.id}"
    )


def test_days_are_those_of_utc(stack: Place) -> None:
    key = {"pk": {"S": f"TOLD#{AT.date()}"}, "sk": {"S": f"{AT.isoformat('T', 'microseconds')}#x"}}
    outbox = {"outbox": {"S": "{}"}, "expires_at": {"N": "1"}}
    client("dynamodb").put_item(TableName="test-told", Item=key | outbox)
    east = datetime.fromisoformat("2026-03-11T01:00:00+13:00")
    assert east.astimezone(UTC).date() == AT.date()

    assert len(republish.of_span(stack, east, east + timedelta(hours=1)).told) == 1


def test_the_relay_is_given_no_more_at_once_than_a_call_takes(stack: Place) -> None:
    large = "x" * (telling.MAX_CALL_BYTES // 2)
    outboxes = [large, large] + ["small"] * (telling.MAX_CALL_CHANGES + 1)
    calls: list[list[dict[str, Any]]] = []

    def take(body: bytes) -> tuple[int, dict[str, Any]]:
        calls.append(json.loads(body)["Records"])
        return 200, {"Payload": io.BytesIO(b"null")}

    with answering(stack.cloud.functions, "Invoke", take):
        told = list(telling.tell(stack, outboxes))

    assert told == [1, 25, 2]
    assert calls[2][0]["dynamodb"]["NewImage"]["outbox"] == {"S": "small"}
