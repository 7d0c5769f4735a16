"""Plausible data for a local stack: the quarter of `seed_story`, written by the use cases.

This process takes the part of the service, at the times of the story; so histories, totals, budgets
and events are what they would be, and workers tell Finance, Audit and mailboxes of it all.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from chalicelib import bootstrap
from chalicelib.domain import deadlines
from chalicelib.domain.access import DEPARTMENTS, SERVICE_ROLE, Actor, Level, Scope
from chalicelib.domain.content import Approval, Cancellation, Rejection
from chalicelib.domain.deadlines import DueKind
from chalicelib.domain.errors import InsufficientBudgetError
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.domain.listing import Selection
from chalicelib.usecases import requests, reservations
from chalicelib.usecases.jobs import Assignment
from chalicelib.usecases.writing import Writing
from infra import seed_story
from infra.cloud import LOCAL_KEY
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.place import told_clearly
from infra.progress import Progress, Report
from infra.seed_story import Act, Verb

DEFAULT_SEED = 1

_LEDGER = Actor(
    id="bus:ledger",
    name="ledger",
    role=SERVICE_ROLE,
    level=Level.SERVICE,
    department=None,
    scopes=(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE),
    departments=DEPARTMENTS,
)


@dataclass(frozen=True)
class Sown:
    """What was made."""

    requests: int
    acts: int
    short_of_money: int


def run(stack: RunningStack, *, seed: int, progress: Progress) -> Sown:
    """Fill a stack with a quarter; raises OperatorError where one was made already."""
    with told_clearly(), _as_the_service(stack):
        return sow(seed_story.acts(seed, datetime.now(UTC)), progress)


def sow(story: list[Act], progress: Progress) -> Sown:
    """Play a story in this process, which is the service; raises OperatorError the second time."""
    _refuse_a_second_time(story)
    now = datetime.now(UTC)
    with progress.step("Playing a quarter of a company") as report:
        sown = _play(story, now, report)
    with progress.step("Counting its days") as report:
        _count_days(story[0].at.date(), now, report)
    return sown


def _play(story: list[Act], now: datetime, report: Report) -> Sown:
    ids: dict[int, int] = {}
    short, day = 0, story[0].at.date()
    for number, act in enumerate(story):
        if act.at.date() != day:  # by the night's end at the latest
            day = act.at.date()
            _mark_overdue(act.at)
        try:
            ids[act.number] = _do(act, ids.get(act.number, 0))
        except InsufficientBudgetError:
            short += 1  # it goes on waiting, as it would
        except _NothingHeldError:
            continue
        report(f"{number + 1} of {len(story)}: {act.at:%d %B}")
    _mark_overdue(now)
    return Sown(requests=len(ids), acts=len(story), short_of_money=short)


class _NothingHeldError(Exception):
    """What was to be ended never began, for want of money."""


def _do(act: Act, request_id: int) -> int:
    store = bootstrap.requests()
    writing, at, by = Writing(store), act.at, act.by
    match act.verb:
        case Verb.CREATE:
            assert act.new is not None  # noqa: S101 - the story has it
            return requests.create(
                act.new,
                by=by,
                at=at,
                writing=writing,
                calendar=bootstrap.calendar(),
                due=bootstrap.due_requests(),
                budget_store=bootstrap.budgets(),
                finance=bootstrap.finance(),
            ).id
        case Verb.SUBMIT:
            days = bootstrap.review_days()
            requests.submit(request_id, by=by, at=at, review_days=days, writing=writing)
        case Verb.APPROVE:
            requests.approve(
                request_id,
                Approval(review_notes=act.text or None, buffer_percentage=Decimal(act.percent)),
                by=by,
                at=at,
                writing=writing,
                due=bootstrap.due_requests(),
                budget_store=bootstrap.budgets(),
                finance=bootstrap.finance(),
            )
        case Verb.REJECT:
            rejection = Rejection(review_notes=act.text)
            requests.reject(request_id, rejection, by=by, at=at, writing=writing)
        case Verb.CANCEL:
            cancellation = Cancellation(reason=act.text)
            requests.cancel(request_id, cancellation, by=by, at=at, writing=writing)
        case Verb.CONSUME | Verb.RELEASE:
            held = store.get(request_id)
            if not held.is_reserved or held.reserved_amount is None:
                raise _NothingHeldError
            if act.verb is Verb.RELEASE:
                reservations.release(request_id, act.text, by=_LEDGER, at=at, writing=writing)
            else:
                amount = (held.reserved_amount * act.percent / 100).quantize(Decimal("0.01"))
                reservations.consume(request_id, amount, by=_LEDGER, at=at, writing=writing)
    return request_id


def _mark_overdue(at: datetime) -> None:
    """Do what the job does, for what had not been decided in time by then."""
    store, by = bootstrap.requests(), JobName.SLA_CHECK.actor
    for department in DEPARTMENTS:
        page = bootstrap.due_requests().page(
            department, DueKind.REVIEW, until=at, after=None, limit=reservations.AT_ONCE
        )
        for row in page:
            request = store.get(row.summary.id)
            look = deadlines.due(request)
            if look and look.kind is DueKind.REVIEW and look.at <= at:
                store.commit(deadlines.mark_overdue(request, by, look.at))


def _count_days(first: date, now: datetime, report: Report) -> None:
    job = bootstrap.job(JobName.DAILY_AGGREGATES)
    by = JobName.DAILY_AGGREGATES.actor
    for day in (first + timedelta(days=n) for n in range((now.date() - first).days)):
        report(f"{day:%d %B}")
        for _ in job(Assignment(JobPayload(date=day), None, now, lambda: now, by)):
            pass


def _refuse_a_second_time(story: list[Act]) -> None:
    # Whoever asks first has asked in every such story: so many requests, so few people.
    nothing = dict.fromkeys(Selection.model_fields)
    of_the_first = {"departments": DEPARTMENTS, "requested_by": story[0].by.id}
    mine = Selection.model_validate(nothing | of_the_first)
    if bootstrap.request_lists().slice(mine, after=None, limit=1):
        raise OperatorError(
            "This stack has been seeded already; `make down` and `make up` begin a new one."
        )


@contextmanager
def _as_the_service(stack: RunningStack) -> Iterator[None]:
    """Let this process be the service, on the tables of a stack."""
    before = dict(os.environ)
    os.environ |= {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": LOCAL_KEY,
        "AWS_SECRET_ACCESS_KEY": LOCAL_KEY,
        "STAGE": "local",
        "REQUESTS_TABLE": stack.outputs["RequestsTableName"],
        "BUDGETS_TABLE": stack.outputs["BudgetsTableName"],
        "WORK_TABLE": stack.outputs["WorkTableName"],
        "FINANCE_API_URL": stack.finance.url,
        "FINANCE_API_KEY": stack.secrets.finance_api_key,
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
