"""Finance Main over a real socket: exact figures, or none."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from chalicelib.adapters import finance_client, web
from chalicelib.adapters.finance_client import HttpFinance
from chalicelib.domain.errors import (
    DeliveryFailedError,
    FinanceRefusedError,
    FinanceUnavailableError,
)
from tests.conftest import forget_everything
from tests.factories import KEY
from tests.partner import Partner, Reply
from tests.raw_peer import DRIPPING, behaving, drips, pours

FIGURES = {
    "id": 17,
    "allocatedAmount": 500000,
    "usedAmount": 0.1,
    "reservedAmount": 0.2,
    "remainingAmount": 499999.7,
    "periodStart": "2026-01-01",
    "periodEnd": "2026-03-31T23:59:59Z",
    "somethingNew": {"of": "no interest"},
}


@pytest.fixture
def finance(partner: Partner) -> Iterator[HttpFinance]:
    forget_everything()
    yield HttpFinance(partner.url, "the-key")
    forget_everything()


def reserve(finance: HttpFinance, amount: str = "55125.00") -> None:
    finance.reserve(
        KEY, Decimal(amount), request_id=20260000001, code="BR-2026-001", idempotency_key="evt_1"
    )


def test_figures_are_exact(finance: HttpFinance, partner: Partner) -> None:
    partner.says({"data": FIGURES})

    figures = finance.fetch(KEY)

    assert figures
    assert figures.used_amount + figures.reserved_amount == Decimal("0.30")
    assert figures.remaining_amount == Decimal("499999.70")
    assert figures.budget_id == "17"
    assert figures.period_start
    assert figures.period_start.date().isoformat() == "2026-01-01"
    assert figures.period_end == datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("written", ["0.1", "1e-1", "0.10", "10.07", "90071992547409.93"])
def test_no_amount_passes_through_a_binary_float(
    finance: HttpFinance, partner: Partner, written: str
) -> None:
    body = json.dumps({"data": FIGURES}).replace("499999.7", written)
    partner.usual = Reply(body=body.encode())

    figures = finance.fetch(KEY)

    assert figures
    assert figures.remaining_amount == Decimal(written)


def test_finance_is_asked_at_the_agreed_address_with_our_key(
    finance: HttpFinance, partner: Partner
) -> None:
    partner.says({"data": FIGURES})

    finance.fetch(KEY)

    (call,) = partner.received
    assert (call.method, call.path) == ("GET", "/api/budgets/finance/2026/Q1")
    assert call.headers["x-api-key"] == "the-key"


def test_a_budget_finance_does_not_have_is_none(finance: HttpFinance, partner: Partner) -> None:
    partner.says({"message": "no such budget"}, status=404)

    assert finance.fetch(KEY) is None


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 429, 500, 503])
def test_any_other_answer_is_no_answer(finance: HttpFinance, partner: Partner, status: int) -> None:
    headers = {"Location": f"{partner.url}/elsewhere"}
    partner.usual = Reply(status, json.dumps({"data": FIGURES}).encode(), headers)

    with pytest.raises(FinanceUnavailableError, match=str(status)):
        finance.fetch(KEY)

    assert len(partner.received) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>maintenance</html>",
        "null",
        "[]",
        "{}",
        '{"data": null}',
        '{"data": []}',
        '{"data": {}}',
        '{"data": ' + json.dumps(FIGURES | {"remainingAmount": "much"}) + "}",
        '{"data": ' + json.dumps(FIGURES | {"remainingAmount": None}) + "}",
        '{"data": ' + json.dumps(FIGURES | {"remainingAmount": 0.001}) + "}",
        '{"data": ' + json.dumps(FIGURES | {"remainingAmount": float("nan")}) + "}",
        '{"data": ' + json.dumps(FIGURES | {"remainingAmount": float("inf")}) + "}",
        '{"data": ' + json.dumps(FIGURES).replace("499999.7", "1e400") + "}",
        '{"data": ' + json.dumps(FIGURES).replace("499999.7", "1e99999999999999999999") + "}",
        '{"data": ' + json.dumps(FIGURES | {"periodStart": "soon"}) + "}",
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_an_answer_we_do_not_understand_is_no_answer(
    finance: HttpFinance, partner: Partner, body: str
) -> None:
    partner.usual = Reply(body=body.encode("latin-1"))

    with pytest.raises(FinanceUnavailableError, match="do not understand"):
        finance.fetch(KEY)


def test_a_refused_connection_is_no_answer() -> None:
    forget_everything()

    with pytest.raises(FinanceUnavailableError, match="ConnectionError"):
        HttpFinance("http://127.0.0.1:1", "the-key").fetch(KEY)
    with pytest.raises(DeliveryFailedError, match="ConnectionError"):
        reserve(HttpFinance("http://127.0.0.1:1", "the-key"))


def test_silence_ends_with_the_timeout(
    finance: HttpFinance, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finance_client, "TIMEOUT_SECONDS", 0.05)
    partner.usual = Reply(is_silent=True)

    with pytest.raises(FinanceUnavailableError, match="ReadTimeout"):
        finance.fetch(KEY)
    with pytest.raises(DeliveryFailedError, match="ReadTimeout"):
        reserve(finance)


@pytest.mark.parametrize("what", DRIPPING)
def test_an_answer_that_drips_is_left_in_time(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finance_client, "TIMEOUT_SECONDS", 0.2)
    with behaving(drips(*DRIPPING[what])) as peer:
        with pytest.raises(FinanceUnavailableError, match=r"did not answer: .*Timeout"):
            HttpFinance(peer.url, "the-key").fetch(KEY)

        assert peer.was_left()
    with behaving(drips(*DRIPPING[what])) as peer:
        with pytest.raises(DeliveryFailedError, match=r"did not answer: .*Timeout"):
            reserve(HttpFinance(peer.url, "the-key"))

        assert peer.was_left()


def test_an_endless_answer_is_no_answer_and_a_hold_is_taken_by_its_status() -> None:
    endless = pours(b"HTTP/1.1 200 OK\r\n\r\n", b'{"data":' * 8192)
    with behaving(endless) as peer:
        with pytest.raises(FinanceUnavailableError, match="do not understand"):
            HttpFinance(peer.url, "the-key").fetch(KEY)

        assert peer.was_left()
    with behaving(endless) as peer:
        reserve(HttpFinance(peer.url, "the-key"))

        assert peer.was_left()


def test_the_timeout_is_the_agreed_one() -> None:
    assert finance_client.TIMEOUT_SECONDS == 10
    assert web.CONNECT_TIMEOUT_SECONDS < 10


def test_a_hold_is_told_with_its_idempotency_key(finance: HttpFinance, partner: Partner) -> None:
    partner.says({"data": FIGURES})

    reserve(finance)

    (call,) = partner.received
    assert (call.method, call.path) == ("POST", "/api/budgets/reserve")
    assert (call.headers["x-api-key"], call.headers["idempotency-key"]) == ("the-key", "evt_1")
    assert call.json() == {
        "department": "finance",
        "fiscalYear": 2026,
        "fiscalPeriod": "Q1",
        "amount": 55125,
        "budgetRequestId": 20260000001,
        "budgetRequestCode": "BR-2026-001",
    }


def test_cents_are_told_as_people_write_them(finance: HttpFinance, partner: Partner) -> None:
    reserve(finance, "0.30")

    assert b'"amount": 0.3,' in partner.received[0].body


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308, 400, 401, 404, 409, 500, 503])
def test_a_hold_finance_did_not_take_comes_back(
    finance: HttpFinance, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status, headers={"Location": f"{partner.url}/elsewhere"})

    with pytest.raises(DeliveryFailedError, match=f"Finance answered {status}"):
        reserve(finance)

    assert len(partner.received) == 1


@pytest.mark.parametrize("status", [302, 408, 500, 502, 503, 504])
def test_who_did_not_take_a_hold_may_yet_have_heard_of_it(
    finance: HttpFinance, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status)

    with pytest.raises(DeliveryFailedError) as caught:
        reserve(finance)

    assert caught.type is DeliveryFailedError


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_who_refuses_a_hold_has_not_taken_it(
    finance: HttpFinance, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status)

    with pytest.raises(FinanceRefusedError):
        reserve(finance)


def test_proxies_of_the_environment_are_not_asked(
    finance: HttpFinance, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    partner.says({"data": FIGURES})

    assert finance.fetch(KEY)
