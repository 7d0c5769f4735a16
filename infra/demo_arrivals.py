"""What the demonstration's partners received, what is missing or wrong, and a way to read it."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from standardwebhooks import Webhook, WebhookVerificationError

from infra.demo_story import CLERK_MAIL, HELD, Told
from infra.mailbox import Mail
from infra.standin_client import StandInClient
from infra.standins import Received

_INDENT = 2
_WIDEST_TEXT = 38
_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


class Partners(Protocol):
    """Everyone who hears of what the story tells; a running stack has them."""

    @property
    def finance(self) -> StandInClient:
        """The stand-in for Finance Main."""

    @property
    def audit(self) -> StandInClient:
        """The stand-in for Audit Logs."""

    @property
    def receiver(self) -> StandInClient:
        """The stand-in that receives webhooks."""

    def mails(self) -> list[Mail]:
        """Return the mails the service sent."""


@dataclass(frozen=True)
class Delivery:
    """One webhook delivery and what its signatures are worth."""

    id: str
    event: str
    request_code: str
    standard: bool
    plain: bool

    @property
    def verified(self) -> bool:
        """Whether both signatures are right."""
        return self.standard and self.plain

    def concerns(self, told: Told) -> bool:
        """Whether it is about a record of the story."""
        return self.request_code in told.records


@dataclass
class Arrivals:
    """Everything received so far, what is still missing, and what should not have come."""

    finance: list[Received] | None
    """None: Finance is not played by a stand-in."""
    audit: list[Received] | None
    deliveries: list[Delivery]
    mails: list[Mail]
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What no waiting mends: told again under another id, never to be told, or wrongly signed."""


def look(partners: Partners, told: Told) -> Arrivals:
    """Collect what everyone has now."""
    standin = told.asks_standin
    arrivals = Arrivals(
        finance=partners.finance.received() if "finance" in standin else None,
        audit=_accepted(partners.audit) if "audit" in standin else None,
        deliveries=[_delivery(call, told.webhook_secret) for call in _accepted(partners.receiver)],
        mails=partners.mails(),
    )
    if arrivals.finance is not None:
        moves = [call for call in arrivals.finance if call.method == "POST" and call.accepted]
        _compare("Finance", map(_move, moves), _moves(told), arrivals)
    if arrivals.audit is not None:
        # Audit hears of more than the story's records, e.g. of figures that Finance was asked for.
        entries = [
            call for call in arrivals.audit if call.json_body()["recordCode"] in told.records
        ]
        _compare("Audit", map(_entry, entries), _entries(told), arrivals)
    events = [each for each in arrivals.deliveries if each.concerns(told) or not each.verified]
    _compare("Webhook", map(_event, events), _events(told), arrivals)
    _compare("Mail", _letters(arrivals.mails), _subjects(told), arrivals)
    return arrivals


def _compare(
    partner: str, heard: Iterable[tuple[str, str]], expected: Iterable[str], arrivals: Arrivals
) -> None:
    """Note what a partner misses, and what it heard beyond what is `expected` of it, once each.

    `heard` is what was told, with the id under which it was told: delivery is at least once, so
    that a repeat under its id is nothing new, and the same under another id is told twice.
    """
    told, due = Counter(what for what, _ in set(heard)), Counter(expected)
    arrivals.missing += [f"{partner}: {what}" for what in due - told]
    arrivals.wrong += [
        f"{partner}: {what} ({told[what]} times)" if what in due else f"{partner}: {what}"
        for what in told - due
    ]


def _accepted(standin: StandInClient) -> list[Received]:
    return [call for call in standin.received() if call.accepted]


def _move(call: Received) -> tuple[str, str]:
    body, key = call.json_body(), call.headers.get("idempotency-key", "")
    verb = call.path.removeprefix("/api/budgets/")
    what = f"{verb} {Decimal(str(body['amount'])):,.2f} for {body['budgetRequestCode']}"
    return (what, key) if key else (f"{what} without an Idempotency-Key", key)


def _moves(told: Told) -> list[str]:
    return [f"reserve {HELD:,} for {told.approved}"]


def _entry(call: Received) -> tuple[str, str]:
    body, key = call.json_body(), call.headers.get("idempotency-key", "")
    what = f"{body['action']} of {body['recordCode']}"
    return (what, key) if key else (f"{what} without an Idempotency-Key", key)


def _entries(told: Told) -> list[str]:
    return [
        f"WEBHOOK_CREATE of {told.subscription}",
        *[f"{action} of {told.approved}" for action in ("CREATE", "SUBMIT", "APPROVE", "VIEW")],
        *[f"{action} of {told.rejected}" for action in ("CREATE", "SUBMIT", "REJECT")],
    ]


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
        id=call.headers.get("webhook-id", ""),
        event=body["event"],
        request_code=body["data"].get("requestCode") or "",
        standard=standard,
        plain=hmac.compare_digest(expected, call.headers.get("x-webhook-signature", "")),
    )


def _event(delivery: Delivery) -> tuple[str, str]:
    what = f"{delivery.event.removeprefix('budget_request.')} of {delivery.request_code}"
    return (what if delivery.verified else f"{what} with a wrong signature", delivery.id)


def _events(told: Told) -> list[str]:
    return [
        *[f"{verb} of {told.approved}" for verb in ("created", "submitted", "approved")],
        *[f"{verb} of {told.rejected}" for verb in ("created", "submitted", "rejected")],
    ]


def _letters(mails: list[Mail]) -> Iterator[tuple[str, str]]:
    """Yield each mail as one of its own: only a worker that dies repeats one; none dies here."""
    for number, mail in enumerate(mails):
        for to in mail.to:
            yield f"to {to}: {mail.subject}", str(number)


def _subjects(told: Told) -> list[str]:
    codes = (told.approved, told.rejected)
    return [
        *[f"to {to}: New Budget Request: {code}" for to in told.admin_mails for code in codes],
        f"to {CLERK_MAIL}: Budget Request Approved: {told.approved}",
        f"to {CLERK_MAIL}: Budget Request Rejected: {told.rejected}",
    ]


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


def _audit_table(received: list[Received] | None) -> Table | None:
    if received is None:
        return None
    table = _table("action", "record", "by", "role", "changed")
    for entry in (call.json_body() for call in received):
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
