"""The story the demonstration tells: one request approved, one rejected, some refusals."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from infra import tokens
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.local_configuration import DEFAULT_DEPARTMENT_ADMINS

CLERK_MAIL = "finance.clerk@example.com"
AMOUNT = Decimal("52500.00")
HELD = Decimal("55125.00")  # with a buffer of 5 %


class UnexpectedAnswerError(OperatorError):
    """The service answered a call of the story differently than it must."""


@dataclass(frozen=True)
class Told:
    """What happened, so that one knows what has to arrive."""

    subscription: str
    webhook_secret: str
    approved: str
    rejected: str
    admin_mails: tuple[str, ...]
    asks_standin: frozenset[str]
    """The partners that stand-ins play; what others received is not ours to see."""

    @property
    def records(self) -> tuple[str, ...]:
        """The codes of what the story is about."""
        return self.subscription, self.approved, self.rejected


@dataclass(frozen=True)
class Person:
    """Somebody who calls the API."""

    title: str
    token: str | None


class Teller:
    """Makes the calls and prints each with its answer in one line."""

    def __init__(self, http: httpx.Client, console: Console) -> None:
        self._http = http
        self._console = console

    def call(
        self,
        person: Person,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        expect: int,
        show: str = "",
        code: str | None = None,
    ) -> dict[str, Any]:
        """Call, print, and insist on the status and the code of a refusal.

        `show` is a format of the answer's `data`; refusals show their code and message.
        """
        headers = {} if person.token is None else {"authorization": f"Bearer {person.token}"}
        answer = self._http.request(method, path, json=body, headers=headers)
        envelope = _envelope(answer)
        data = envelope.get("data") or {}
        if answer.status_code != expect or (code is not None and envelope.get("code") != code):
            said = f"{envelope.get('code', '')} {envelope.get('message', '')}".strip()
            wanted = f"{expect} {code or ''}".strip()
            raise UnexpectedAnswerError(
                f"{method} {path} answered {answer.status_code} {said}, not {wanted}."
            )
        refused = httpx.codes.is_client_error(expect)
        line = f"{envelope['code']}: {envelope['message']}" if refused else show.format(**data)
        colour = "yellow" if refused else "green"
        asked = f"{person.title:<10} {method:<4} {path.replace('/budget-requests/', '…/'):<21}"
        self._console.print(
            f"  {asked} [{colour}]{expect}[/{colour}] {escape(line)}",
            highlight=False,
            no_wrap=True,
            overflow="ellipsis",
        )
        return data


def tell(stack: RunningStack, console: Console, environment: Mapping[str, str]) -> Told:
    """Play the story through HTTP and return what has to come of it."""
    nobody = Person("nobody", None)
    forger = Person("forger", tokens.issue("f" * 32, role="SuperAdmin", sub="x", name="x"))
    superadmin = Person("superadmin", stack.token("SuperAdmin", sub="u-1", name="superadmin"))
    clerk = Person(
        "clerk",
        stack.token("Finance Clerk", sub="u-2", name="finance.clerk", email=CLERK_MAIL),
    )
    admin = Person("admin", stack.token("Finance Admin", sub="u-3", name="finance.admin"))

    with stack.http() as http:
        teller = Teller(http, console)
        webhook = teller.call(
            superadmin,
            "POST",
            "/webhooks",
            {"url": f"{stack.receiver.url}/hooks", "events": ["*"]},
            expect=201,
            show="subscribed to every event; secret shown once",
        )
        new = {
            "department": "finance",
            "amountRequested": float(AMOUNT),
            "purpose": "Accounting licences & training for the year's close",
            "priority": "high",
            "items": [
                {"itemName": "Licence", "quantity": 30, "unitCost": 1500.0, "totalCost": 45000.0},
                {"itemName": "Training", "quantity": 5, "unitCost": 1500.0, "totalCost": 7500.0},
            ],
        }
        teller.call(nobody, "POST", "/budget-requests", new, expect=401, code="MISSING_TOKEN")
        teller.call(forger, "POST", "/budget-requests", new, expect=401, code="INVALID_TOKEN")
        created = "{requestCode}: draft of {amountRequested:,.2f}"
        approved = teller.call(clerk, "POST", "/budget-requests", new, expect=201, show=created)
        path = f"/budget-requests/{approved['id']}"
        teller.call(clerk, "POST", f"{path}/submit", expect=200, show="{requestCode}: {status}")
        approval = {"bufferPercentage": 5, "reviewNotes": "Within the plan."}
        teller.call(clerk, "POST", f"{path}/approve", approval, expect=403, code="FORBIDDEN")
        teller.call(
            admin,
            "POST",
            f"{path}/approve",
            approval,
            expect=200,
            show="{requestCode}: {status}, {reservedAmount:,.2f} held",
        )
        teller.call(admin, "POST", f"{path}/approve", approval, expect=400, code="INVALID_STATUS")
        other = {
            "department": "finance",
            "amountRequested": 18000,
            "purpose": "A second coffee machine for the fourth floor",
            "priority": "low",
        }
        rejected = teller.call(clerk, "POST", "/budget-requests", other, expect=201, show=created)
        other_path = f"/budget-requests/{rejected['id']}"
        teller.call(
            clerk, "POST", f"{other_path}/submit", expect=200, show="{requestCode}: {status}"
        )
        teller.call(
            admin,
            "POST",
            f"{other_path}/reject",
            {"reviewNotes": "The first one has to do."},
            expect=200,
            show="{requestCode}: {status}",
        )
        seen = teller.call(
            clerk, "GET", path, expect=200, show="{requestCode}: {status} by {reviewedByName}"
        )
    if Decimal(str(seen["reservedAmount"])) != HELD:
        raise UnexpectedAnswerError(f"{seen['reservedAmount']} is held; it must be {HELD}.")
    return Told(
        subscription=webhook["id"],
        webhook_secret=webhook["secret"],
        approved=approved["requestCode"],
        rejected=rejected["requestCode"],
        admin_mails=_finance_admins(environment),
        asks_standin=_standins(environment),
    )


def _envelope(answer: httpx.Response) -> dict[str, Any]:
    try:
        envelope = answer.json()
    except ValueError:
        envelope = None
    return envelope if isinstance(envelope, dict) else {"message": answer.text[:200]}


def _finance_admins(environment: Mapping[str, str]) -> tuple[str, ...]:
    admins = json.loads(environment.get("DEPARTMENT_ADMINS") or DEFAULT_DEPARTMENT_ADMINS)
    return tuple(admins.get("finance", ()))


def _standins(environment: Mapping[str, str]) -> frozenset[str]:
    addresses = {"finance": "FINANCE_API_URL", "audit": "AUDIT_LOGS_API_URL"}
    return frozenset(name for name, variable in addresses.items() if not environment.get(variable))
