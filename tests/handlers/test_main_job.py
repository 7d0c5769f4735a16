"""The main job through the API: create, read, submit, approve or reject."""

from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.events import AUDIT_SOURCE
from chalicelib.handlers.relay import relay
from tests.conftest import Aws
from tests.http_api import Api
from tests.partner import Partner, Reply

CLERK, ADMIN, SUPERADMIN = "Finance Clerk", "Finance Admin", "SuperAdmin"


def path(request_id: int, verb: str = "") -> str:
    return f"/budget-requests/{request_id}" + (f"/{verb}" if verb else "")


def test_health_needs_no_token(api: Api) -> None:
    reply = api.get("/health")

    assert reply.status == 200
    assert reply.data == {"status": "ok", "stage": "test", "parts": []}


def test_a_draft_is_answered_as_it_was_asked(api: Api) -> None:
    body: dict[str, Any] = {
        "department": "finance",
        "amountRequested": 52500.5,
        "purpose": "R&D < 5 % of it, and <b>bold</b>",
        "justification": "Because",
        "category": "capital",
        "priority": "high",
        "linkedPurchaseRequestId": "pr-7",
        "linkedPurchaseRequestRefNo": "PR-2026-007",
        "items": [
            {
                "itemName": "Laptop",
                "quantity": 3,
                "unitCost": 0.1,
                "totalCost": 0.3,
                "supplierId": "s-1",
                "isEssential": True,
                "itemPriority": "must_have",
            }
        ],
    }

    reply = api.post("/budget-requests", CLERK, body)

    assert reply.status == 201
    assert reply.headers["ETag"] == '"1"'
    data = reply.data
    (item,) = data.pop("itemAllocations")
    assert item.items() >= (body["items"][0] | {"id": 1, "status": "PENDING"}).items()
    assert data["purpose"] == "R&D < 5 % of it, and bold"
    assert data.items() >= {k: v for k, v in body.items() if k not in {"items", "purpose"}}.items()
    assert (data["status"], data["isDraft"], data["version"]) == ("PENDING", True, 1)
    assert (data["requestedBy"], data["requestedByName"], data["requestedByRole"]) == (
        "u-finance-clerk",
        "Finance Clerk Name",
        "Finance Clerk",
    )
    assert (data["departmentBudgetRemaining"], data["budgetShortfall"]) == (380000, None)
    assert data["budgetUtilizationBeforeRequest"] == 24
    assert (data["requiresBudgetApproval"], data["budgetDataStale"]) == (False, False)


