"""Cached reads over HTTP: they say so, and hide nothing that was answered before."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.domain.metrics import Hits
from chalicelib.domain.notifications import MailStatus, Notification
from chalicelib.usecases import caching, hit_meter
from tests.botocore_answers import calls_of
from tests.conftest import Logs
from tests.factories import AT, item_body
from tests.http_api import Api, Reply

#: The write that each call begins with: it is counted for its limit.
COUNTED = "UpdateItem"

CLERK, ADMIN = "Finance Clerk", "Finance Admin"


@pytest.fixture(autouse=True)
def index_rows_follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they do in moto: a page is kept when it is first read."""
    monkeypatch.setattr(caching, "INDEX_SETTLES", timedelta(0))


def is_cached(reply: Reply) -> bool:
    assert reply.status == 200, reply.json
    return bool(reply.json.get("_cached", False))


def test_a_cached_answer_says_so_beside_its_data(api: Api) -> None:
    request_id = api.draft()

    for path in ("/budget-requests?status=PENDING", f"/budget-requests/{request_id}"):
        first, again = api.get(path, CLERK), api.get(path, CLERK)
        assert "_cached" not in first.json
        assert again.json == first.json | {"_cached": True}


WRITES: dict[str, tuple[str, str, str, Any, bool]] = {
    # name: method, path, role, body, whether the request waits for review
    "update": ("PUT", "", CLERK, {"amountRequested": 7}, False),
    "delete": ("DELETE", "", CLERK, None, False),
    "submit": ("POST", "/submit", CLERK, None, False),
    "add item": ("POST", "/items", CLERK, item_body(), False),
    "change item": ("PUT", "/items/1", CLERK, {"itemName": "Desk"}, False),
    "remove item": ("DELETE", "/items/1", CLERK, None, False),
    "cancel": ("POST", "/cancel", CLERK, None, False),
    "approve": ("POST", "/approve", ADMIN, None, True),
    "reject": ("POST", "/reject", ADMIN, {"reviewNotes": "Not this quarter"}, True),
    "approve item": ("POST", "/items/1/approve", ADMIN, None, True),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_write_is_seen_by_the_next_read_of_anyone(name: str, api: Api) -> None:
    method, rest, role, body, is_waiting = WRITES[name]
    make: Callable[..., int] = api.waiting if is_waiting else api.draft
    request_id = make(items=[item_body()])
    readers = (CLERK, ADMIN, "SuperAdmin")

    def read() -> list[tuple[Reply, Reply]]:
        one = f"/budget-requests/{request_id}"
        return [(api.get(one, who), api.get("/budget-requests", who)) for who in readers]

    read()
    assert all(is_cached(reply) for pair in read() for reply in pair)
    written = api.call(method, f"/budget-requests/{request_id}{rest}", role=role, body=body)
    assert written.status in {200, 201}, written.json

    for number, (one, many) in enumerate(read()):
        rows = {row["id"]: row for row in many.json["data"]}
        if name == "delete":
            assert one.status == 404
            assert rows == {}
        else:
            assert f'"{one.data["version"]}"' == one.headers["ETag"]
            assert rows[request_id]["version"] == one.data["version"] > 1 + is_waiting
            assert number or not is_cached(one)
        assert not is_cached(many)


def test_a_bulk_approval_is_seen_by_the_next_read(api: Api) -> None:
    ids = [api.waiting(), api.waiting()]
    for _ in range(2):
        listed = api.get("/budget-requests?status=APPROVED", ADMIN)
    assert is_cached(listed)

    reply = api.post("/budget-requests/bulk-approve", ADMIN, {"ids": ids})
    assert reply.status == 200, reply.json

    listed = api.get("/budget-requests?status=APPROVED", ADMIN)
    assert (listed.json["meta"]["total"], is_cached(listed)) == (2, False)


def test_a_new_mail_is_seen_by_the_next_read(api: Api) -> None:
    path = f"/budget-requests/{api.waiting()}"
    api.get(path, CLERK)
    assert is_cached(api.get(path, CLERK))
    mail = Notification(
        id="ntf_1",
        budget_request_id=int(path.rpartition("/")[2]),
        notification_type="REQUEST_SUBMITTED",
        recipient_email="ada@example.com",
        subject="New",
        message="New",
        delivery_status=MailStatus.PENDING,
        created_at=AT,
    )

    for status in (MailStatus.PENDING, MailStatus.SENT):
        bootstrap.notifications().record(mail.model_copy(update={"delivery_status": status}))
        reply = api.get(path, CLERK)
        assert not is_cached(reply)
        assert [n["deliveryStatus"] for n in reply.data["notifications"]] == [status]
        assert is_cached(api.get(path, CLERK))


def test_a_cache_shows_nobody_what_they_may_not_see(api: Api) -> None:
    path = f"/budget-requests/{api.draft()}"
    api.get(path, CLERK)

    assert api.get(path, "HR Admin").code == "FORBIDDEN"
    assert api.get("/budget-requests", "HR Admin").json["data"] == []
    assert api.get("/budget-requests", "HR Admin").json["data"] == []


def test_a_cached_list_is_one_round_trip_and_any_other_two(api: Api) -> None:
    api.draft()
    for expected in (["BatchGetItem", "Query"], ["BatchGetItem"]):
        with calls_of(tables.client()) as calls:
            api.get("/budget-requests", ADMIN)
        assert [operation for operation, _ in calls] == [COUNTED, *expected]


def test_the_detail_is_one_round_trip(api: Api) -> None:
    request_id = api.draft()
    api.get(f"/budget-requests/{request_id}", CLERK)

    with calls_of(tables.client()) as calls:
        api.get(f"/budget-requests/{request_id}", CLERK)

    assert [operation for operation, _ in calls] == [COUNTED, "Query"]


def test_hits_and_misses_are_counted(api: Api) -> None:
    path = f"/budget-requests/{api.draft()}"
    for _ in range(3):
        api.get(path, CLERK)
    api.get(path, "HR Admin")  # refused: no answer, no hit

    bootstrap.hit_meter().keep()

    assert bootstrap.hit_counts().of([bootstrap.now().date()]) == Hits(hits=2, misses=1)


def test_a_hit_rate_that_cannot_be_kept_hinders_nobody(
    api: Api, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hit_meter, "KEEP_HITS_EVERY", timedelta(0))
    monkeypatch.setattr(bootstrap.hit_counts(), "add", _fails, raising=False)
    path = f"/budget-requests/{api.draft()}"

    assert api.get(path, CLERK).status == 200

    assert [line["message"] for line in logs.at("WARNING")] == ["the hit rate was not kept"]


def _fails(*_: object) -> None:
    raise OSError("out of reach")
