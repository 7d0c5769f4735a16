"""The contract of the counters of calls."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain.rate_limits import Limits
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT

LIMITS = Limits(window=timedelta(minutes=15), max_calls=100, max_creations=10)
WINDOW = LIMITS.window_at(AT)
NEXT = LIMITS.window_at(WINDOW.ends_at)


@pytest.fixture
def sent(aws: Aws) -> Iterator[list[dict[str, Any]]]:  # noqa: ARG001 - what they are sent to
    """The calls to DynamoDB of a test, as they go out."""
    bootstrap.rate_counters()
    calls: list[dict[str, Any]] = []
    client = tables.client()
    client.meta.events.register(
        "before-call.dynamodb", _note := lambda params, **_: calls.append(params)
    )
    yield calls
    client.meta.events.unregister("before-call.dynamodb", _note)


def test_calls_and_creations_are_counted_apart(stores: Stores) -> None:
    creates = [False, True, False, True]

    counts = [stores.rate_counters.count("user:u-1", WINDOW, is_creation=c) for c in creates]

    assert counts == [(1, 0), (2, 1), (3, 1), (4, 2)]


def test_every_principal_and_every_window_begins_at_nothing(stores: Stores) -> None:
    asked = [("user:u-1", WINDOW), ("key:u-1", WINDOW), ("user:u-2", WINDOW), ("user:u-1", NEXT)]

    counts = [stores.rate_counters.count(who, when, is_creation=True) for who, when in asked]

    assert counts == [(1, 1)] * 4


def test_names_that_look_alike_are_not_counted_together(stores: Stores) -> None:
    names = ["user:a", "user:a#b", "user:a#", f"user:a#{WINDOW.starts_at.isoformat()}", "user:ä 你"]

    counts = [stores.rate_counters.count(name, WINDOW, is_creation=False) for name in names]

    assert counts == [(1, 0)] * len(names)


def test_a_call_costs_one_write_and_nothing_else(sent: list[dict[str, Any]]) -> None:
    bootstrap.rate_counters().count("user:u-1", WINDOW, is_creation=True)

    assert [call["headers"]["X-Amz-Target"].split(".")[-1] for call in sent] == ["UpdateItem"]


def test_the_write_leaves_the_sum_to_the_table(sent: list[dict[str, Any]]) -> None:
    bootstrap.rate_counters().count("user:u-1", WINDOW, is_creation=True)

    assert b"ADD " in sent[0]["body"]
    assert b"ConditionExpression" not in sent[0]["body"]


def test_a_window_is_forgotten_by_the_table_itself(aws: Aws) -> None:
    bootstrap.rate_counters().count("user:u-1", WINDOW, is_creation=False)

    (row,) = aws.rows("work")
    assert int(row["expires_at"]["N"]) > WINDOW.ends_at.timestamp()
