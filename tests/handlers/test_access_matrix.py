"""Who may call what, in process: every declared route, asked by everyone, against one table."""

from pathlib import Path

import pytest
from chalice.test import Client

from app import app
from chalicelib.handlers.http.routes import api as declared
from tests.access_matrix import (
    AFTER_SUBMIT,
    CASES,
    ITEM,
    ITEM_DECISION,
    MATRIX,
    NOTES,
    SEEN,
    Case,
    House,
    Told,
    expected,
)
from tests.factories import request_body
from tests.http_api import Api, token


@pytest.fixture
def house(api: Api) -> House:  # noqa: ARG001 - everything is there that it asks
    client = Client(app, project_dir=str(Path(__file__).parents[2]))

    def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
        host = {"Host": "api.example.com"}
        answer = client.http.request(method, path, headers=host | headers, body=body)
        return Told(answer.status_code, answer.body.decode())

    return House(send, token)


def test_every_route_is_in_the_table_and_nothing_else_is() -> None:
    assert set(MATRIX) == {f"{route.method} {route.path}" for route in declared.routes}
    assert set(CASES) <= set(MATRIX)


@pytest.mark.parametrize(("route", "row"), MATRIX.items(), ids=list(MATRIX))
def test_a_route_lets_in_who_may_and_nobody_else(house: House, route: str, row: str) -> None:
    who_may = expected(row)

    assert house.statuses(route, CASES.get(route, Case()), who_may) == who_may


def test_after_the_submit_an_item_is_for_reviewers_alone(house: House) -> None:
    who_may = expected(AFTER_SUBMIT)

    assert house.statuses(f"PUT {ITEM}", ITEM_DECISION, who_may) == who_may


def test_the_list_shows_everyone_what_they_may_see(house: House) -> None:
    assert house.totals_of_the_list() == expected(SEEN)


@pytest.mark.parametrize("query", ["", "&department=hr", "&linkedPurchaseRequestId=pr-1"])
def test_an_admin_who_moved_lists_what_is_their_own_elsewhere(api: Api, query: str) -> None:
    mover = {"sub": "u-mover"}
    theirs = request_body(department="hr", linkedPurchaseRequestId="pr-1")
    before, now = token("HR Clerk", **mover), token("Finance Admin", **mover)
    own = api.call("POST", "/budget-requests", token=before, body=theirs).data["id"]
    api.call("POST", "/budget-requests", token=token("HR Clerk"), body=theirs)

    def listed(asked: str) -> list[int]:
        reply = api.call("GET", f"/budget-requests?{asked}{query}", token=now)
        assert reply.json["meta"]["total"] == len(reply.json["data"])
        return [row["id"] for row in reply.json["data"]]

    assert listed("requestedBy=u-mover") == [own]
    assert listed("requestedBy=u-hr-clerk") == []  # what others of the old department asked for
    assert listed("limit=20") == []  # the list of their department


@pytest.mark.parametrize("role", ["Finance Admin", "SuperAdmin"])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_nobody_reviews_their_own_request(house: House, api: Api, role: str, verb: str) -> None:
    path = f"/budget-requests/{house.request(is_waiting=True)}"
    own = token(role, sub="u-finance-clerk")

    of_it_all = api.call("POST", f"{path}/{verb}", token=own, body=NOTES)
    of_an_item = api.call("POST", f"{path}/items/1/reject", token=own, body=NOTES)

    assert of_it_all.code == of_an_item.code == "FORBIDDEN"