def test_requests_of_a_year_are_numbered(api: Api) -> None:
    replies = [
        api.post(
            "/budget-requests",
            CLERK,
            {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"},
        )
        for _ in range(2)
    ]

    assert [reply.data["requestCode"][-4:] for reply in replies] == ["-001", "-002"]


def test_the_main_job_ends_with_money_held(api: Api) -> None:
    request_id = api.draft(amountRequested=52500)
    submitted = api.post(path(request_id, "submit"), CLERK)
    assert (submitted.data["isDraft"], submitted.data["slaDeadline"] is not None) == (False, True)

    body = {"reviewNotes": "Go ahead", "bufferPercentage": 5}
    approved = api.post(path(request_id, "approve"), ADMIN, body)

    assert approved.status == 200
    assert (
        approved.data.items()
        >= {
            "status": "APPROVED",
            "reservedAmount": 55125,
            "bufferAmount": 2625,
            "bufferPercentage": 5,
            "isReserved": True,
            "isExpired": False,
            "reviewedBy": "u-finance-admin",
            "reviewedByName": "Finance Admin Name",
            "approvedBy": "u-finance-admin",
            "reviewNotes": "Go ahead",
            "version": 3,
        }.items()
    )
    assert approved.headers["ETag"] == '"3"'


def test_a_request_shows_its_history_newest_first(api: Api) -> None:
    request_id = api.waiting()
    api.post(path(request_id, "reject"), ADMIN, {"reviewNotes": "No money"})

    data = api.get(path(request_id), CLERK).data

    history = [(entry["action"], entry["toStatus"]) for entry in data["approvalHistory"]]
    assert history == [("REJECTED", "REJECTED"), ("SUBMITTED", "PENDING"), ("CREATED", "PENDING")]
    assert data["approvalHistory"][0]["comments"] == "No money"
    assert data["notifications"] == []
    assert (data["status"], data["rejectedBy"]) == ("REJECTED", "u-finance-admin")


def test_times_are_utc_with_a_z(api: Api) -> None:
    data = api.get(path(api.waiting()), CLERK).data

    for name in ("createdAt", "updatedAt", "slaDeadline"):
        assert data[name].endswith("Z")
    assert data["approvalHistory"][0]["changedAt"].endswith("Z")


def test_an_approval_needs_no_body(api: Api) -> None:
    reply = api.post(path(api.waiting(), "approve"), ADMIN)

    assert (reply.status, reply.data["reservedAmount"]) == (200, 50000)


def test_a_rejection_needs_its_reason(api: Api) -> None:
    request_id = api.waiting()

    reply = api.post(path(request_id, "reject"), ADMIN)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == ["reviewNotes"]
    assert api.get(path(request_id), CLERK).data["status"] == "PENDING"


@pytest.mark.parametrize(
    ("verb", "role", "body"),
    [
        ("submit", CLERK, None),
        ("approve", SUPERADMIN, {}),
        ("reject", SUPERADMIN, {"reviewNotes": "Too late"}),
    ],
)
def test_a_verb_out_of_turn_says_what_state_it_met(
    api: Api, verb: str, role: str, body: dict[str, Any] | None
) -> None:
    request_id = api.waiting()
    api.post(path(request_id, "approve"), ADMIN)

    reply = api.post(path(request_id, verb), role, body)

    assert (reply.status, reply.code) == (400, "INVALID_STATUS")
    assert "approved" in reply.json["message"]


@pytest.mark.parametrize(
    ("verb", "role"),
    [
        ("", "HR Admin"),
        ("submit", "HR Clerk"),
        ("submit", SUPERADMIN),
        ("approve", CLERK),
        ("approve", "HR Admin"),
        ("reject", "Administrative Clerk"),
    ],
)
def test_who_may_not_is_told_so(api: Api, verb: str, role: str) -> None:
    request_id = api.waiting()
    body = {"reviewNotes": "x"} if verb == "reject" else None

    reply = api.call("POST" if verb else "GET", path(request_id, verb), role=role, body=body)

    assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert api.get(path(request_id), CLERK).data["version"] == 2


def test_nobody_approves_their_own(api: Api) -> None:
    request_id = api.waiting(ADMIN)

    assert api.post(path(request_id, "approve"), ADMIN).code == "FORBIDDEN"
    assert api.post(path(request_id, "approve"), SUPERADMIN).status == 200


@pytest.mark.parametrize("department", ["hr", "operations"])
def test_nobody_creates_for_another_department(api: Api, department: str) -> None:
    body = {"department": department, "amountRequested": 1, "purpose": "New laptops for us"}

    assert api.post("/budget-requests", CLERK, body).code == "FORBIDDEN"


@pytest.mark.parametrize(
    "unknown", ["1", "0", "99999999999999999999", "abc", "-1", "1.5", "%20", "१२३", "20260000001x"]
)
def test_an_id_nobody_has_is_not_found(api: Api, unknown: str) -> None:
    reply = api.get(f"/budget-requests/{unknown}", CLERK)

    assert (reply.status, reply.code) == (404, "NOT_FOUND")


def test_too_little_money_is_said_with_the_figures(api: Api) -> None:
    request_id = api.waiting(amountRequested=380000)

    reply = api.post(path(request_id, "approve"), ADMIN, {"bufferPercentage": 1})

    assert (reply.status, reply.code) == (409, "INSUFFICIENT_BUDGET")
    assert "383800.00 needed, 380000.00 available" in reply.json["message"]
    assert api.post(path(request_id, "approve"), ADMIN).status == 200


def test_with_finance_down_people_still_ask_for_money(api: Api, finance: Partner) -> None:
    finance.usual = Reply(503)

    data = api.get(path(api.waiting()), CLERK).data

    assert (data["budgetDataStale"], data["departmentBudgetRemaining"]) == (True, None)


def test_an_approval_without_a_known_budget_is_refused_until_finance_answers(
    api: Api, finance: Partner
) -> None:
    answering, finance.usual = finance.usual, Reply(503)
    request_id = api.waiting()
    reply = api.post(path(request_id, "approve"), ADMIN)
    assert (reply.status, reply.code) == (409, "BUDGET_UNKNOWN")

    finance.usual = answering

    assert api.post(path(request_id, "approve"), ADMIN).status == 200


def test_a_view_leaves_an_entry_for_audit(api: Api, aws: Aws) -> None:
    request_id = api.draft()

    api.get(path(request_id), ADMIN)

    (message,) = aws.queued()
    assert message["detail"]["action"] == "VIEW"
    assert message["detail"]["recordId"] == str(request_id)
    assert message["detail"]["performedBy"] == "u-finance-admin"


def test_no_answer_tells_the_requesters_address(api: Api) -> None:
    request_id = api.draft()
    answers = [
        api.get(path(request_id), CLERK),
        api.post(path(request_id, "submit"), CLERK),
        api.post(path(request_id, "approve"), ADMIN),
    ]

    for answer in answers:
        assert "finance.clerk@example.com" not in str(answer.json)
        assert "requestedByEmail" not in answer.data


def test_a_webhook_is_subscribed_and_its_secret_shown_once(api: Api, aws: Aws) -> None:
    body = {
        "url": "http://127.0.0.1:9/hook",
        "events": ["budget_request.approved"],
        "departments": ["finance"],
        "description": "Orders",
    }

    reply = api.post("/webhooks", SUPERADMIN, body)

    assert reply.status == 201
    assert reply.data["secret"].startswith("whsec_")
    assert reply.data.items() >= (body | {"isActive": True}).items()
    assert len(aws.streamed("webhooks")["Records"]) == 1  # kept and told in one write
    relay(aws.streamed("webhooks"), None)
    (message,) = aws.on_the_bus()
    assert message["source"] == AUDIT_SOURCE
    assert message["detail"]["action"] == "WEBHOOK_CREATE"
    assert message["detail"]["recordId"] == reply.data["id"]
    assert reply.data["secret"] not in str(message)


def test_a_webhook_to_the_inside_is_refused(api: Api, aws: Aws) -> None:
    body = {"url": "https://169.254.169.254/latest/", "events": ["*"]}

    reply = api.post("/webhooks", SUPERADMIN, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert list(reply.errors) == ["url"]
    assert aws.rows("webhooks") == []


INSIDE = "https://169.254.169.254/latest/"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"url": INSIDE, "events": ["nonsense"]}, {"url", "events.0"}),
        ({"url": INSIDE, "events": ["*", "nonsense"], "secret": 1}, {"url", "events.1", "secret"}),
        ({"url": INSIDE}, {"url", "events"}),
        ({"url": "https://127.0.0.1:9/", "events": ["nonsense"]}, {"events.0"}),
        ({"url": "nowhere", "events": ["nonsense"]}, {"url", "events.0"}),
        ({"url": None, "events": ["nonsense"]}, {"url", "events.0"}),
        ({"events": []}, {"url", "events"}),
        (["https://169.254.169.254/latest/"], {"body"}),
    ],
)
def test_all_that_is_wrong_with_a_webhook_is_told_at_once(
    api: Api, aws: Aws, body: object, wrong: set[str]
) -> None:
    reply = api.post("/webhooks", SUPERADMIN, body)

    assert (reply.status, reply.code) == (400, "VALIDATION_ERROR")
    assert len(reply.json["errors"]) == len(wrong)
    assert reply.errors.keys() == wrong
    assert aws.rows("webhooks") == []


def test_who_may_not_subscribe_does_not_learn_what_an_address_leads_to(api: Api) -> None:
    reply = api.post("/webhooks", CLERK, {"url": INSIDE, "events": ["nonsense"]})

    assert list(reply.errors) == ["events.0"]


@pytest.mark.parametrize("role", [CLERK, ADMIN])
def test_only_a_superadmin_subscribes(api: Api, role: str) -> None:
    reply = api.post("/webhooks", role, {"url": "https://93.184.215.14/", "events": ["*"]})

    assert (reply.status, reply.code) == (403, "FORBIDDEN")


def test_a_view_goes_on_while_the_queue_to_audit_is_down(
    api: Api, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_QUEUE_URL", f"{aws.queue_url}-that-is-gone")
    bootstrap.settings.cache_clear()
    request_id = api.draft()

    assert api.get(f"/budget-requests/{request_id}", "Finance Clerk").status == 200

    relay(aws.streamed("webhooks"), None)
    (entry,) = (message["detail"] for message in aws.on_the_bus())
    assert (entry["action"], entry["recordId"]) == ("VIEW", str(request_id))
