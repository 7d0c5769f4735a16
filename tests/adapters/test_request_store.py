"""The contract of the request store."""

from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain import transitions
from chalicelib.domain.changes import Change
from chalicelib.domain.errors import (
    BudgetUnknownError,
    ConflictError,
    IdempotencyKeyTakenError,
    InsufficientBudgetError,
    RequestNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.requests import Status
from tests.adapters.conftest import Stores
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    LATER,
    SUPERADMIN,
    approval,
    created,
    figures,
    finance_said,
    item_body,
    rejection,
)


def waiting(stores: Stores, *, sequence: int = 1, remaining: int | str | None = 380_000) -> int:
    """Keep a request that waits for review, and its budget if there is to be one."""
    if remaining is not None:
        finance_said(stores.budgets, figures(remaining))
    change = created(sequence=sequence)
    stores.requests.commit(change)
    stores.requests.commit(transitions.submit(change.after, CLERK, AT))
    return change.after.id


def approve(stores: Stores, request_id: int, percentage: int = 0) -> Change:
    """Return the change that approves what is kept, without committing it."""
    body = approval(bufferPercentage=percentage)
    return transitions.approve(stores.requests.get(request_id), body, ADMIN, LATER)


def available(stores: Stores) -> Decimal:
    known = stores.budgets.get(KEY)
    assert known
    return known.available


def receipt(key: str = "key-1") -> Receipt:
    return Receipt(
        caller="user#u-1",
        key=key,
        fingerprint="f",
        status=201,
        headers={},
        body="{}",
        expires_at=AT + timedelta(days=36500),
    )


def test_numbers_of_a_year_run_from_1_and_never_repeat(stores: Stores) -> None:
    numbers = [stores.requests.next_sequence(2026) for _ in range(3)]

    assert numbers == [1, 2, 3]
    assert stores.requests.next_sequence(2027) == 1


def test_a_request_comes_back_as_it_was_committed(stores: Stores) -> None:
    change = created(
        amountRequested=Decimal(10000000),
        purpose='R&D < 5 % "quoted" 你好 😀',
        items=[item_body(unitCost=Decimal("0.1"), quantity=3, totalCost=Decimal("0.3"))],
    )

    stores.requests.commit(change)

    assert stores.requests.get(change.after.id) == change.after


def test_what_was_never_committed_is_not_found(stores: Stores) -> None:
    with pytest.raises(RequestNotFoundError):
        stores.requests.get(20260000001)


def test_a_request_is_created_once(stores: Stores) -> None:
    stores.requests.commit(created())

    with pytest.raises(ConflictError):
        stores.requests.commit(created(purpose="Another one under the same number"))

    assert stores.requests.get(created().after.id) == created().after


def test_a_retry_of_our_own_write_whose_answer_was_lost_is_no_conflict(stores: Stores) -> None:
    change = created()
    stores.requests.commit(change)

    stores.requests.commit(change)

    assert stores.requests.get(change.after.id).version == 1


def test_a_retry_of_our_own_hold_takes_the_money_once(stores: Stores) -> None:
    change = approve(stores, waiting(stores))
    stores.requests.commit(change)

    stores.requests.commit(change)

    assert available(stores) == Decimal(330_000)


def test_a_change_of_a_version_that_is_no_more_conflicts(stores: Stores) -> None:
    change = created()
    stores.requests.commit(change)
    stores.requests.commit(transitions.submit(change.after, CLERK, AT))

    with pytest.raises(ConflictError):
        stores.requests.commit(transitions.submit(change.after, ADMIN, LATER))

    assert stores.requests.get(change.after.id).history[-1].changed_by == CLERK.id


def test_second_approval_conflicts(stores: Stores) -> None:
    request_id = waiting(stores)
    both_read_the_same = [approve(stores, request_id), approve(stores, request_id, percentage=5)]

    stores.requests.commit(both_read_the_same[0])
    with pytest.raises(ConflictError):
        stores.requests.commit(both_read_the_same[1])

    assert stores.requests.get(request_id) == both_read_the_same[0].after
    assert available(stores) == Decimal(330_000)


def test_an_approval_and_a_rejection_racing_have_one_winner(stores: Stores) -> None:
    request_id = waiting(stores)
    approved = approve(stores, request_id)
    rejected = transitions.reject(stores.requests.get(request_id), rejection(), SUPERADMIN, LATER)

    stores.requests.commit(rejected)
    with pytest.raises(ConflictError):
        stores.requests.commit(approved)

    assert stores.requests.get(request_id).status is Status.REJECTED
    assert available(stores) == Decimal(380_000)


