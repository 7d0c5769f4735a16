"""Mails: who gets which, and in which words."""

import html

import pytest

from chalicelib.domain.events import EventType
from chalicelib.domain.notifications import Mail, mails_for
from chalicelib.domain.requests import BudgetRequest
from tests.factories import CLERK, actor, approved, draft, rejected, waiting

ADMINS = ("ada@example.com", "bob@example.com")


def mails(event: str, request: BudgetRequest) -> list[tuple[str, Mail]]:
    return list(mails_for(event, request, admins=ADMINS, frontend_url="https://app.example.com"))


def test_a_submit_is_told_to_every_admin_of_the_department() -> None:
    told = mails(EventType.SUBMITTED, waiting())

    assert [(kind, mail.to) for kind, mail in told] == [
        ("REQUEST_SUBMITTED", "ada@example.com"),
        ("REQUEST_SUBMITTED", "bob@example.com"),
    ]
    mail = told[0][1]
    assert mail.subject == "New Budget Request: BR-2026-001"
    for fact in ("finance", "50,000.00", CLERK.name, "New laptops for the audit team"):
        assert fact in mail.text
        assert fact in mail.html
    assert mail.text.endswith("https://app.example.com/budget-requests/20260000001")


def test_an_approval_is_told_to_the_requester_with_the_money_held() -> None:
    ((kind, mail),) = mails(EventType.APPROVED, approved(notes="Go ahead").after)

    assert (kind, mail.to) == ("REQUEST_APPROVED", CLERK.email)
    assert mail.subject == "Budget Request Approved: BR-2026-001"
    assert "Reserved: 52,500.00" in mail.text
    assert "Approved by: Finance Admin Name" in mail.text
    assert "Notes: Go ahead" in mail.text


def test_a_rejection_is_told_to_the_requester_with_the_reason() -> None:
    ((kind, mail),) = mails(EventType.REJECTED, rejected("No money left").after)

    assert (kind, mail.to) == ("REQUEST_REJECTED", CLERK.email)
    assert "Reason: No money left" in mail.text


def test_a_missed_deadline_is_told_to_the_requester() -> None:
    ((kind, mail),) = mails(EventType.OVERDUE, waiting(priority="urgent"))

    assert (kind, mail.to) == ("REQUEST_OVERDUE", CLERK.email)
    assert mail.subject == "Budget Request Overdue: BR-2026-001"
    assert "Priority: urgent" in mail.text
    assert "Was due: 2026-03-11 12:00 UTC" in mail.text


def test_an_expiry_to_come_is_told_to_the_requester() -> None:
    ((kind, mail),) = mails(EventType.RESERVATION_EXPIRING, approved().after)

    assert (kind, mail.to) == ("RESERVATION_EXPIRING", CLERK.email)
    assert mail.subject == "Budget Reservation Expiring: BR-2026-001"
    assert "Reserved: 52,500.00" in mail.text
    assert "Expires: 2026-06-08 12:01 UTC" in mail.text


def test_what_nobody_said_is_no_line_of_the_mail() -> None:
    ((_, mail),) = mails(EventType.APPROVED, approved(notes=None).after)

    assert "Notes" not in mail.text
    assert "Notes" not in mail.html


@pytest.mark.parametrize("event", [EventType.CREATED, "budget_request.unheard_of"])
def test_other_events_are_told_to_nobody(event: str) -> None:
    assert mails(event, draft()) == []


def test_a_requester_without_an_address_gets_no_mail() -> None:
    nameless = approved(by=actor("Finance Clerk", email=None)).after

    assert mails(EventType.APPROVED, nameless) == []


def test_a_department_without_admins_gets_no_mail() -> None:
    assert mails_for(EventType.SUBMITTED, waiting(), admins=(), frontend_url="https://x") == ()


def test_what_people_wrote_is_text_in_the_html_too() -> None:
    hostile = "5 < 6 & \"quoted\" 'text'"
    ((_, mail),) = mails(EventType.REJECTED, rejected(hostile).after)

    assert hostile in mail.text
    assert "5 &lt; 6 &amp; &quot;quoted&quot; &#x27;text&#x27;" in mail.html
    assert hostile not in mail.html


def test_a_name_from_a_token_cannot_write_html() -> None:
    by = actor("Finance Clerk", name="<img src=x onerror=alert(1)>")
    told = mails(EventType.SUBMITTED, waiting(by=by))

    assert "<img" not in told[0][1].html
    assert "&lt;img src=x onerror=alert(1)&gt;" in told[0][1].html


HOSTILE = [
    "Laptops\r\nBcc: eve@example.com",
    "Laptops\n\nhttps://evil.example.com: your account is locked",
    "Laptops\u2028Reserved: 1,000,000.00",
    "\u202eLaptops 你好 😀 Zażółć",
    "x" * 500,
    "</td></tr></table><script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_reaches_no_header_and_passes_for_no_line_of_ours(text: str) -> None:
    by = actor("Finance Clerk", name=text)
    written = waiting(by=by).model_copy(update={"purpose": text})

    for _, mail in mails(EventType.SUBMITTED, written):
        assert mail.subject == "New Budget Request: BR-2026-001"
        assert mail.to in ADMINS
        begins = [line.split(":")[0] for line in mail.text.splitlines() if line[:1].strip()]
        assert begins == [
            "A new budget request is waiting for your review.",
            "Request code",
            "Department",
            "Amount",
            "Requested by",
            "Purpose",
            "https",
        ]
        assert mail.text.endswith("https://app.example.com/budget-requests/20260000001")
        assert "<script>" not in mail.html
        for word in text.split():
            assert word in mail.text
            assert html.escape(word) in mail.html
