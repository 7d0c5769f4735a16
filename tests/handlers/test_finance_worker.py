"""The finance worker: queue → Finance Main, and the hold counted as confirmed."""

from decimal import Decimal

from chalicelib import bootstrap
from chalicelib.domain.budgets import DepartmentBudget
from chalicelib.handlers.finance import finance as worker
from tests import samples
from tests.factories import KEY
from tests.handlers.workers import again, run, run_sample
from tests.partner import Partner, Reply

SAMPLE = "finance.json"


def kept() -> DepartmentBudget:
    found = bootstrap.budgets().get(KEY)
    assert found
    return found


def test_finance_is_told_and_the_hold_is_confirmed(finance: Partner) -> None:
    samples.keep_story()
    assert kept().unconfirmed == Decimal(55125)

    assert run_sample(worker, SAMPLE) == []

    (call,) = finance.received
    assert (call.method, call.path) == ("POST", "/api/budgets/reserve")
    assert call.json() == {
        "department": "finance",
        "fiscalYear": 2026,
        "fiscalPeriod": "Q1",
        "amount": 55125,
        "budgetRequestId": 20260000001,
        "budgetRequestCode": "BR-2026-001",
    }
    assert call.headers["idempotency-key"] == samples.story()[-1].events[0].id
    assert kept().unconfirmed == 0
    assert kept().available == Decimal(324_875)


def test_a_hold_that_comes_again_is_told_once(finance: Partner) -> None:
    samples.keep_story()
    (record,) = samples.read(SAMPLE)["Records"]

    assert run(worker, record, again(record, 2)) == []
    assert run(worker, again(record, 3)) == []

    assert len(finance.received) == 1
    assert kept().unconfirmed == 0


def test_a_silent_finance_is_told_when_it_answers(finance: Partner) -> None:
    samples.keep_story()
    finance.next.extend([Reply(503), Reply(307, headers={"Location": finance.url})])
    (record,) = samples.read(SAMPLE)["Records"]

    assert run(worker, record) == [record["messageId"]]
    assert run(worker, again(record, 2)) == [again(record, 2)["messageId"]]
    assert kept().unconfirmed == Decimal(55125)
    assert run(worker, again(record, 3)) == []

    assert {call.headers["idempotency-key"] for call in finance.received} == {
        samples.story()[-1].events[0].id
    }
    assert kept().unconfirmed == 0