def test_an_approval_takes_its_money_in_the_same_write(stores: Stores) -> None:
    stores.requests.commit(approve(stores, waiting(stores), percentage=5))

    known = stores.budgets.get(KEY)
    assert known
    assert (known.available, known.unconfirmed) == (Decimal(327_500), Decimal(52_500))
    assert known.figures.remaining_amount == Decimal(380_000)


def test_an_approval_may_take_the_last_cent(stores: Stores) -> None:
    stores.requests.commit(approve(stores, waiting(stores, remaining=50_000)))

    assert available(stores) == 0


def test_a_cent_that_is_not_there_is_not_held(stores: Stores) -> None:
    request_id = waiting(stores, remaining="49999.99")

    with pytest.raises(InsufficientBudgetError):
        stores.requests.commit(approve(stores, request_id))


def test_insufficient_budget_says_what_is_needed_and_what_is_there(stores: Stores) -> None:
    request_id = waiting(stores, remaining=50_000)

    with pytest.raises(InsufficientBudgetError) as caught:
        stores.requests.commit(approve(stores, request_id, percentage=5))

    assert (caught.value.needed, caught.value.available) == ("52500.00", "50000.00")
    assert stores.requests.get(request_id).status is Status.PENDING
    assert available(stores) == Decimal(50_000)


def test_two_approvals_cannot_promise_the_same_money(stores: Stores) -> None:
    first = waiting(stores, sequence=1, remaining=80_000)
    second = waiting(stores, sequence=2, remaining=None)
    both_saw_enough = [approve(stores, first), approve(stores, second)]

    stores.requests.commit(both_saw_enough[0])
    with pytest.raises(InsufficientBudgetError):
        stores.requests.commit(both_saw_enough[1])

    assert stores.requests.get(second).status is Status.PENDING
    assert available(stores) == Decimal(30_000)


def test_an_unknown_budget_refuses_the_hold(stores: Stores) -> None:
    request_id = waiting(stores, remaining=None)

    with pytest.raises(BudgetUnknownError, match="finance 2026 Q1"):
        stores.requests.commit(approve(stores, request_id))

    assert stores.requests.get(request_id).status is Status.PENDING
    assert stores.budgets.get(KEY) is None


def test_a_conflict_is_told_before_the_money_is(stores: Stores) -> None:
    request_id = waiting(stores, remaining=50_000)
    twice = [approve(stores, request_id), approve(stores, request_id, percentage=1)]
    stores.requests.commit(twice[0])

    with pytest.raises(ConflictError):
        stores.requests.commit(twice[1])


def test_many_changes_are_committed_whole_or_not_at_all(stores: Stores) -> None:
    first = waiting(stores, sequence=1, remaining=99_999)
    second = waiting(stores, sequence=2, remaining=None)

    with pytest.raises(InsufficientBudgetError) as caught:
        stores.requests.commit(approve(stores, first), approve(stores, second))

    assert caught.value.needed == "100000.00"
    assert {r.status for r in stores.requests.get_many([first, second]).values()} == {
        Status.PENDING
    }
    assert available(stores) == Decimal(99_999)


def test_many_requests_are_read_at_once_without_those_that_are_not_there(stores: Stores) -> None:
    change = created()
    stores.requests.commit(change)

    assert stores.requests.get_many([change.after.id, 1]) == {change.after.id: change.after}


def test_a_receipt_is_kept_with_its_change_and_found_again(stores: Stores) -> None:
    stores.requests.commit(created(), receipt=receipt())

    assert stores.receipts.find("user#u-1", "key-1", AT) == receipt()
    assert stores.receipts.find("user#u-2", "key-1", AT) is None
    assert stores.receipts.find("user#u-1", "key-1", receipt().expires_at) is None


def test_a_key_that_has_a_receipt_changes_nothing_more(stores: Stores) -> None:
    stores.requests.commit(created(), receipt=receipt())

    with pytest.raises(IdempotencyKeyTakenError):
        stores.requests.commit(created(sequence=2), receipt=receipt())

    with pytest.raises(RequestNotFoundError):
        stores.requests.get(created(sequence=2).after.id)


def test_a_change_that_fails_keeps_no_receipt(stores: Stores) -> None:
    request_id = waiting(stores, remaining=1)

    with pytest.raises(InsufficientBudgetError):
        stores.requests.commit(approve(stores, request_id), receipt=receipt())

    assert stores.receipts.find("user#u-1", "key-1", AT) is None
