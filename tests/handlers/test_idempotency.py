"""`Idempotency-Key`: what one call is, whose key it is, and two calls at once."""

import pytest

from chalicelib import bootstrap
from chalicelib.handlers.http import idempotency
from tests.conftest import Aws
from tests.http_api import Api, Reply, token

BODY = {"department": "finance", "amountRequested": 50, "purpose": "Laptops for the audit"}


@pytest.fixture
def webhook(api: Api) -> str:
    """A webhook."""
    body = {"url": "http://127.0.0.1:9/hook", "events": ["*"]}
    return str(api.post("/webhooks", "SuperAdmin", body).data["id"])


def recover(api: Api, webhook: str, since: str, key: str = "k") -> int:
    at = f"/webhooks/{webhook}/recover?since={since}"
    return api.call("POST", at, role="SuperAdmin", headers={"Idempotency-Key": key}).status


def test_another_query_is_another_call(api: Api, webhook: str) -> None:
    assert recover(api, webhook, "2026-11-20T00:00:00Z") == 202

    assert recover(api, webhook, "2026-11-20T00:00:00Z") == 202
    assert recover(api, webhook, "2026-11-01T00:00:00Z") == 422


def test_no_caller_gets_the_answers_of_another_whose_name_ends_as_the_key_begins(api: Api) -> None:
    def create(sub: str, key: str) -> str:
        headers = {"Idempotency-Key": key}
        reply = api.call(
            "POST", "/budget-requests", token=token(sub=sub), body=BODY, headers=headers
        )
        return str(reply.data["requestedBy"])

    assert create("u-1#x", "k") == "u-1#x"
    assert create("u-1", "x#k") == "u-1"


@pytest.mark.parametrize(
    "path", ["/ops/jobs/sla-check", "/webhooks/{}/recover?since=2026-11-20", "/sync/budgets"]
)
def test_what_acts_before_its_receipt_does_not_run_while_its_twin_does(
    api: Api, aws: Aws, webhook: str, path: str
) -> None:
    at = path.format(webhook).replace("2026-11-20", "2026-11-20T00:00:00Z")
    key, caller = "k", "superadmin#u-superadmin"
    claimed = ("idempotency", f"{len(caller)}#{caller}#{key}")
    bootstrap.claims().claim(*claimed, bootstrap.now())

    def ask() -> tuple[int, str | None]:
        reply = api.call("POST", at, role="SuperAdmin", headers={idempotency.HEADER: key})
        return reply.status, reply.json.get("code")

    assert ask() == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert aws.asked() == aws.ordered() == []

    bootstrap.claims().release(*claimed)
    first, second = ask(), ask()

    assert first == second
    assert first[0] in {200, 202}
    assert len(aws.asked()) + len(aws.ordered()) == (0 if path.startswith("/sync") else 1)


def test_a_repeat_while_another_repeat_is_at_it_is_replayed(api: Api) -> None:
    def ask() -> Reply:
        headers = {idempotency.HEADER: "k"}
        return api.call("POST", "/ops/jobs/sla-check", role="SuperAdmin", headers=headers)

    first = ask()
    caller = "superadmin#u-superadmin"
    bootstrap.claims().claim("idempotency", f"{len(caller)}#{caller}#k", bootstrap.now())

    again = ask()

    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers[idempotency.REPLAYED] == "true"
