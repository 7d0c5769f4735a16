from decimal import Decimal
from typing import Any

import httpx
import pytest

from infra.standin_budgets import DepartmentBudget
from infra.standin_client import ServicesClient, StandInClient
from infra.standins import Behaviour
from tests.infra.conftest import AUDIT_KEY, FINANCE_KEY

RESERVATION: dict[str, Any] = {
    "department": "finance",
    "fiscalYear": 2026,
    "fiscalPeriod": "Q4",
    "amount": 55125.00,
    "budgetRequestId": 1,
    "budgetRequestCode": "BR-2026-001",
}


@pytest.fixture
def finance(services: ServicesClient) -> StandInClient:
    services.finance.set_budget(
        DepartmentBudget(
            department="finance",
            fiscal_year=2026,
            fiscal_period="Q4",
            allocated_amount=Decimal(500_000),
            used_amount=Decimal(120_000),
        )
    )
    return services.finance


def post(
    standin: StandInClient, path: str, body: object = None, *, key: str | None = None, **more: str
) -> httpx.Response:
    headers = {"x-api-key": key} if key is not None else {}
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return httpx.post(f"{standin.url}{path}", json=body, headers=headers | named)


def figures(finance: StandInClient) -> dict[str, Any]:
    answer = httpx.get(
        f"{finance.url}/api/budgets/finance/2026/Q4", headers={"x-api-key": FINANCE_KEY}
    )
    data: dict[str, Any] = answer.raise_for_status().json()["data"]
    return data


def test_finance_tells_a_budget(finance: StandInClient) -> None:
    assert figures(finance) == {
        "id": "finance-2026-Q4",
        "allocatedAmount": 500_000,
        "usedAmount": 120_000,
        "reservedAmount": 0,
        "remainingAmount": 380_000,
        "periodStart": "2026-10-01",
        "periodEnd": "2026-12-31",
    }


@pytest.mark.parametrize("department", ["finance", "hr", "inventory", "operations"])
def test_finance_has_money_for_every_department_in_any_quarter(
    services: ServicesClient, department: str
) -> None:
    answer = httpx.get(
        f"{services.finance.url}/api/budgets/{department}/2027/Q1",
        headers={"x-api-key": FINANCE_KEY},
    )

    assert answer.json()["data"]["remainingAmount"] > 0


def test_finance_does_not_know_other_departments(services: ServicesClient) -> None:
    answer = httpx.get(
        f"{services.finance.url}/api/budgets/legal/2026/Q4", headers={"x-api-key": FINANCE_KEY}
    )

    assert answer.status_code == 404


@pytest.mark.parametrize("key", [None, "", "another"])
def test_finance_refuses_a_missing_or_wrong_key(finance: StandInClient, key: str | None) -> None:
    answer = post(finance, "/api/budgets/reserve", RESERVATION, key=key)

    assert answer.status_code == 401
    assert figures(finance)["reservedAmount"] == 0


def test_finance_sets_reserved_money_aside(finance: StandInClient) -> None:
    answer = post(finance, "/api/budgets/reserve", RESERVATION, key=FINANCE_KEY)

    assert answer.status_code == 200
    assert figures(finance)["reservedAmount"] == 55_125
    assert figures(finance)["remainingAmount"] == 324_875


def test_finance_gives_released_money_back(finance: StandInClient) -> None:
    post(finance, "/api/budgets/reserve", RESERVATION, key=FINANCE_KEY)
    post(finance, "/api/budgets/release", {**RESERVATION, "amount": 125.10}, key=FINANCE_KEY)

    assert figures(finance)["reservedAmount"] == 54_999.90


def test_finance_reserves_once_per_idempotency_key(finance: StandInClient) -> None:
    answers = [
        post(finance, "/api/budgets/reserve", RESERVATION, key=FINANCE_KEY, idempotency_key="once")
        for _ in range(3)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.text for answer in answers}) == 1
    assert figures(finance)["reservedAmount"] == 55_125
    posts = [call for call in finance.received() if call.method == "POST"]
    assert [call.replayed for call in posts] == [False, True, True]


@pytest.mark.parametrize(
    "wrong", [{"amount": -1}, {"amount": 0.001}, {"amount": "much"}, {"department": "legal"}]
)
def test_finance_refuses_a_reservation_it_cannot_read(
    finance: StandInClient, wrong: dict[str, Any]
) -> None:
    answer = post(finance, "/api/budgets/reserve", RESERVATION | wrong, key=FINANCE_KEY)

    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["message"]


