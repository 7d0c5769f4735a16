"""Rate limits through the API: so many calls a window, told on every answer, for everyone alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from chalicelib import bootstrap
from tests.conftest import Aws, Logs
from tests.http_api import Api, Reply, token
from tests.partner import Partner

START = datetime(2026, 3, 10, 12, 5, tzinfo=UTC)
TO_THE_NEXT = timedelta(minutes=10)
NEW = {"department": "finance", "amountRequested": 100, "purpose": "Parts for the next delivery"}
NAMES = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def limited(
    api: Api,
    clock: time_machine.Traveller,  # noqa: ARG001 - stands still in the middle of a window
    monkeypatch: pytest.MonkeyPatch,
) -> Api:
    """The API with limits that a test can reach: 5 calls, 2 of them creations."""
    monkeypatch.setenv("RATE_LIMIT_MAX_REQUESTS", "5")
    monkeypatch.setenv("RATE_LIMIT_MAX_CREATIONS", "2")
    bootstrap.settings.cache_clear()
    bootstrap.limits.cache_clear()
    return api


def read(api: Api, role: str = "Finance Clerk") -> Reply:
    return api.get("/budget-requests/1", role)


def create(api: Api) -> Reply:
    return api.post("/budget-requests", "Finance Clerk", NEW)


def told(reply: Reply) -> tuple[str, ...]:
    return tuple(reply.headers[name] for name in NAMES)


def test_every_answer_tells_what_is_left(limited: Api) -> None:
    answers = [
        create(limited),
        read(limited),  # 404
        limited.post("/budget-requests", "Finance Clerk", {}),  # 400
        limited.post("/budget-requests/bulk-approve", "Finance Clerk", {"ids": [1]}),  # 403
        limited.post("/api-keys", "Finance Clerk", {"name": "x"}),  # 400
    ]

    assert [answer.status for answer in answers] == [201, 404, 400, 403, 400]
    assert [told(answer) for answer in answers] == [("5", str(n), "600") for n in (4, 3, 2, 1, 0)]


def test_nobody_we_know_is_told_nothing(limited: Api) -> None:
    for answer in (limited.get("/budget-requests/1"), limited.get("/health")):
        assert not answer.headers.keys() & set(NAMES)


def test_what_no_route_serves_is_not_counted(limited: Api) -> None:
    nowhere = limited.get("/nowhere", "Finance Clerk")
    no_method = limited.call("PATCH", "/budget-requests", role="Finance Clerk")

    assert [nowhere.status, no_method.status] == [404, 405]
    for answer in (nowhere, no_method):
        assert not answer.headers.keys() & set(NAMES)
    assert told(read(limited))[1] == "4"


def test_a_call_too_many_is_refused_and_told_when_to_come_back(limited: Api) -> None:
    for _ in range(5):
        assert read(limited).status == 404

    refused = read(limited)

    assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.headers["Retry-After"] == "600"
    assert told(refused) == ("5", "0", "600")


def test_a_creation_too_many_is_refused_while_reading_goes_on(limited: Api, aws: Aws) -> None:
    assert [create(limited).status for _ in range(2)] == [201, 201]

    refused = create(limited)

    assert (refused.status, refused.code) == (429, "CREATE_LIMIT_EXCEEDED")
    assert refused.headers["Retry-After"] == "600"
    assert told(refused) == ("2", "0", "600")
    assert len([row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]) == 2
    assert read(limited).status == 404


def test_the_next_window_begins_anew(limited: Api, clock: time_machine.Traveller) -> None:
    for _ in range(6):
        refused = create(limited)
    assert refused.code == "RATE_LIMIT_EXCEEDED"

    clock.shift(TO_THE_NEXT - timedelta(seconds=1))
    assert create(limited).headers["Retry-After"] == "1"
    clock.shift(timedelta(seconds=1))

    assert create(limited).status == 201
    assert told(read(limited)) == ("5", "3", "900")


def test_everyone_has_limits_of_their_own(limited: Api) -> None:
    for _ in range(6):
        read(limited)

    assert read(limited).status == 429
    assert read(limited, "Finance Admin").status == 404


def test_another_role_of_the_same_person_is_the_same_person(limited: Api) -> None:
    for _ in range(5):
        read(limited)

    promoted = limited.call(
        "GET", "/budget-requests/1", token=token("Finance Admin", sub="u-finance-clerk")
    )

    assert promoted.status == 429


def test_a_key_is_limited_apart_from_who_made_it(limited: Api) -> None:
    made = limited.post(
        "/api-keys",
        "SuperAdmin",
        {"name": "P", "scopes": ["requests:write"], "departments": ["finance"]},
    )
    headers = {"x-api-key": made.data["key"]}

    answers = [
        limited.call("POST", "/budget-requests", body=NEW, headers=headers) for _ in range(6)
    ]

    assert [answer.status for answer in answers] == [201, 201, 429, 429, 429, 429]
    assert [answer.code for answer in answers[2:]] == [
        *["CREATE_LIMIT_EXCEEDED"] * 3,
        "RATE_LIMIT_EXCEEDED",
    ]
    assert told(read(limited, "SuperAdmin"))[1] == "3"


def test_a_refused_call_reaches_nothing(limited: Api, finance: Partner) -> None:
    for _ in range(5):
        read(limited)
    asked = len(finance.received)

    refused = limited.call("POST", "/budget-requests", role="Finance Clerk", raw=b"not json")

    assert refused.code == "RATE_LIMIT_EXCEEDED"
    assert len(finance.received) == asked


def test_a_replayed_answer_tells_what_is_left_now(limited: Api) -> None:
    def repeat() -> Reply:
        return limited.call(
            "POST",
            "/budget-requests",
            role="Finance Clerk",
            body=NEW,
            headers={"Idempotency-Key": "k-1"},
        )

    first, again = repeat(), repeat()

    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (told(first)[1], told(again)[1]) == ("4", "3")


def keyed(api: Api, key: str, role: str = "Finance Clerk", **fields: object) -> Reply:
    headers = {"Idempotency-Key": key}
    return api.call("POST", "/budget-requests", role=role, body=NEW | fields, headers=headers)


def test_a_kept_answer_is_replayed_where_the_calls_are_used_up(limited: Api) -> None:
    first = keyed(limited, "k-1")
    for _ in range(4):
        read(limited)

    again = keyed(limited, "k-1")

    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert told(again) == ("5", "0", "600")


def test_a_kept_answer_is_replayed_where_the_creations_are_used_up(limited: Api) -> None:
    kept = [keyed(limited, key) for key in ("k-1", "k-2")]

    again = keyed(limited, "k-1")

    assert (again.status, again.data) == (201, kept[0].data)
    assert told(again) == ("2", "0", "600")  # counted all the same


def test_a_key_passes_no_limit_but_with_its_kept_answer(limited: Api, aws: Aws) -> None:
    for key in ("k-1", "k-2"):
        assert keyed(limited, key).status == 201

    new = keyed(limited, "k-3")
    foreign = keyed(limited, "k-2", amountRequested=101)
    unreadable = keyed(limited, "not a key")

    assert (new.status, new.code) == (429, "CREATE_LIMIT_EXCEEDED")
    assert (foreign.status, foreign.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (unreadable.status, unreadable.code) == (429, "CREATE_LIMIT_EXCEEDED")
    assert len([row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]) == 2


def test_calls_that_cannot_be_counted_are_let_through(
    limited: Api, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.settings.cache_clear()
    monkeypatch.setenv("WORK_TABLE", "no-such-table")

    answer = read(limited)

    assert answer.status == 404
    assert not answer.headers.keys() & set(NAMES)
    assert [line["message"] for line in logs.at("WARNING")] == ["a call was not counted"]


def test_limits_are_those_of_the_guide_unless_configured(
    environment: dict[str, str],  # noqa: ARG001 - the rest of the configuration
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RATE_LIMIT_MAX_REQUESTS")
    monkeypatch.delenv("RATE_LIMIT_MAX_CREATIONS")

    limits = bootstrap.limits()

    assert (limits.max_calls, limits.max_creations) == (100, 10)
    assert limits.window == timedelta(minutes=15)
