"""A department, its budget and everything that can befall them, on the real stores.

What happens is driven from outside (test_promise.py); what must be true after each step is
computed here from what the tables' streams told, not from what the service believes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib import bootstrap
from chalicelib.adapters import tables
from chalicelib.adapters.keys import budget_pk, hold_sk
from chalicelib.domain import money
from chalicelib.domain.access import Scope
from chalicelib.domain.content import Approval, BulkApproval, Cancellation, Rejection
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import BudgetRequestsError, ClaimHeldError, DeliveryFailedError
from chalicelib.domain.events import Event
from chalicelib.domain.fiscal import FiscalCalendar, FiscalQuarter
from chalicelib.domain.jobs import JobName, JobPayload
from chalicelib.domain.messages import Outbox, PublishedEvent
from chalicelib.domain.requests import BudgetRequest, ReservationStatus, Status
from chalicelib.usecases import budgets, holds, requests, reservations, reviews
from chalicelib.usecases.jobs import Assignment
from chalicelib.usecases.writing import Writing
from tests import stored
from tests.conftest import Aws
from tests.factories import (
    ADMIN,
    AT,
    CLERK,
    KEY,
    SUPERADMIN,
    new_request,
    service,
    signed,
)
from tests.properties.ledger import Ledger, Mood

#: An item as a stream tells of it.
Image = dict[str, Any]

#: How a hold may end, as it is told.
ENDS = {"reservation.consumed", "reservation.released", "reservation.expired"}

#: What the bus brings to the queue to Finance.
FOR_FINANCE = ENDS | {"budget_request.approved"}

#: How far a hold has come with Finance: it was begun to be told, it has confirmed.
RESERVING, RESERVED, RELEASING, RELEASED = 1, 2, 3, 4


class EndlessQuarter(FiscalCalendar):
    """The first quarter, for as long as the storm lasts: there is one budget to fight for."""

    def quarter_of(self, moment: datetime) -> FiscalQuarter:  # noqa: ARG002 - always the same
        """Return it."""
        return FiscalQuarter(year=KEY.fiscal_year, period=KEY.fiscal_period)


class Crash(BaseException):
    """The function died. No `except Exception` catches it, and nothing reaches AWS after it."""


@dataclass
class Fate:
    """What happens at which call of a command to the outside world, before it or after.

    The function dies there; or, with `instead`, somebody else does that, and it goes on.
    """

    at_call: int
    is_after: bool
    instead: Callable[[], None] | None = None
    calls: int = 0
    is_dead: bool = False

    def before(self) -> None:
        """Meet a call that is about to be made."""
        self.calls += 1
        if self.is_dead or (self.calls == self.at_call and not self.is_after):
            self._strike()

    def after(self) -> None:
        """Meet a call that has had its effect."""
        if self.calls == self.at_call and self.is_after:
            self._strike()

    def _strike(self) -> None:
        if self.instead:
            self.instead()
            return
        self.is_dead = True
        raise Crash


@dataclass
class Storm:
    """The department `finance` in its first quarter, and the people and machines at work on it."""

    aws: Aws
    now: datetime = AT
    waiting: list[PublishedEvent] = field(default_factory=list)
    _images: dict[str, list[Image]] = field(default_factory=lambda: {"requests": [], "budgets": []})
    _happened: int = 0
    _rows: dict[str, Image] = field(default_factory=dict)
    _requests: dict[int, BudgetRequest] = field(default_factory=dict)
    _fate: Fate | None = None

    def __post_init__(self) -> None:
        self.ledger = Ledger(Decimal(100_000), self._fetch_number, self._outside)
        self.store = bootstrap.requests()
        self.budgets = bootstrap.budgets()
        self.due = bootstrap.due_requests()
        self.writing = Writing(self.store)
        self.partner = service(Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE)

    # --- what people and machines do ----------------------------------------------------------

    def ask(self, amount: Decimal) -> None:
        """A clerk creates a request and submits it."""
        made = requests.create(
            new_request(amountRequested=amount),
            by=CLERK,
            at=self.now,
            writing=self.writing,
            calendar=EndlessQuarter(),
            due=self.due,
            budget_store=self.budgets,
            finance=self.ledger,
        )
        requests.submit(
            made.id, by=CLERK, at=self.now, review_days=ReviewDays(), writing=self.writing
        )

    def approve(self, request_id: int, buffer: int, *, override: bool) -> None:
        """An admin approves, or the SuperAdmin whatever there is."""
        body: dict[str, Any] = {"bufferPercentage": buffer}
        if override:
            body |= {"override": True, "overrideReason": "The auditors are at the door"}
        requests.approve(
            request_id,
            Approval.model_validate(body),
            by=SUPERADMIN if override else ADMIN,
            at=self.now,
            writing=self.writing,
            due=self.due,
            budget_store=self.budgets,
            finance=self.ledger,
        )

    def approve_many(self, request_ids: Iterable[int]) -> None:
        """An admin approves several at once."""
        reviews.approve_many(
            BulkApproval(ids=tuple(request_ids)),
            by=ADMIN,
            at=self.now,
            store=self.store,
            due=self.due,
            budget_store=self.budgets,
            finance=self.ledger,
        )

    def reject(self, request_id: int) -> None:
        """An admin rejects."""
        body = Rejection(review_notes="Not this quarter")
        requests.reject(request_id, body, by=ADMIN, at=self.now, writing=self.writing)

    def cancel(self, request_id: int) -> None:
        """The clerk cancels."""
        body = Cancellation(reason=None)
        requests.cancel(request_id, body, by=CLERK, at=self.now, writing=self.writing)

    def consume(self, request_id: int, share: Decimal | None) -> None:
        """A partner uses up a share of what is held, or all of it."""
        held = self.store.get(request_id).reserved_amount or Decimal(1)
        amount = None if share is None else (held * share).quantize(money.CENT)
        reservations.consume(request_id, amount, by=self.partner, at=self.now, writing=self.writing)

    def release(self, request_id: int) -> None:
        """A partner gives back what is held."""
        reservations.release(request_id, None, by=self.partner, at=self.now, writing=self.writing)

    def sync(self) -> None:
        """The job asks Finance."""
        by = JobName.FINANCE_SYNC.actor
        budgets.sync(
            KEY,
            by=by,
            at=self.now,
            store=self.budgets,
            finance=self.ledger,
            due=self.due,
            requests=self.store,
        )

    def sweep(self) -> None:
        """The nightly job ends what has expired, and tells of what is about to."""
        job = bootstrap.job(JobName.RESERVATION_EXPIRY)
        given = Assignment(
            payload=JobPayload(department="finance"),
            checkpoint=None,
            at=self.now,
            now=lambda: self.now,
            by=JobName.RESERVATION_EXPIRY.actor,
        )
        for _ in job(given):
            pass

    def deliver(self, which: int, *, again: bool) -> None:
        """The worker gets a message: any of those that wait, and maybe not for the last time."""
        event = self.waiting[which % len(self.waiting)]
        holds.tell_finance(
            event,
            at=self.now,
            claims=bootstrap.claims(),
            finance=self.ledger,
            tellings=bootstrap.tellings(),
        )
        if not again and event in self.waiting:
            self.waiting.remove(event)

    # --- how it happens -----------------------------------------------------------------------

    def happen(self, command: Callable[[], None], fate: Fate | None = None) -> bool:
        """Have a command happen, whatever comes of it; says whether it was done."""
        self.now += timedelta(minutes=1)
        self._happened += 1
        number, before, is_done = self._happened, dict(self._requests), False
        self._fate, outer = fate, self._fate
        try:
            command()
            is_done = True
        except (ClaimHeldError, DeliveryFailedError):
            pass  # the message comes back
        except BudgetRequestsError:
            if self._happened == number:  # and nothing else meanwhile
                self._refused(before)
        except Crash:
            pass
        finally:
            self._fate = outer
        self._read_streams()
        return is_done

    def _refused(self, before: dict[int, BudgetRequest]) -> None:
        """Check that a refused command has left every request as it was.

        But for holds that had expired anyway: they are swept on the way to a refusal.
        """
        self._read_streams()
        for request_id, request in self._requests.items():
            if before.get(request_id) == request:
                continue
            was = before.get(request_id)
            if was is None:
                assert request.is_draft  # created; it is the submit that was refused
                continue
            assert was.reservation_expiry is not None
            assert was.reservation_expiry <= self.now
            assert request.reservation_status is ReservationStatus.EXPIRED

    def settle(self) -> None:
        """Have all be well again: messages are taken, what expired is swept, figures fetched."""
        self.ledger.mood, self.ledger.meanwhile = Mood.WELL, None
        self.now += timedelta(minutes=10)  # claims of the dead have ended
        self.happen(self.sweep)
        for _ in range(3 * len(self.waiting) + 3):
            if not self.waiting:
                break
            event = self.waiting[0]
            self.happen(lambda: self.deliver(0, again=False))
            if self.waiting and self.waiting[0] is event:  # a release waits for its reserve
                self.waiting.append(self.waiting.pop(0))
        assert not self.waiting
        self.happen(self.sync)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have the fate of each command meet its calls to DynamoDB until the block ends."""

        def before(**_: object) -> None:
            if self._fate:
                self._fate.before()

        def after(**_: object) -> None:
            if self._fate:
                self._fate.after()

        events = tables.client().meta.events
        events.register_first("before-call.dynamodb", before)
        events.register_last("after-call.dynamodb", after)
        try:
            yield
        finally:
            events.unregister("before-call.dynamodb", before)
            events.unregister("after-call.dynamodb", after)

    def _outside(self) -> None:
        if self._fate:
            self._fate.before()

    def _fetch_number(self) -> int:
        self._read_streams()
        return int(self.row("BUDGET")["fetches"]["N"])

    def _read_streams(self) -> None:
        """Take in what the streams told since, as the relay would, but in the simplest way."""
        for table, known in self._images.items():
            for record in self.aws.streamed(table, after=len(known))["Records"]:
                image = record["dynamodb"]["NewImage"]  # nothing is ever taken out
                known.append(image)
                if table == "budgets" and image["pk"]["S"] == budget_pk(KEY):
                    self._rows[image["sk"]["S"]] = image
                elif image["sk"]["S"] == "REQUEST":
                    request = stored.request(image)
                    self._requests[request.id] = request
                    for event in stored.outbox(image).events:
                        if event.type.value in FOR_FINANCE:
                            self.waiting.append(PublishedEvent.model_validate(signed(event)))

    # --- what there is, from first principles -------------------------------------------------

    @property
    def requests(self) -> tuple[BudgetRequest, ...]:
        """Every request as it is stored, oldest first."""
        return tuple(self._requests.values())

    @property
    def told(self) -> list[Event]:
        """What was told of more being promised than there is."""
        images = (image for image in self._images["budgets"] if "outbox" in image)
        return [
            event
            for image in images
            for event in Outbox.model_validate_json(image["outbox"]["S"]).events
        ]

    def row(self, sk: str) -> Image:
        """Return a row of the budget's partition; empty where there is none."""
        return self._rows.get(sk, {})

    def check(self) -> None:
        """Check all that must be true whatever has happened."""
        known = self._requests
        self._check_money(known)
        self._check_what_is_told(known)

    def _check_money(self, known: dict[int, BudgetRequest]) -> None:
        overridden = {
            money.to_cents(request.reserved_amount or Decimal(0))
            for request in known.values()
            if request.override_reason
        }
        held, available = self._check_each_write(overridden)
        assert held == money.to_cents(sum(map(_outstanding, known.values()), Decimal(0)))
        self._check_what_finance_was_told(known)
        self._check_what_is_shown(available)

    def _check_what_finance_was_told(self, known: dict[int, BudgetRequest]) -> None:
        """Check that the budget's row sums up how far each hold has come with Finance."""
        claimed = reserved = sent = heard = Decimal(0)
        for request in known.values():
            claimed += _outstanding(request)
            if not request.hold_event_id:
                continue
            stage = _number(self.row(hold_sk(request.hold_event_id)), "stage")
            is_reserved_there = request.hold_event_id in self.ledger.reserved
            assert (stage >= RESERVED) <= is_reserved_there <= (stage >= RESERVING)
            held = request.reserved_amount or Decimal(0)
            freed = held - _outstanding(request)
            claimed += freed * (stage >= RELEASING)
            reserved += held * (stage >= RESERVED)
            sent += held * (stage >= RESERVING) + freed * (stage >= RELEASING)
            heard += held * (stage >= RESERVED) + freed * (stage >= RELEASED)
        sums = {"claimed": claimed, "reserved": reserved, "sent": sent, "heard": heard}
        row = self.row("BUDGET")
        assert {name: _number(row, f"{name}_cents") for name in sums} == {
            name: money.to_cents(amount) for name, amount in sums.items()
        }

    def _check_what_is_shown(self, available: int) -> None:
        """Check that what has expired counts no more for readers, swept or not."""
        known = self.budgets.get(KEY)
        if known is None:
            return
        shown = reservations.counting_expired(KEY, known, self.now, due=self.due, store=self.store)
        expired = sum(
            (
                request.reserved_amount or Decimal(0)
                for request in self.requests
                if request.is_reserved
                and request.reservation_expiry
                and request.reservation_expiry <= self.now
            ),
            Decimal(0),
        )
        assert shown.available == money.from_cents(available) + expired

    def _check_each_write(self, overridden: set[int]) -> tuple[int, int]:
        """Return what is held, and what is available (cents), having looked at each write.

        There is never more available than Finance had left at the look into its books, and all that
        is promised allows; and never less than that by more than the doubt. Nothing takes what is
        not there but an override; `overridden` is what those hold. That more is promised than there
        is, is told only where that is so.
        """
        held, available, fetch, told = 0, 0, None, 0
        for image in self._images["budgets"]:
            if image.get("sk", {}).get("S") != "BUDGET":
                continue
            now, brought = _number(image, "available_cents"), image.get("figures_fetch")
            if brought == fetch:
                held += available - now
                assert now >= min(available, 0) or available - now in overridden
            available, fetch = now, brought
            if not brought:
                continue
            base, remaining = self.ledger.told[int(brought["N"])]
            room = money.to_cents(base) - held
            assert now <= room <= now + _number(image, "doubt_cents")
            assert _number(image, "remaining_cents") == money.to_cents(remaining)
            if _number(image, "events_so_far") > told:
                told += 1
                assert room < 0
        assert told == len(self.told)
        return held, available

    def _check_what_is_told(self, known: dict[int, BudgetRequest]) -> None:
        told: dict[int, list[Outbox]] = {}
        versions: dict[int, list[int]] = {}
        for image in self._images["requests"]:
            if image.get("sk", {}).get("S") != "REQUEST":
                continue
            request = stored.request(image)
            told.setdefault(request.id, []).append(stored.outbox(image))
            versions.setdefault(request.id, []).append(request.version)
        for request in known.values():
            changes = told[request.id]
            events = [event for change in changes for event in change.events]
            assert versions[request.id] == list(range(1, request.version + 1))
            assert request.version == len(request.history) + request.archived_history
            assert all(change.events for change in changes)
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            kinds = Counter(event.type.value for event in events)
            assert kinds["budget_request.approved"] <= 1
            assert sum(kinds[end] for end in ENDS) <= kinds["budget_request.approved"]
            assert (request.status is Status.APPROVED) <= bool(kinds["budget_request.approved"])

    def check_settled(self) -> None:
        """Check that, with all said and done, no money is promised twice and none is unusable."""
        self.check()
        promised = sum(map(_outstanding, self._requests.values()), Decimal(0))
        row = self.row("BUDGET")
        assert money.from_cents(_number(row, "available_cents")) == self.ledger.base - promised
        assert _number(row, "doubt_cents") == 0
        assert self.ledger.remaining == self.ledger.base - promised
        if promised <= self.ledger.base:
            assert "over_committed_since" not in row
        else:
            assert "over_committed_since" in row


def _outstanding(request: BudgetRequest) -> Decimal:
    """Return what a request keeps from others: all of it while held, what it used up after."""
    if request.is_reserved:
        assert request.reserved_amount is not None
        return request.reserved_amount
    return request.consumed_amount or Decimal(0)


def _number(image: dict[str, Any], name: str) -> int:
    return int(image.get(name, {}).get("N", 0))