def test_audit_takes_entries_with_the_right_key_only(services: ServicesClient) -> None:
    entry = {"action": "CREATE"}

    assert post(services.audit, "/api/audit-logs", entry, key=AUDIT_KEY).status_code == 201
    assert post(services.audit, "/api/audit-logs", entry, key=FINANCE_KEY).status_code == 401
    assert [call.accepted for call in services.audit.received()] == [True, False]


def test_a_standin_can_be_given_another_key(services: ServicesClient) -> None:
    services.audit.set_api_keys("new")
    try:
        assert post(services.audit, "/api/audit-logs", {}, key="new").status_code == 201
    finally:
        services.audit.set_api_keys(AUDIT_KEY)


def test_received_calls_are_kept_in_order_with_headers_and_exact_bodies(
    services: ServicesClient,
) -> None:
    url = services.receiver.url
    httpx.post(f"{url}/hooks/a?x=1", content=b'{"a": 1.50}', headers={"X-Webhook-Event": "one"})
    httpx.post(f"{url}/hooks/b", content=b"\xff\x00 not text")

    first, second = services.receiver.received()
    assert (first.method, first.path, first.query) == ("POST", "/hooks/a", "x=1")
    assert first.headers["x-webhook-event"] == "one"
    assert first.body == b'{"a": 1.50}'
    assert second.body == b"\xff\x00 not text"
    assert first.at <= second.at


def test_a_call_shown_to_people_has_a_readable_body_and_no_key(services: ServicesClient) -> None:
    post(services.audit, "/api/audit-logs", {"action": "VIEW"}, key=AUDIT_KEY)

    [call] = services.audit.received()
    assert "VIEW" in call.for_people()
    assert AUDIT_KEY not in call.for_people()


def test_received_calls_can_be_forgotten(services: ServicesClient) -> None:
    post(services.receiver, "/", {})

    services.receiver.forget()

    assert services.receiver.received() == []


def test_a_standin_fails_when_told_and_does_nothing_then(finance: StandInClient) -> None:
    finance.behave(Behaviour(status=503, retry_after="7"))

    answer = post(finance, "/api/budgets/reserve", RESERVATION, key=FINANCE_KEY)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    finance.behave(Behaviour())
    assert figures(finance)["reservedAmount"] == 0


def test_a_standin_can_fail_a_number_of_times(services: ServicesClient) -> None:
    services.receiver.behave(Behaviour(status=500, times=2))

    answers = [post(services.receiver, "/", {}).status_code for _ in range(4)]

    assert answers == [500, 500, 204, 204]
    assert services.receiver.behaviour() == Behaviour()


def test_a_standin_redirects_when_told(services: ServicesClient) -> None:
    services.receiver.behave(Behaviour(redirect_to="http://169.254.169.254/latest"))

    answer = post(services.receiver, "/", {})

    assert answer.status_code == 302
    assert answer.headers["location"] == "http://169.254.169.254/latest"


def test_a_slow_standin_has_heard_a_caller_that_gives_up(services: ServicesClient) -> None:
    services.receiver.behave(Behaviour(delay_seconds=30))

    with pytest.raises(httpx.ReadTimeout):
        httpx.post(services.receiver.url, timeout=0.2)

    assert len(services.receiver.received()) == 1


def test_a_behaviour_that_makes_no_sense_is_refused(services: ServicesClient) -> None:
    answer = httpx.put(f"{services.receiver.url}/_standin/behaviour", json={"statsu": 500})

    assert answer.status_code == 400
    assert "statsu" in answer.json()["message"]


def test_a_standin_can_be_looked_at_on_its_own_port(services: ServicesClient) -> None:
    post(services.receiver, "/hooks", {})

    answer = httpx.get(f"{services.receiver.url}/_standin/received")

    assert [call["path"] for call in answer.json()["received"]] == ["/hooks"]


def test_a_stopped_standin_refuses_connections_and_keeps_what_it_received(
    services: ServicesClient,
) -> None:
    post(services.receiver, "/before", {})

    services.receiver.stop()

    with pytest.raises(httpx.ConnectError):
        post(services.receiver, "/", {})
    assert [call.path for call in services.receiver.received()] == ["/before"]


def test_a_standin_listens_again_on_the_same_port(services: ServicesClient) -> None:
    services.receiver.stop()
    services.receiver.stop()
    services.receiver.start()
    services.receiver.start()

    assert post(services.receiver, "/after", {}).status_code == 204


def test_stopping_closes_connections_that_were_kept_open(services: ServicesClient) -> None:
    with httpx.Client() as client:
        client.post(services.receiver.url)
        services.receiver.stop()

        with pytest.raises(httpx.TransportError):
            client.post(services.receiver.url)
