"""Commands of partners: verified, then done once, by the same verbs as HTTP (SPEC.md 7).

What a message changes is written in the same transaction as the receipt that it was done, under
its source and id, so that it acts once, wherever a function dies and however often it comes.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from chalicelib.domain import access, bus_keys, inbound
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.bus_keys import BusKey, Command
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BudgetUnknownError,
    BusyError,
    ClaimHeldError,
    ConfigurationError,
    ConflictError,
    DeliveryFailedError,
    FinanceUnavailableError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    IdempotencyKeyTakenError,
    RequestNotFoundError,
    StaleVersionError,
)
from chalicelib.domain.fiscal import FiscalCalendar, FiscalQuarter
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.inbound import (
    BudgetUpdated,
    Consumed,
    Delivered,
    Message,
    Parked,
    PurchaseRequestApproved,
    Reason,
    RejectedError,
    ReleaseRequested,
)
from chalicelib.domain.requests import BudgetRequest, Status
from chalicelib.domain.syncs import SyncOutcome
from chalicelib.usecases import budgets, requests, reservations
from chalicelib.usecases.ports import (
    BudgetStore,
    BusKeys,
    DueRequests,
    Finance,
    ParkedMessages,
    Receipts,
    Rejections,
    RequestStore,
)
from chalicelib.usecases.writing import Writing

#: What passes: the message comes back. Whatever else the service refuses, it refuses for good.
_PASSING = (
    BusyError,
    ClaimHeldError,
    ConfigurationError,
    ConflictError,
    DeliveryFailedError,
    FinanceUnavailableError,
    IdempotencyKeyTakenError,
    StaleVersionError,
)

_DONE = 200


@dataclass(frozen=True)
class Works:
    """All that commands of partners need; their keys' secrets are derived from one of `roots`."""

    keys: BusKeys
    roots: Iterable[str]
    receipts: Receipts
    parked: ParkedMessages
    rejections: Rejections
    store: RequestStore
    due: DueRequests
    budgets: BudgetStore
    finance: Finance
    calendar: FiscalCalendar
    review_days: ReviewDays


def take(delivered: Delivered, *, at: datetime, works: Works) -> Parked | None:
    """Do what a message asks for, once; return what was parked where it is refused for good.

    Who listens on the bus is told of a refusal, with its reason. Raises what may pass, and the
    message is to come back then: it does not grow old by that. DeliveryFailedError, BusyError,
    ConflictError, FinanceUnavailableError, IdempotencyKeyTakenError.
    """
    named, detail = inbound.opened(delivered.body)
    try:
        message = inbound.read(delivered.body, detail)
        key = _verified(message, delivered, works)
        _Taking(message, key, at, works).do(delivered)
    except RejectedError as why:
        parked = Parked.of(delivered, named, why, at)
        works.parked.park(parked)
        works.rejections.tell(parked)
        return parked
    return None


def _verified(message: Message, delivered: Delivered, works: Works) -> BusKey:
    known = bus_keys.is_well_formed(message.key_id)
    key = works.keys.find(message.key_id) if known else None
    secrets = (bus_keys.secret_of(message.key_id, root) for root in works.roots)
    return inbound.verify(message, key, secrets, delivered.arrived_at)


class _Done(BaseModel):
    """What a receipt keeps of what was done: the request it was done to, if any."""

    request_id: int | None


