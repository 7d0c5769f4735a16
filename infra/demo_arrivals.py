"""What the demonstration's partners received, what is missing, and both for people to read."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from standardwebhooks import Webhook, WebhookVerificationError

from infra.demo_story import CLERK_MAIL, HELD, Told
from infra.local import RunningStack
from infra.mailbox import Mail
from infra.standins import Received

_INDENT = 2
_WIDEST_TEXT = 38
_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


@dataclass(frozen=True)
class Delivery:
    """One webhook delivery and what its signatures are worth."""

    event: str
    request_code: str
    standard: bool
    plain: bool

    @property
    def verified(self) -> bool:
        """Whether both signatures are right."""
        return self.standard and self.plain


@dataclass
class Arrivals:
    """Everything received so far, and what is still missing."""

    finance: list[Received] | None
    """None: Finance is not played by a stand-in."""
    audit: list[dict[str, Any]] | None
    deliveries: list[Delivery]
    mails: list[Mail]
    missing: list[str] = field(default_factory=list)


def look(stack: RunningStack, told: Told) -> Arrivals:
    """Collect what everyone has now."""
    arrivals = Arrivals(
        finance=stack.finance.received() if "finance" in told.asks_standin else None,
        audit=(
            [call.json_body() for call in stack.audit.received() if call.accepted]
            if "audit" in told.asks_standin
            else None
        ),
        deliveries=[_delivery(call, told.webhook_secret) for call in stack.receiver.received()],
        mails=stack.mails(),
    )
    arrivals.missing = [
        *_missing_at_finance(arrivals.finance, told),
        *_missing_in_audit(arrivals.audit, told),
        *_missing_webhooks(arrivals.deliveries, told),
        *_missing_mails(arrivals.mails, told),
    ]
    return arrivals


def _delivery(call: Received, secret: str) -> Delivery:
    try:
        Webhook(secret).verify(call.body.decode(), call.headers)
        standard = True
    except WebhookVerificationError:
        standard = False
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    expected = hmac.new(key, call.body, hashlib.sha256).hexdigest()
    body = call.json_body()
    return Delivery(
        event=body["event"],
        request_code=body["data"]["requestCode"],
        standard=standard,
        plain=hmac.compare_digest(expected, call.headers.get("x-webhook-signature", "")),
    )


def _missing_at_finance(received: list[Received] | None, told: Told) -> list[str]:
    if received is None:
        return []
    reserved = [
        call
        for call in received
        if call.path == "/api/budgets/reserve"
        and call.accepted
        and call.headers.get("idempotency-key")
        and call.json_body()["budgetRequestCode"] == told.approved
        and Decimal(str(call.json_body()["amount"])) == HELD
    ]
    return [] if reserved else [f"Finance: the reservation of {HELD:,} for {told.approved}"]


def _missing_in_audit(entries: list[dict[str, Any]] | None, told: Told) -> list[str]:
    if entries is None:
        return []
    expected = Counter(
        [
            *[(action, told.approved) for action in ("CREATE", "SUBMIT", "APPROVE", "VIEW")],
            *[(action, told.rejected) for action in ("CREATE", "SUBMIT", "REJECT")],
        ]
    )
    missing = expected - Counter((entry["action"], entry["recordCode"]) for entry in entries)
    lines = [f"Audit: {action} of {code}" for action, code in missing]
    if not any(entry["action"] == "WEBHOOK_CREATE" for entry in entries):
        lines.append("Audit: WEBHOOK_CREATE")
    return lines


def _missing_webhooks(deliveries: list[Delivery], told: Told) -> list[str]:
    expected = Counter(
        [
            *[(verb, told.approved) for verb in ("created", "submitted", "approved")],
            *[(verb, told.rejected) for verb in ("created", "submitted", "rejected")],
        ]
    )
    verified = Counter(
        (delivery.event.removeprefix("budget_request."), delivery.request_code)
        for delivery in deliveries
        if delivery.verified
    )
    forged = [delivery for delivery in deliveries if not delivery.verified]
    return [
        *[f"Webhook: {verb} of {code}" for verb, code in expected - verified],
        *[f"Webhook: a right signature on {delivery.event}" for delivery in forged],
    ]


def _missing_mails(mails: list[Mail], told: Told) -> list[str]:
    recipients = [*told.admin_mails, CLERK_MAIL]
    expected = {(to, code) for to in recipients for code in (told.approved, told.rejected)}
    sent = {
        (to, code)
        for mail in mails
        for to in mail.to
        for code in (told.approved, told.rejected)
        if code in mail.subject
    }
    return [f"Mail: to {to} about {code}" for to, code in sorted(expected - sent)]


def show(arrivals: Arrivals, console: Console) -> None:
    """Print what everyone received."""
    for title, table in (
        ("Finance Main received", _finance_table(arrivals.finance)),
        ("Audit Logs received", _audit_table(arrivals.audit)),
        ("The webhook receiver received", _webhook_table(arrivals.deliveries)),
        ("The mailbox received", _mail_table(arrivals.mails)),
    ):
        console.print(f"\n[bold]{title}[/bold]")
        shown = table or "not played by a stand-in: look there"
        console.print(Padding(shown, (0, 0, 0, _INDENT)))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    return table


def _finance_table(received: list[Received] | None) -> Table | None:
    if received is None:
        return None
    table = _table("call", "amount", "for", "Idempotency-Key", "answered")
    for call in received:
        body = call.json_body() if call.body else {}
        amount = f"{Decimal(str(body['amount'])):,.2f}" if "amount" in body else ""
        table.add_row(
            f"{call.method} {call.path}",
            amount,
            body.get("budgetRequestCode", ""),
            call.headers.get("idempotency-key", ""),
            str(call.answered),
        )
    return table


def _audit_table(entries: list[dict[str, Any]] | None) -> Table | None:
    if entries is None:
        return None
    table = _table("action", "record", "by", "role", "changed")
    for entry in entries:
        changed = json.loads(entry.get("changedFields") or "[]")
        table.add_row(
            entry["action"],
            _shortened(entry["recordCode"], len("BR-2026-001")),
            entry["performedByName"],
            entry["performedByRole"],
            _shortened(", ".join(changed), _WIDEST_TEXT),
        )
    return table


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _webhook_table(deliveries: list[Delivery]) -> Table:
    table = _table("event", "record", "Standard Webhooks", "X-Webhook-Signature")
    marks = {True: "[green]verified[/green]", False: "[red]WRONG[/red]"}
    for delivery in deliveries:
        table.add_row(
            f"{delivery.event}",
            delivery.request_code,
            marks[delivery.standard],
            marks[delivery.plain],
        )
    return table


def _mail_table(mails: list[Mail]) -> Table:
    table = _table("to", "subject")
    for mail in mails:
        table.add_row(f"{', '.join(mail.to)}", mail.subject)
    return table
