"""`GET /health?deep=1`: every part is asked, and none gives anything away."""

import json

import pytest

from chalicelib import bootstrap
from tests.conftest import Aws, Logs, client
from tests.http_api import Api

PARTS = {
    "table requests",
    "table budgets",
    "table webhooks",
    "table work",
    "table keys",
    "queue audit",
    "queue audit-dlq",
    "queue jobs",
    "secret of HR Auth",
    "secret of Finance",
}


def test_a_deep_look_names_every_part(api: Api) -> None:
    reply = api.get("/health?deep=1")

    assert reply.status == 200
    assert {part["name"] for part in reply.data["parts"]} == PARTS
    assert {part["status"] for part in reply.data["parts"]} == {"ok"}


def test_a_second_look_soon_after_is_the_same(api: Api) -> None:
    first, again = api.get("/health?deep=1"), api.get("/health?deep=true")

    assert again.json == first.json | {"_cached": True}


@pytest.mark.parametrize("deep", ["", "?deep=0", "?deep=false", "?cachebuster=7"])
def test_a_look_that_is_not_deep_asks_nobody(
    deep: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "probe", lambda: pytest.fail("asked"))

    assert api.get(f"/health{deep}").data["parts"] == []


def test_a_depth_nobody_knows_is_refused(api: Api) -> None:
    reply = api.get("/health?deep=very")

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == ["deep"]


def test_a_part_that_fails_is_told_and_the_log_says_why(api: Api, aws: Aws, logs: Logs) -> None:
    client("sqs").delete_queue(QueueUrl=aws.queue_url)
    client("dynamodb").delete_table(TableName="test-work")

    reply = api.get("/health?deep=1")

    assert (reply.status, reply.code) == (503, "UNHEALTHY")
    assert set(reply.errors) == {"queue audit", "table work"}
    assert "test-" not in json.dumps(reply.json)
    (line,) = logs.at("ERROR")
    assert set(line["reasons"]) == {"queue audit", "table work"}
    assert api.get("/health").status == 200