@dataclass(frozen=True)
class _Taking:
    """One verified message, on its way to become an effect."""

    message: Message
    key: BusKey
    at: datetime
    works: Works

    def do(self, delivered: Delivered) -> None:
        """Do what is asked for, or what is left of it; raises RejectedError, or what may pass."""
        receipt = self.works.receipts.find(self._caller, self.message.id, self.at)
        if receipt is None:
            self._have_been_fresh(delivered)
        try:
            self._act(receipt)
        except RejectedError:
            raise
        except Exception:  # our own faults as well: it may be sent back once they are mended
            self._remember_that_it_was_fresh()
            raise

    def _act(self, receipt: Receipt | None) -> None:
        command = inbound.command_of(self.message, self.key)
        if receipt is not None and receipt.fingerprint != self.message.fingerprint:
            raise RejectedError.by(IdempotencyKeyReusedError())
        try:
            if receipt is None:
                self._acts[command]()
            elif command is Command.PURCHASE_REQUEST_APPROVED:
                self._submit(_Done.model_validate_json(receipt.body).request_id)
        except _PASSING:
            raise
        except ForbiddenError:  # the type is the key's, so it is the department that is not
            raise RejectedError(Reason.DEPARTMENT_NOT_ALLOWED) from None
        except BudgetRequestsError as error:
            raise RejectedError.by(error) from None

    @property
    def _acts(self) -> dict[Command, Callable[[], object]]:
        return {
            Command.PURCHASE_REQUEST_APPROVED: self._create_and_submit,
            Command.BUDGET_UPDATED: self._sync,
            Command.CONSUMED: self._consume,
            Command.RELEASE_REQUESTED: self._release,
        }

    def _create_and_submit(self) -> None:
        """Create with the receipt, then submit: whoever dies in between finds the receipt."""
        made = requests.create(
            inbound.data_as(PurchaseRequestApproved, self.message),
            by=self._by,
            at=self.at,
            writing=self._writing,
            calendar=self.works.calendar,
            due=self.works.due,
            budget_store=self.works.budgets,
            finance=self.works.finance,
        )
        self._submit(made.id)

    def _submit(self, request_id: int | None) -> None:
        with suppress(RequestNotFoundError):  # a draft that somebody threw away stays away
            request = self.works.store.get(request_id or 0)
            if request.is_draft and request.status is Status.PENDING:
                requests.submit(
                    request.id,
                    by=self._by,
                    at=self.at,
                    review_days=self.works.review_days,
                    writing=Writing(self.works.store, expected={request.version}),
                )

    def _sync(self) -> None:
        asked = inbound.data_as(BudgetUpdated, self.message)
        access.may_sync_budget(self._by, asked.department)
        now = self.works.calendar.quarter_of(self.at)
        quarter = FiscalQuarter(
            year=asked.fiscal_year or now.year, period=asked.fiscal_period or now.period
        )
        key = BudgetKey.of(asked.department, quarter)
        synced = budgets.sync(
            key,
            by=self._by,
            at=self.at,
            store=self.works.budgets,
            finance=self.works.finance,
            due=self.works.due,
            requests=self.works.store,
        )
        if synced.outcome is SyncOutcome.UNKNOWN:
            raise BudgetUnknownError(str(key))
        if not synced.is_synced:
            raise FinanceUnavailableError(synced.why)
        with suppress(IdempotencyKeyTakenError):  # done twice it does no harm
            self.works.receipts.keep(self._receipt(None))

    def _consume(self) -> None:
        asked = inbound.data_as(Consumed, self.message)
        reservations.consume(
            asked.budget_request_id, asked.amount, by=self._by, at=self.at, writing=self._writing
        )

    def _release(self) -> None:
        asked = inbound.data_as(ReleaseRequested, self.message)
        reservations.release(
            asked.budget_request_id, asked.reason, by=self._by, at=self.at, writing=self._writing
        )

    def _have_been_fresh(self, delivered: Delivered) -> None:
        """Refuse what was not new when it arrived, now or when it came first.

        When it came first was written down where it could not be done then: who sends it back
        from a dead-letter queue makes it arrive anew.
        """
        try:
            inbound.judge_freshness(self.message, delivered.arrived_at)
        except RejectedError:
            admitted = self.works.receipts.find(self._admission, self.message.id, self.at)
            if admitted is None or admitted.fingerprint != self.message.fingerprint:
                raise

    def _remember_that_it_was_fresh(self) -> None:
        receipt = self._receipt(None).model_copy(update={"caller": self._admission})
        with suppress(IdempotencyKeyTakenError):
            self.works.receipts.keep(receipt)

    @property
    def _by(self) -> Actor:
        return self.key.service

    @property
    def _writing(self) -> Writing:
        return Writing(self.works.store, receipt=self._receipt)

    def _receipt(self, done_to: BudgetRequest | None) -> Receipt:
        return Receipt(
            caller=self._caller,
            key=self.message.id,
            fingerprint=self.message.fingerprint,
            status=_DONE,
            headers={},
            body=_Done(request_id=done_to.id if done_to else None).model_dump_json(),
            expires_at=self.at + inbound.REMEMBER,
        )

    @property
    def _caller(self) -> str:
        """Whose ids these are; no caller over HTTP has such a name."""
        return self._by.id

    @property
    def _admission(self) -> str:
        return f"admitted:{self._by.id}"
