"""`funds` and bulk approval see what an approval sees."""

import pytest

from tests.http_api import Api
from tests.partner import Partner
from tests.partner import Reply as Said

ADMIN = "Finance Admin"


@pytest.fixture
def unknown(api: Api, finance: Partner) -> int:
    """A waiting request whose budget is unknown here, but not to Finance any more."""
    said, finance.usual = finance.usual, Said(503)
    request_id = api.waiting()
    finance.usual = said
    return request_id


def test_funds_ask_finance_for_a_budget_that_is_unknown_as_an_approval_does(
    api: Api, unknown: int
) -> None:
    funds = api.get(f"/budget-requests/{unknown}/funds", ADMIN).data

    assert (funds["budgetKnown"], funds["availableAfter"]) == (True, 330_000)


def test_funds_tell_of_a_budget_that_finance_does_not_tell_of(api: Api, finance: Partner) -> None:
    finance.usual = Said(503)

    funds = api.get(f"/budget-requests/{api.waiting()}/funds", ADMIN).data

    assert (funds["budgetKnown"], funds["sufficient"]) == (False, False)


def test_a_bulk_asks_finance_for_a_budget_that_is_unknown(api: Api, unknown: int) -> None:
    reply = api.post("/budget-requests/bulk-approve", ADMIN, {"ids": [unknown]})

    assert [each["status"] for each in reply.json["data"]] == ["APPROVED"]


def test_a_bulk_is_refused_where_finance_knows_no_budget_either(api: Api, finance: Partner) -> None:
    finance.usual = Said(503)

    reply = api.post("/budget-requests/bulk-approve", ADMIN, {"ids": [api.waiting()]})

    assert (reply.status, reply.code) == (409, "BUDGET_UNKNOWN")


def test_funds_may_be_looked_at_before_a_draft_is_submitted(api: Api) -> None:
    assert api.get(f"/budget-requests/{api.draft()}/funds", ADMIN).data["sufficient"]


@pytest.mark.parametrize(
    ("verb", "body", "standing"),
    [
        ("approve", {}, "approved"),
        ("reject", {"reviewNotes": "Not now"}, "rejected"),
        ("cancel", {}, "cancelled"),
    ],
)
def test_funds_of_what_was_decided_are_refused_with_its_state(
    api: Api, verb: str, body: object, standing: str
) -> None:
    request_id = api.waiting()
    assert api.post(f"/budget-requests/{request_id}/{verb}", ADMIN, body).status == 200

    refused = api.get(f"/budget-requests/{request_id}/funds", ADMIN)

    assert (refused.status, refused.code) == (400, "INVALID_STATUS")
    assert refused.json["message"].endswith(f"this one is {standing}")
