"""What time does on the deployed stack: holds expire, deadlines are missed, people hear of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import aws
from chalicelib.domain import transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.requests import BudgetRequest
from infra.local import RunningStack
from infra.waiting import wait_for
from tests.conftest import forget_everything
from tests.e2e.people import People
from tests.factories import actor, approval, created

pytestmark = pytest.mark.needs("partners")

DEADLINE_SECONDS = 60
LONG_AGO = datetime.now(UTC) - timedelta(days=120)
CLERK = actor("Operations Clerk", email="long.ago@example.com")


@pytest.fixture(autouse=True)
def in_the_service(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process write what the service itself wrote long ago."""
    for name, value in {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "STAGE": "local",
        "REQUESTS_TABLE": stack.outputs["RequestsTableName"],
        "BUDGETS_TABLE": stack.outputs["BudgetsTableName"],
        "WORK_TABLE": stack.outputs["WorkTableName"],
    }.items():
        monkeypatch.setenv(name, value)
    _forget_aws_as_well()
    yield
    _forget_aws_as_well()


def _forget_aws_as_well() -> None:
    """Have the next client go where the environment says; those of all other tests go to moto."""
    forget_everything()
    aws.client.cache_clear()
    aws._session.cache_clear()


def waiting_since(at: datetime, by: Actor = CLERK) -> BudgetRequest:
    """Return a request that was submitted at `at`."""
    store = bootstrap.requests()
    draft = created(by=by, at=at, sequence=store.next_sequence(at.year), department="operations")
    store.commit(draft)
    change = transitions.submit(draft.after, by, at)
    store.commit(change)
    return change.after


def held_since(at: datetime) -> BudgetRequest:
    """Return a request that holds money since `at`, of a budget that nobody knew."""
    body = approval(override=True, overrideReason="The warehouse cannot wait")
    change = transitions.approve(waiting_since(at), body, actor("SuperAdmin"), at)
    bootstrap.requests().commit(change)
    return change.after


def test_a_hold_that_has_expired_is_swept_and_finance_hears_of_it(
    stack: RunningStack, people: People
) -> None:
    request = held_since(LONG_AGO)
    superadmin, path = people.new("SuperAdmin"), f"/budget-requests/{request.id}"
    shown = superadmin.get(path)["data"]
    assert (shown["reservationStatus"], shown["isReserved"]) == ("EXPIRED", False)
    assert shown["version"] == request.version  # correct before anyone has swept it

    superadmin.post("/ops/jobs/reservation-expiry", {"department": "operations"}, expect=202)

    def told() -> list[tuple[str, float]]:
        calls = [c for c in stack.finance.received() if c.method == "POST"]
        bodies = [(c.path.rsplit("/", 1)[-1], json.loads(c.body)) for c in calls]
        return [(verb, b["amount"]) for verb, b in bodies if b["budgetRequestId"] == request.id]

    assert wait_for(lambda: len(told()) >= 2, deadline_seconds=DEADLINE_SECONDS)
    assert told() == [("reserve", 50_000), ("release", 50_000)]
    history = superadmin.get(path)["data"]["approvalHistory"]
    assert history[0]["changedBy"] == "system:reservation-expiry"


def test_an_expiry_to_come_and_a_missed_deadline_are_mailed_to_the_requester(
    stack: RunningStack, people: People
) -> None:
    superadmin = people.new("SuperAdmin")
    expiring = held_since(datetime.now(UTC) - timedelta(days=85))
    late = waiting_since(datetime.now(UTC) - timedelta(days=8))

    for job in ("reservation-expiry", "sla-check"):
        superadmin.post(f"/ops/jobs/{job}", {"department": "operations"}, expect=202)

    subjects = {
        f"Budget Reservation Expiring: {expiring.request_code}",
        f"Budget Request Overdue: {late.request_code}",
    }

    def mailed() -> set[str]:
        return {mail.subject for mail in stack.mails() if CLERK.email in mail.to}

    assert wait_for(lambda: subjects <= mailed(), deadline_seconds=DEADLINE_SECONDS), mailed()
    assert superadmin.get(f"/budget-requests/{late.id}")["data"]["isOverdue"]
