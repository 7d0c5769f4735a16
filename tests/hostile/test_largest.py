"""The largest request anyone can write goes the whole way."""

from tests.http_api import Api

WIDE = "😀"  # four bytes a character, the most there are


def test_the_largest_request_is_stored_and_approved(api: Api) -> None:
    item = {
        "itemName": WIDE * 200,
        "supplierId": WIDE * 100,
        "supplierName": WIDE * 200,
        "itemPriority": "nice_to_have",
        "isEssential": False,
        "quantity": 1234567.89,
        "unitCost": 1,
        "totalCost": 1234567.89,
    }
    request_id = api.waiting(
        purpose=WIDE * 500,
        justification=WIDE * 5000,
        linkedPurchaseRequestId=WIDE * 100,
        linkedPurchaseRequestRefNo=WIDE * 100,
        items=[item] * 50,
    )

    approved = api.post(
        f"/budget-requests/{request_id}/approve", "Finance Admin", {"reviewNotes": WIDE * 2000}
    )

    assert (approved.status, approved.data["status"]) == (200, "APPROVED")
    assert approved.data["justification"] == WIDE * 5000
