"""The demonstration fails when something does not arrive in time, or arrives as it must not."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from chalicelib.domain import signing
from infra import demo, local
from infra.demo_arrivals import Arrivals
from infra.demo_story import CLERK_MAIL, HELD, Told
from infra.mailbox import Mail
from infra.paths import ROOT, stack_folder
from infra.standin_client import ServicesClient, StandInClient
from infra.standins import Behaviour
from tests.infra.conftest import AUDIT_KEY, FINANCE_KEY

SECRET = signing.format_secret(b"s" * 32)
ADMIN_MAIL = "finance.admin@example.com"
TOLD = Told(
    subscription="wh_1",
    webhook_secret=SECRET,
    approved="BR-2026-001",
    rejected="BR-2026-002",
    admin_mails=(ADMIN_MAIL,),
    asks_standin=frozenset({"finance", "audit"}),
)


@dataclass
class News:
    """The partners of a demonstration, and the service that tells them: each on a real socket."""

    services: ServicesClient
    sent: list[Mail] = field(default_factory=list)

    @property
    def finance(self) -> StandInClient:
        return self.services.finance

    @property
    def audit(self) -> StandInClient:
        return self.services.audit

    @property
    def receiver(self) -> StandInClient:
        return self.services.receiver

    def mails(self) -> list[Mail]:
        return self.sent

    def reserve(self, key: str = "evt_1", verb: str = "reserve", amount: float = 0) -> None:
        body = {
            "department": "finance",
            "fiscalYear": 2026,
            "fiscalPeriod": "Q4",
            "amount": amount or float(HELD),
            "budgetRequestId": 1,
            "budgetRequestCode": TOLD.approved,
        }
        headers = {"x-api-key": FINANCE_KEY, **({"Idempotency-Key": key} if key else {})}
        httpx.post(f"{self.finance.url}/api/budgets/{verb}", json=body, headers=headers)

    def enter(self, action: str, code: str, key: str = "") -> None:
        headers = {"x-api-key": AUDIT_KEY, "Idempotency-Key": key or f"aud_{code}_{action}"}
        body = {"action": action, "recordCode": code}
        httpx.post(f"{self.audit.url}/api/audit-logs", json=body, headers=headers)

    def deliver(self, verb: str, code: str, key: str = "", secret: str = SECRET) -> None:
        event_id, at = key or f"evt_{code}_{verb}", datetime.now(UTC)
        event = {"event": f"budget_request.{verb}", "data": {"requestCode": code}}
        body = json.dumps(event)
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secret).sign(event_id, at, body),
            "X-Webhook-Signature": signing.hex_hmac(signing.secret_bytes(secret), body.encode()),
        }
        httpx.post(f"{self.receiver.url}/hooks", content=body, headers=headers)

    def mail(self, to: str, subject: str) -> None:
        letter = {"Source": "budget@example.com", "To": [to], "Subject": subject, "BodyText": ""}
        self.sent.append(Mail.model_validate(letter))

    def all(self) -> None:
        """Tell everyone what the story makes them hear."""
        self.reserve()
        self.enter("WEBHOOK_CREATE", TOLD.subscription)
        for code, decide, decided in (
            (TOLD.approved, "APPROVE", "approved"),
            (TOLD.rejected, "REJECT", "rejected"),
        ):
            for action in ("CREATE", "SUBMIT", decide):
                self.enter(action, code)
            for verb in ("created", "submitted", decided):
                self.deliver(verb, code)
            self.mail(ADMIN_MAIL, f"New Budget Request: {code}")
            self.mail(CLERK_MAIL, f"Budget Request {decided.capitalize()}: {code}")
        self.enter("VIEW", TOLD.approved)


@pytest.fixture
def news(services: ServicesClient) -> News:
    return News(services)


def wait(news: News, *, arrival_seconds: float = 0, settle_seconds: float = 0) -> Arrivals:
    return demo.wait(news, TOLD, arrival_seconds=arrival_seconds, settle_seconds=settle_seconds)


def test_nothing_is_wrong_when_everyone_heard_everything_once(news: News) -> None:
    news.all()

    arrivals = wait(news)

    assert (arrivals.missing, arrivals.wrong) == ([], [])
    assert demo.failures_of(arrivals, arrival_seconds=0) == ""


def test_all_that_did_not_arrive_within_the_deadline_is_named_in_one_line(news: News) -> None:
    arrivals = wait(news, arrival_seconds=0.1)

    failures = demo.failures_of(arrivals, arrival_seconds=0.1)
    assert failures.startswith("Not arrived within 0.1 s: Finance: reserve 55,125.00 for BR-2026-")
    for partner, number in (("Finance", 1), ("Audit", 8), ("Webhook", 6), ("Mail", 4)):
        assert failures.count(f"{partner}: ") == number
    assert "\n" not in failures


@pytest.mark.parametrize("name", ["finance", "audit", "receiver"])
def test_what_a_partner_refused_has_not_arrived(news: News, name: str) -> None:
    news.services.standin(name).behave(Behaviour(status=503))
    news.all()

    arrivals = wait(news)

    partner = {"receiver": "Webhook"}.get(name, name.capitalize())
    assert {line.split(":")[0] for line in arrivals.missing} == {partner}
    assert arrivals.wrong == []


def test_what_comes_within_the_deadline_has_arrived(news: News) -> None:
    later = threading.Timer(0.3, news.all)
    later.start()

    arrivals = wait(news, arrival_seconds=30)

    later.join()
    assert (arrivals.missing, arrivals.wrong) == ([], [])


def test_a_repeat_under_the_same_id_is_no_failure(news: News) -> None:
    news.all()
    news.reserve()
    news.enter("APPROVE", TOLD.approved)
    news.deliver("approved", TOLD.approved)

    assert wait(news).wrong == []


def test_what_is_no_part_of_the_story_may_be_told_as_well(news: News) -> None:
    news.all()
    news.enter("SYNC", "finance 2026 Q4")
    news.deliver("created", "BR-2026-003")

    assert wait(news).wrong == []


@pytest.mark.parametrize(
    ("tell", "wrong"),
    [
        (
            lambda news: news.reserve("evt_2"),
            "Finance: reserve 55,125.00 for BR-2026-001 (2 times)",
        ),
        (lambda news: news.reserve("evt_2", amount=1), "Finance: reserve 1.00 for BR-2026-001"),
        (
            lambda news: news.reserve("evt_2", "release"),
            "Finance: release 55,125.00 for BR-2026-001",
        ),
        (
            lambda news: news.reserve(""),
            "Finance: reserve 55,125.00 for BR-2026-001 without an Idempotency-Key",
        ),
        (
            lambda news: news.enter("APPROVE", TOLD.approved, "aud_2"),
            "Audit: APPROVE of BR-2026-001 (2 times)",
        ),
        (lambda news: news.enter("CANCEL", TOLD.rejected), "Audit: CANCEL of BR-2026-002"),
        (
            lambda news: news.deliver("approved", TOLD.approved, "evt_2"),
            "Webhook: approved of BR-2026-001 (2 times)",
        ),
        (
            lambda news: news.deliver("rejected", TOLD.approved, secret="whsec_b3RoZXI="),
            "Webhook: rejected of BR-2026-001 with a wrong signature",
        ),
        (
            lambda news: news.deliver("created", "BR-2026-003", secret="whsec_b3RoZXI="),
            "Webhook: created of BR-2026-003 with a wrong signature",
        ),
        (
            lambda news: news.mail(ADMIN_MAIL, "New Budget Request: BR-2026-001"),
            "Mail: to finance.admin@example.com: New Budget Request: BR-2026-001 (2 times)",
        ),
    ],
)
def test_what_is_told_twice_or_wrongly_is_a_failure(
    news: News, tell: Callable[[News], None], wrong: str
) -> None:
    news.all()
    tell(news)

    arrivals = wait(news)

    assert (arrivals.missing, arrivals.wrong) == ([], [wrong])
    assert demo.failures_of(arrivals, arrival_seconds=0).endswith(f"once and signed: {wrong}.")


def test_what_is_told_twice_soon_after_is_noticed_too(news: News) -> None:
    news.all()
    later = threading.Timer(0.3, lambda: news.reserve("evt_2"))
    later.start()

    arrivals = wait(news, settle_seconds=30)

    later.join()
    assert arrivals.wrong == ["Finance: reserve 55,125.00 for BR-2026-001 (2 times)"]


def test_what_a_partner_of_ones_own_received_is_not_asked_for(news: News) -> None:
    elsewhere = Told(**{**vars(TOLD), "asks_standin": frozenset()})

    arrivals = demo.wait(news, elsewhere, arrival_seconds=0)

    assert {line.split(":")[0] for line in arrivals.missing} == {"Webhook", "Mail"}


@pytest.fixture
def name() -> Iterator[str]:
    unique = f"demo-{os.getpid()}"
    yield unique
    local.down(unique)


def play(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    ours = ("FINANCE_API_URL", "AUDIT_LOGS_API_URL", "DEPARTMENT_ADMINS")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "infra", "demo", "--stack", name, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.e2e
def test_the_demo_ends_well_when_everything_arrived_and_leaves_nothing(name: str) -> None:
    done = play(name)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Everything arrived." in done.stdout
    assert not stack_folder(name).exists()


@pytest.mark.e2e
def test_the_demo_ends_with_one_clear_line_when_the_news_does_not_arrive(name: str) -> None:
    done = play(name, "--deadline", "0")

    assert done.returncode == 1
    assert done.stderr.startswith("Error: Not arrived within 0 s: ")
    assert (done.stderr.count("\n"), "Traceback" in done.stderr) == (1, False)
    assert [path.name for path in stack_folder(name).iterdir() if path.suffix != ".log"] == ["lock"]
