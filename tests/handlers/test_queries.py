"""Query strings that cannot be taken: all that is wrong at once, each by its parameter."""

import pytest

from tests.http_api import Api

BACKWARDS = "dateFrom=2026-02-01&dateTo=2026-01-01"
NOT_AFTER = {"dateFrom": "must not be after dateTo"}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        (BACKWARDS, {"dateFrom"}),
        ("cursor=abc&page=1", {"cursor"}),
        ("=1", {'""'}),
        ("=1&=2&limit=0", {'""', "limit"}),
        (f"=1&{BACKWARDS}", {'""', "dateFrom"}),
        (f"{BACKWARDS}&cursor=abc&page=1", {"dateFrom", "cursor"}),
        (f"limit=0&{BACKWARDS}", {"limit", "dateFrom"}),
        ("limit=1&limit=2&status=x", {"limit", "status"}),
        (f"limit=1&limit=2&bogus=1&{BACKWARDS}&page=x", {"limit", "bogus", "dateFrom", "page"}),
        ("dateFrom=2026-02-01&dateFrom=2026-02-02&dateTo=2026-01-01", {"dateFrom"}),
    ],
)
def test_all_that_is_wrong_with_a_query_is_told_at_once(
    api: Api, query: str, wrong: set[str]
) -> None:
    refused = api.get(f"/budget-requests?{query}", "Finance Clerk")

    assert (refused.status, refused.code) == (400, "VALIDATION_ERROR")
    assert refused.errors.keys() == wrong
    assert len(refused.json["errors"]) == len(wrong)


def test_a_rule_about_two_parameters_names_the_one_to_change(api: Api) -> None:
    refused = api.get(f"/budget-requests?{BACKWARDS}", "Finance Clerk")

    assert refused.errors == NOT_AFTER


def test_a_required_parameter_that_comes_twice_is_not_missing(api: Api) -> None:
    refused = api.get("/item-allocations?supplierId=a&supplierId=b&limit=0", "Finance Admin")

    assert refused.errors.keys() == {"supplierId", "limit"}
    assert refused.errors["supplierId"] == "must be given once"
