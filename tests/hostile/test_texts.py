"""Texts that attack what shows or stores them: kept as text, or refused."""

import json

import pytest

from tests.http_api import Api

ATTACKS = [
    "<script>alert(document.cookie)</script> new laptops",
    "<<b>script>alert(1)<</b>/script> new laptops",
    "<img src=x onerror=alert(1)> new laptops",
    "<svg/onload=alert(1)> new laptops",
    "<iframe src=javascript:alert(1)></iframe> new laptops",
    "new laptops <!--#exec cmd='ls'-->",
    "new laptops <xmp><script>alert(1)</script></xmp>",
]
HARMLESS = [
    "Robert'); DROP TABLE budget_requests;--",
    "new laptops ${jndi:ldap://x/a} {{7*7}} #{7*7}",
    '=HYPERLINK("https://x","y") new laptops',
    "../../../../etc/passwd and new laptops",
    "new laptops \\u0000 \\x00 %00 %0d%0aSet-Cookie: a=b",
    'new laptops {"$gt": ""} and [object Object]',
    "مرحبا new laptops \u202e txt.exe \u200b zero width",
    "new laptops &lt;script&gt;alert(1)&lt;/script&gt;",
]


@pytest.mark.parametrize("typed", ATTACKS)
def test_no_tag_comes_back_from_any_text(api: Api, typed: str) -> None:
    item = {
        "itemName": f"{typed} 1",
        "supplierName": f"{typed} 2",
        "quantity": 1,
        "unitCost": 1,
        "totalCost": 1,
    }
    request_id = api.draft(purpose=typed, justification=typed, items=[item])
    api.post(f"/budget-requests/{request_id}/submit", "Finance Clerk")
    rejected = api.post(
        f"/budget-requests/{request_id}/reject", "Finance Admin", {"reviewNotes": typed}
    )
    shown = api.get(f"/budget-requests/{request_id}", "Finance Clerk")

    assert rejected.status == 200
    assert "laptops" in shown.data["purpose"]
    assert "<" not in json.dumps(shown.json)


@pytest.mark.parametrize("typed", HARMLESS)
def test_text_that_only_looks_dangerous_comes_back_as_typed(api: Api, typed: str) -> None:
    request_id = api.draft(purpose=typed)

    shown = api.get(f"/budget-requests/{request_id}", "Finance Clerk").data

    assert shown["purpose"] == typed
