"""Mails: who is told of what, in which words (SPEC.md 8)."""

import html
import re
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.events import EventType
from chalicelib.domain.model import Value
from chalicelib.domain.requests import BudgetRequest

_BREAK = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")


class MailStatus(StrEnum):
    """How far a mail got."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Mail(Value):
    """One mail to one address."""

    to: str
    subject: str
    text: str
    html: str


class MailRefusedError(Exception):
    """A mail was refused for good: trying again would change nothing."""


class Notification(Value):
    """The record of a mail about a request."""

    id: str
    budget_request_id: int
    notification_type: str
    recipient_email: str
    subject: str
    message: str
    delivery_status: MailStatus
    delivery_error: str | None = None
    created_at: datetime
    sent_at: datetime | None = None


def mails_for(
    event_type: str,
    request: BudgetRequest,
    *,
    admins: tuple[str, ...],
    frontend_url: str,
) -> tuple[tuple[str, Mail], ...]:
    """Return (notification type, mail) for each person an event concerns.

    Submitted goes to the department's `admins`, the others to the requester; no mail for a
    requester whose address is not known.
    """
    link = f"{frontend_url}/budget-requests/{request.id}"
    requester = (request.requested_by_email,) if request.requested_by_email else ()
    match event_type:
        case EventType.SUBMITTED:
            kind, recipients = "REQUEST_SUBMITTED", admins
            subject = f"New Budget Request: {request.request_code}"
            opening = "A new budget request is waiting for your review."
            facts = {
                "Department": request.department,
                "Amount": f"{request.amount_requested:,.2f}",
                "Requested by": request.requested_by_name,
                "Purpose": request.purpose,
            }
        case EventType.APPROVED:
            kind, recipients = "REQUEST_APPROVED", requester
            subject = f"Budget Request Approved: {request.request_code}"
            opening = "Your budget request has been approved."
            facts = {
                "Reserved": f"{request.reserved_amount or 0:,.2f}",
                "Approved by": request.reviewed_by_name or "",
                "Notes": request.review_notes or "",
            }
        case EventType.REJECTED:
            kind, recipients = "REQUEST_REJECTED", requester
            subject = f"Budget Request Rejected: {request.request_code}"
            opening = "Your budget request has been rejected."
            facts = {
                "Rejected by": request.reviewed_by_name or "",
                "Reason": request.review_notes or "",
            }
        case EventType.OVERDUE:
            kind, recipients = "REQUEST_OVERDUE", requester
            subject = f"Budget Request Overdue: {request.request_code}"
            opening = "Nobody has decided on your budget request in time; it still waits."
            facts = {"Priority": request.priority, "Was due": _moment(request.sla_deadline)}
        case EventType.RESERVATION_EXPIRING:
            kind, recipients = "RESERVATION_EXPIRING", requester
            subject = f"Budget Reservation Expiring: {request.request_code}"
            opening = "What your budget request holds will soon be free for others."
            facts = {
                "Reserved": f"{request.reserved_amount or 0:,.2f}",
                "Expires": _moment(request.reservation_expiry),
            }
        case _:
            return ()
    facts = {"Request code": request.request_code} | {k: v for k, v in facts.items() if v}
    return tuple((kind, _mail(to, subject, opening, facts, link)) for to in recipients)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _mail(to: str, subject: str, opening: str, facts: dict[str, str], link: str) -> Mail:
    # What people wrote goes on indented, so that no line of theirs passes for one of ours.
    told = {name: _BREAK.sub("\n    ", value.strip()) for name, value in facts.items()}
    lines = [opening, "", *(f"{name}: {value}" for name, value in told.items()), "", link]
    rows = "".join(
        f"<tr><th align=left>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    safe_link = html.escape(link, quote=True)
    return Mail(
        to=to,
        subject=subject,
        text="\n".join(lines),
        html=(
            f"<p>{html.escape(opening)}</p><table>{rows}</table>"
            f'<p><a href="{safe_link}">{safe_link}</a></p>'
        ),
    )
