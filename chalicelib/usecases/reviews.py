"""A reviewer's other verbs: decide single lines, approve many at once, see what would be held."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from chalicelib.domain import access, allocations, drafting, transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import DepartmentBudget, Funds
from chalicelib.domain.changes import Change
from chalicelib.domain.content import (
    Approval,
    BulkApproval,
    ItemApproval,
    ItemModification,
    ItemRejection,
    ItemUpdate,
)
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    BulkRefusedError,
    FieldError,
    InsufficientBudgetError,
    InvalidInputError,
    InvalidStatusError,
    RequestNotFoundError,
)
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.usecases import budgets, reservations
from chalicelib.usecases.ports import BudgetStore, DueRequests, Finance, RequestStore
from chalicelib.usecases.remedies import for_want_of_money, remedied
from chalicelib.usecases.writing import Writing

ItemDecision = ItemApproval | ItemModification | ItemRejection


def decide_item(
    request_id: int,
    item_id: int,
    decision: ItemDecision,
    *,
    by: Actor,
    at: datetime,
    writing: Writing,
) -> BudgetRequest:
    """Approve, modify or reject one line's allocation.

    Raises RequestNotFoundError, ItemNotFoundError, StaleVersionError, ForbiddenError,
    InvalidStatusError, ConflictError.
    """

    def decide(request: BudgetRequest) -> Change:
        match decision:
            case ItemApproval():
                return allocations.approve_item(request, item_id, decision, by, at)
            case ItemModification():
                return allocations.modify_item(request, item_id, decision, by, at)
            case ItemRejection():
                return allocations.reject_item(request, item_id, decision, by, at)

    return writing.write(request_id, decide)


def update_item(
    request_id: int,
    item_id: int,
    update: ItemUpdate,
    *,
    by: Actor,
    at: datetime,
    writing: Writing,
) -> BudgetRequest:
    """Rewrite a line of a draft, or modify its allocation once the request was submitted.

    Raises RequestNotFoundError, ItemNotFoundError, StaleVersionError, ForbiddenError,
    InvalidStatusError, InvalidInputError, ConflictError.
    """
    content, modification = update.content, update.modification

    def decide(request: BudgetRequest) -> Change:
        access.may_see(by, department=request.department, requested_by=request.requested_by)
        if content is not None and modification is not None:
            wrong = "cannot be changed together with the item's content"
            raise InvalidInputError((FieldError("allocatedAmount", wrong),))
        if content is not None:
            return drafting.change_item(request, item_id, content, by, at)
        if modification is not None:
            return allocations.modify_item(request, item_id, modification, by, at)
        raise InvalidInputError((FieldError("allocatedAmount", "Field required"),))

    return writing.write(request_id, decide)


def approve_many(
    bulk: BulkApproval,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    due: DueRequests,
    budget_store: BudgetStore,
    finance: Finance,
    receipt: Callable[[tuple[BudgetRequest, ...]], Receipt] | None = None,
) -> tuple[BudgetRequest, ...]:
    """Approve all requests of a bulk in one transaction, or none.

    Before it is refused for want of money or of a budget, what helps a single approval is tried.

    Raises ForbiddenError for who reviews nothing; BulkRefusedError with what stands in the way of
    each; InsufficientBudgetError, BudgetUnknownError with what draws on that budget, ConflictError
    where the transaction itself was refused.
    """
    access.may_review_some(by)
    approval = Approval(review_notes=bulk.review_notes, buffer_percentage=bulk.buffer_percentage)
    known = store.get_many(bulk.ids)
    changes: list[Change] = []
    refused: list[FieldError] = []
    for index, request_id in enumerate(bulk.ids):
        try:
            changes.append(transitions.approve(_found(known, request_id), approval, by, at))
        except BudgetRequestsError as error:
            refused.append(FieldError(f"ids.{index}", str(error)))
            refused.append(FieldError(f"ids.{index}.code", error.code))
    if refused:
        raise BulkRefusedError(tuple(refused))
    approved = tuple(change.after for change in changes)
    keys = {change.after.budget_key for change in changes}

    def commit() -> None:
        store.commit(*changes, receipt=receipt(approved) if receipt else None)

    remedies = for_want_of_money(
        keys, by=by, at=at, due=due, store=store, budget_store=budget_store, finance=finance
    )
    try:
        remedied(commit, remedies)
    except (InsufficientBudgetError, BudgetUnknownError) as error:
        error.errors += tuple(_drawing_on(error.budget, changes))
        raise
    return approved


def _drawing_on(budget: str, changes: Sequence[Change]) -> Iterator[FieldError]:
    """Say which of a bulk would draw on a budget, and how much, by their places."""
    for index, change in enumerate(changes):
        if change.hold and str(change.hold.key) == budget:
            yield FieldError(f"ids.{index}", f"would hold {change.hold.amount} of {budget}")


def funds(
    request: BudgetRequest,
    approval: Approval,
    *,
    by: Actor,
    at: datetime,
    store: RequestStore,
    due: DueRequests,
    budget_store: BudgetStore,
    finance: Finance,
) -> Funds:
    """Return what an approval of a request, as `by` sees it, would hold and leave.

    Computed as the approval computes it. Holds that have expired by `at` do not count, as an
    approval would sweep them first, and Finance is asked for a budget that is unknown, or short and
    in doubt. A draft may be looked at before it is submitted.

    Raises InvalidStatusError for what was decided, whose own hold would be counted twice.
    """
    if request.status is not Status.PENDING:
        raise InvalidStatusError(
            "Only drafts and budget requests waiting for review can still be approved; "
            f"this one is {request.standing}"
        )
    key = request.budget_key

    def known() -> DepartmentBudget:
        budget = budget_store.get(key)
        if budget is None:
            raise BudgetUnknownError(str(key))
        return budget

    remedies = for_want_of_money(
        {key}, by=by, at=at, due=due, store=store, budget_store=budget_store, finance=finance
    )
    try:
        budget = remedied(known, remedies)
    except BudgetUnknownError:
        return Funds.of(request.terms(approval), None)
    terms = request.terms(approval)

    def left_of(budget: DepartmentBudget) -> Funds:
        counted = reservations.counting_expired(key, budget, at, due=due, store=store)
        return Funds.of(terms, counted)

    shown = left_of(budget)
    if shown.sufficient or not budget.may_turn_out_more(at):
        return shown
    synced = budgets.sync(
        key, by=by, at=at, store=budget_store, finance=finance, due=due, requests=store
    )
    return left_of(synced.budget or budget)


def _found(known: dict[int, BudgetRequest], request_id: int) -> BudgetRequest:
    if request_id not in known:
        raise RequestNotFoundError
    return known[request_id]
