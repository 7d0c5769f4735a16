"""What makes a partner's message good, and that it is done once: on fakes."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pynamodb.exceptions import PutError

from chalicelib.domain import bus_keys, inbound
from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.bus_keys import BusKey, Command, NewBusKey
from chalicelib.domain.changes import Change
from chalicelib.domain.deadlines import ReviewDays
from chalicelib.domain.errors import (
    BudgetRequestsError,
    BusyError,
    DeliveryFailedError,
    ForbiddenError,
    IdempotencyKeyTakenError,
    InvalidInputError,
)
from chalicelib.domain.events import AuditAction
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.inbound import Delivered, Parked, Reason
from chalicelib.domain.requests import BudgetRequest, ReservationStatus, Status
from chalicelib.usecases import bus_keys as key_verbs
from chalicelib.usecases import inbound as usecase
from tests import fakes, samples
from tests.factories import (
    ADMIN,
    AT,
    BUS_KEYS_SECRET,
    CALENDAR,
    KEY,
    LATER,
    PARTNER,
    SUPERADMIN,
    approved,
    bus_key,
    created,
    figures,
    finance_said,
    purchase_data,
    submitted,
)

#: When messages arrive here: one second after they say they were sent, which is LATER.
ARRIVED = LATER + timedelta(seconds=1)
FIVE_MINUTES = timedelta(minutes=5)


class Worker:
    """The use case on fakes, and what became of the messages it was brought."""

    def __init__(self, *keys: BusKey) -> None:
        self.budgets = fakes.FakeBudgetStore()
        self.receipts = fakes.FakeReceipts()
        self.store = fakes.FakeRequestStore(self.budgets, self.receipts)
        self.finance = fakes.FakeFinance(figures())
        self.keys = fakes.FakeBusKeys()
        self.parked = fakes.FakeParkedMessages()
        self.rejections = fakes.FakeRejections()
        for key in keys or (bus_key(),):
            self.keys.add(key, audit=created().audit)
        self.works = usecase.Works(
            keys=self.keys,
            roots=(BUS_KEYS_SECRET,),
            receipts=self.receipts,
            parked=self.parked,
            rejections=self.rejections,
            store=self.store,
            due=fakes.FakeDueRequests(self.store),
            budgets=self.budgets,
            finance=self.finance,
            calendar=CALENDAR,
            review_days=ReviewDays(),
        )

    def take(
        self,
        message: dict[str, Any] | str,
        *,
        arrived: datetime = ARRIVED,
        at: datetime | None = None,
    ) -> Parked | None:
        body = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        delivered = Delivered(body=body, arrived_at=arrived, delivery_id="delivery-1")
        return usecase.take(delivered, at=at or arrived, works=self.works)

    def held(self) -> BudgetRequest:
        """Return a request that holds 52 500.00."""
        finance_said(self.budgets, figures())
        for change in (created(), submitted(), approved()):
            self.store.commit(change)
        return self.store.all()[0]


def asking(
    command: str = Command.PURCHASE_REQUEST_APPROVED,
    data: dict[str, Any] | None = None,
    key: BusKey | None = None,
    **more: str,
) -> dict[str, Any]:
    return samples.asking(command, purchase_data() if data is None else data, key=key, **more)


def reason(parked: Parked | None) -> Reason:
    assert parked
    return parked.reason


def refusal(parked: Parked | None) -> str | None:
    """Return the code with which the service itself refused a good message."""
    assert parked
    assert parked.reason is Reason.REFUSED
    return parked.code


def test_an_approved_purchase_request_becomes_a_submitted_budget_request() -> None:
    worker = Worker()

    assert worker.take(asking()) is None

    (request,) = worker.store.all()
    assert (request.status, request.is_draft) == (Status.PENDING, False)
    assert request.linked_purchase_request_id == "PR-77"
    assert request.linked_purchase_request_ref_no == "PR-2026-077"
    assert request.amount_requested == Decimal(50_000)
    assert request.requested_by == f"bus:{PARTNER}"
    assert [change.events[0].type for change in worker.store.changes] == [
        "budget_request.created",
        "budget_request.submitted",
    ]
    assert worker.rejections.told == []


def test_a_message_acts_once_however_often_it_comes() -> None:
    worker = Worker()

    for _ in range(3):
        assert worker.take(asking()) is None
    # Sent again with a new time, and signed with the partner's next key.
    newer = bus_key(key_id=f"bus_{2:024x}")
    worker.keys.add(newer, audit=created().audit)
    assert worker.take(asking(time="2026-03-10T12:01:01Z", key=newer)) is None
    # Replayed when it has grown old: it is done, and stays done.
    assert worker.take(asking(), arrived=ARRIVED + timedelta(days=2)) is None

    assert len(worker.store.all()) == 1
    assert len(worker.store.changes) == 2


def test_two_sources_may_use_the_same_id() -> None:
    worker = Worker(bus_key(), bus_key(key_id=f"bus_{2:024x}", source="legal"))

    worker.take(asking())
    worker.take(asking(key=bus_key(key_id=f"bus_{2:024x}", source="legal")))

    assert len(worker.store.all()) == 2


def test_an_id_that_comes_again_with_something_else_is_refused() -> None:
    worker = Worker()
    worker.take(asking())

    parked = worker.take(asking(data=purchase_data(amountRequested=1)))

    assert refusal(parked) == "IDEMPOTENCY_KEY_REUSED"
    assert len(worker.store.all()) == 1


def test_keys_of_data_may_come_in_another_order() -> None:
    worker = Worker()
    message = asking()
    data = message["detail"]["data"]
    message["detail"]["data"] = dict(reversed(data.items()))
    assert list(message["detail"]["data"]) != list(data)

    assert worker.take(message) is None

    assert len(worker.store.all()) == 1


def _flipped(message: dict[str, Any]) -> None:
    message["detail"]["data"]["amountRequested"] += 1


def _as_another(message: dict[str, Any]) -> None:
    message["detail"]["source"] = "legal"


def _with_another_id(message: dict[str, Any]) -> None:
    message["detail"]["id"] = "msg-2"


def _later(message: dict[str, Any]) -> None:
    message["detail"]["time"] = "2026-03-10T12:01:01Z"


def _signed_by_nobody(message: dict[str, Any]) -> None:
    message["detail"]["signature"] = ""


def _signed_in_another_version(message: dict[str, Any]) -> None:
    message["detail"]["signature"] = "v2" + message["detail"]["signature"][2:]


def _cut_off(message: dict[str, Any]) -> None:
    message["detail"]["signature"] = message["detail"]["signature"][:-2]


def _signed_outside_ascii(message: dict[str, Any]) -> None:
    message["detail"]["signature"] = "v1,ünterschrift"


def _with_an_unknown_key(message: dict[str, Any]) -> None:
    message["detail"]["keyId"] = f"bus_{9:024x}"


def _with_what_is_no_key(message: dict[str, Any]) -> None:
    message["detail"]["keyId"] = "API_KEYS"


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_flipped, Reason.BAD_SIGNATURE),
        (_with_another_id, Reason.BAD_SIGNATURE),
        (_later, Reason.BAD_SIGNATURE),
        (_signed_in_another_version, Reason.BAD_SIGNATURE),
        (_cut_off, Reason.BAD_SIGNATURE),
        (_signed_outside_ascii, Reason.BAD_SIGNATURE),
        (_signed_by_nobody, Reason.MALFORMED),
        (_as_another, Reason.UNKNOWN_KEY),
        (_with_an_unknown_key, Reason.UNKNOWN_KEY),
        (_with_what_is_no_key, Reason.UNKNOWN_KEY),
    ],
)
def test_a_forged_message_is_refused_parked_and_answered(
    spoil: Callable[[dict[str, Any]], None], expected: Reason
) -> None:
    worker = Worker()
    message = asking()
    spoil(message)

    parked = worker.take(message)

    assert reason(parked) is expected
    assert worker.store.all() == []
    assert worker.rejections.told == [parked]
    assert worker.parked.of_day(ARRIVED.date(), limit=9) == (parked,)


def test_every_flipped_bit_of_a_signature_is_noticed() -> None:
    worker = Worker()
    message = asking()
    good = base64.b64decode(message["detail"]["signature"].removeprefix("v1,"))
    for number in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[number // 8] ^= 1 << number % 8
        message["detail"]["signature"] = "v1," + base64.b64encode(flipped).decode()
        assert reason(worker.take(message)) is Reason.BAD_SIGNATURE

    assert worker.store.all() == []


def test_another_keys_secret_is_a_bad_signature() -> None:
    other = bus_key(key_id=f"bus_{2:024x}")
    message = asking(key=other)
    message["detail"]["keyId"] = bus_key().key_id

    assert reason(Worker(bus_key(), other).take(message)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (timedelta(), None),
        (FIVE_MINUTES, None),
        (FIVE_MINUTES + timedelta(milliseconds=1), Reason.TOO_OLD),
        (timedelta(days=400), Reason.TOO_OLD),
        (-FIVE_MINUTES, None),
        (-FIVE_MINUTES - timedelta(milliseconds=1), Reason.IN_THE_FUTURE),
        (-timedelta(days=400), Reason.IN_THE_FUTURE),
    ],
)
def test_a_message_is_fresh_when_it_arrives_or_not_at_all(
    age: timedelta, expected: Reason | None
) -> None:
    parked = Worker().take(asking(), arrived=LATER + age)

    assert (parked.reason if parked else None) is expected


def test_a_message_does_not_grow_old_while_it_waits_for_us() -> None:
    worker = Worker()

    assert worker.take(asking(), at=ARRIVED + timedelta(days=10)) is None

    assert len(worker.store.all()) == 1


def test_what_could_not_be_done_may_be_sent_back_from_the_dead_letters() -> None:
    worker = Worker()
    message = asking(Command.BUDGET_UPDATED, {"department": "finance"})
    worker.finance.is_silent = True
    with pytest.raises(BudgetRequestsError):
        worker.take(message)
    worker.finance.is_silent = False

    much_later = ARRIVED + timedelta(days=13)
    assert worker.take(message, arrived=much_later) is None  # to the queue it is a new message
    assert worker.finance.fetches == 2


def test_what_was_never_fresh_does_not_become_so_by_an_outage() -> None:
    worker = Worker()
    worker.finance.is_silent = True

    old = asking(Command.BUDGET_UPDATED, {"department": "finance"})
    assert reason(worker.take(old, arrived=ARRIVED + timedelta(hours=1))) is Reason.TOO_OLD


def test_a_key_is_good_for_its_types_alone() -> None:
    key = bus_key(types=(Command.CONSUMED, Command.RELEASE_REQUESTED))
    worker = Worker(key)

    assert reason(worker.take(asking(key=key))) is Reason.TYPE_NOT_ALLOWED
    assert reason(worker.take(asking("no.such.type", key=key))) is Reason.TYPE_NOT_ALLOWED
    assert worker.store.all() == []


@pytest.mark.parametrize("command", Command)
def test_a_key_is_good_for_its_departments_alone(command: Command) -> None:
    key = bus_key(departments=("hr", "inventory", "operations"))
    worker = Worker(key)
    held = worker.held()
    changes = len(worker.store.changes)
    data = {"budgetRequestId": held.id, "department": "hr"}  # what it says counts for nothing
    if command is Command.PURCHASE_REQUEST_APPROVED:
        data = purchase_data()
    if command is Command.BUDGET_UPDATED:
        data = {"department": "finance"}

    assert reason(worker.take(asking(command, data, key=key))) is Reason.DEPARTMENT_NOT_ALLOWED
    assert len(worker.store.changes) == changes
    assert worker.finance.fetches == 0


def test_a_key_that_was_revoked_or_has_expired_is_unknown() -> None:
    revoked = bus_key(is_active=False)
    expired = bus_key(expires_at=ARRIVED)

    assert reason(Worker(revoked).take(asking())) is Reason.UNKNOWN_KEY
    assert reason(Worker(expired).take(asking())) is Reason.UNKNOWN_KEY
    assert Worker(bus_key(expires_at=ARRIVED + timedelta(seconds=1))).take(asking()) is None


def test_keys_are_exchanged_without_a_gap() -> None:
    old, new = bus_key(), bus_key(key_id=f"bus_{2:024x}")
    worker = Worker(old, new)

    assert worker.take(asking(key=old, id="one")) is None
    assert worker.take(asking(key=new, id="two")) is None
    worker.keys.revoke(old, by="operator", at=AT, audit=created().audit)
    assert reason(worker.take(asking(key=old, id="three"))) is Reason.UNKNOWN_KEY
    assert worker.take(asking(key=new, id="four")) is None

    assert len(worker.store.all()) == 3


def _deep() -> str:
    return '{"detail": {"id": "x", "data": ' + "[" * 60_000 + "]" * 60_000 + "}}"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "null",
        '{"detail": null}',
        '{"detail": "text"}',
        '{"detail": {}}',
        '{"detail": {"id": "a", "id": "a"}}',
        '{"detail": {"data": NaN}}',
        '{"detail": {"data": ' + "9" * 5000 + "}}",
        _deep(),
    ],
)
def test_what_is_no_message_is_refused_and_parked(body: str) -> None:
    worker = Worker()

    parked = worker.take(body)

    assert reason(parked) is Reason.MALFORMED
    assert worker.rejections.told == [parked]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"id": 7},
        {"id": ""},
        {"id": "with a space"},
        {"id": "x" * 201},
        {"source": None},
        {"time": "soon"},
        {"time": 1773144060},
        {"time": "2026-03-10T12:01:00"},
        {"data": []},
        {"data": {"amount": 2**53}},
        {"data": {"text": "\ud800"}},
        {"signature": None},
        {"keyId": []},
    ],
)
def test_a_message_with_a_wrong_part_is_malformed(spoilt: dict[str, Any]) -> None:
    message = asking()
    message["detail"] |= spoilt

    assert reason(Worker().take(json.dumps(message))) is Reason.MALFORMED


def test_a_message_of_300_kb_is_refused_by_its_name() -> None:
    worker = Worker()

    parked = worker.take(asking(data=purchase_data(padding="x" * 300_000)))

    assert parked
    assert (parked.reason, parked.named.id) == (Reason.MALFORMED, "msg-1")
    assert len(parked.content) == 4096
    assert worker.store.all() == []


def test_data_that_the_type_does_not_take_are_refused_with_all_that_is_wrong() -> None:
    worker = Worker()

    parked = worker.take(asking(data=purchase_data(amountRequested=-1, department="legal")))

    assert parked
    assert parked.reason is Reason.MALFORMED
    assert [each.split(":")[0] for each in parked.errors] == [
        "data.department",
        "data.amountRequested",
    ]


def test_what_more_data_hold_is_ignored() -> None:
    item = {"itemName": "Laptop", "quantity": 2, "unitCost": 1250, "totalCost": 2500, "sku": "x"}

    assert Worker().take(asking(data=purchase_data(items=[item], buyer="Ada"))) is None


def test_a_purchase_request_names_itself() -> None:
    data = purchase_data()
    del data["linkedPurchaseRequestId"]

    assert reason(Worker().take(asking(data=data))) is Reason.MALFORMED


def test_amounts_are_read_as_they_were_signed() -> None:
    worker = Worker()
    assert worker.take(asking(data=purchase_data(amountRequested=0.1))) is None
    assert worker.store.all()[0].amount_requested == Decimal("0.10")

    parked = worker.take(asking(data=purchase_data(amountRequested=0.123), id="msg-2"))
    assert reason(parked) is Reason.MALFORMED


def test_a_hold_is_consumed_in_part_once() -> None:
    worker = Worker()
    held = worker.held()
    message = asking(Command.CONSUMED, {"budgetRequestId": held.id, "amount": 50_000.5})

    assert worker.take(message) is None
    assert worker.take(message) is None

    consumed = worker.store.get(held.id)
    assert consumed.reservation_status is ReservationStatus.CONSUMED
    assert consumed.consumed_amount == Decimal("50000.50")
    again = worker.take(asking(Command.CONSUMED, {"budgetRequestId": held.id}, id="msg-2"))
    assert refusal(again) == "ALREADY_CONSUMED"


def test_a_hold_is_released() -> None:
    worker = Worker()
    held = worker.held()
    data = {"budgetRequestId": held.id, "reason": "The order was cancelled"}

    assert worker.take(asking(Command.RELEASE_REQUESTED, data)) is None

    released = worker.store.get(held.id)
    assert released.reservation_status is ReservationStatus.RELEASED
    assert released.history[-1].comments == "The order was cancelled"


def test_more_than_is_held_is_refused_with_what_is_wrong() -> None:
    worker = Worker()
    held = worker.held()

    parked = worker.take(
        asking(Command.CONSUMED, {"budgetRequestId": held.id, "amount": 9_000_000})
    )

    assert parked
    assert (parked.reason, parked.code) == (Reason.REFUSED, "VALIDATION_ERROR")
    assert parked.errors
    assert worker.store.get(held.id).reservation_status is ReservationStatus.HELD


def test_a_request_that_nobody_knows_is_refused() -> None:
    parked = Worker().take(asking(Command.CONSUMED, {"budgetRequestId": 20260000099}))

    assert refusal(parked) == "NOT_FOUND"


def test_an_updated_budget_is_fetched_at_once_whatever_is_known() -> None:
    worker = Worker()
    finance_said(worker.budgets, figures(1))
    data = {"department": "finance", "fiscalYear": 2026, "fiscalPeriod": "Q1"}

    assert worker.take(asking(Command.BUDGET_UPDATED, data)) is None

    kept = worker.budgets.get(KEY)
    assert kept
    assert kept.figures == figures()
    assert worker.take(asking(Command.BUDGET_UPDATED, data)) is None
    assert worker.finance.fetches == 1


def test_a_budget_that_finance_does_not_know_is_refused() -> None:
    worker = Worker()
    worker.finance.figures = None

    parked = worker.take(asking(Command.BUDGET_UPDATED, {"department": "hr"}))

    assert refusal(parked) == "BUDGET_UNKNOWN"


class _Dying(fakes.FakeRequestStore):
    """Dies at its second write: after the draft, before it is submitted."""

    dies = True

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        if self.dies and changes[0].before is not None:
            self.dies = False
            raise KeyboardInterrupt
        super().commit(*changes, receipt=receipt)


def test_who_dies_between_create_and_submit_creates_no_second_one() -> None:
    worker = Worker()
    store = _Dying(worker.budgets, worker.receipts)
    worker.works = usecase.Works(**(vars(worker.works) | {"store": store}))
    with pytest.raises(KeyboardInterrupt):
        worker.take(asking())
    assert [request.is_draft for request in store.all()] == [True]

    assert worker.take(asking(), at=ARRIVED + timedelta(hours=2)) is None

    assert [request.is_draft for request in store.all()] == [False]
    assert worker.rejections.told == []


class _Busy(fakes.FakeRequestStore):
    """Is busy, or found its receipt taken by another worker, at its first write."""

    def __init__(
        self,
        error: type[Exception],
        budgets: fakes.FakeBudgetStore,
        receipts: fakes.FakeReceipts,
    ) -> None:
        super().__init__(budgets, receipts)
        self.error: type[Exception] | None = error

    def commit(self, *changes: Change, receipt: Receipt | None = None) -> None:
        if self.error:
            error, self.error = self.error, None
            raise error
        super().commit(*changes, receipt=receipt)


@pytest.mark.parametrize("error", [BusyError, PutError, ZeroDivisionError])
def test_what_died_of_our_own_fault_may_be_sent_back_from_the_dead_letters(
    error: type[Exception],
) -> None:
    worker = Worker()
    store = _Busy(error, worker.budgets, worker.receipts)
    worker.works = usecase.Works(**(vars(worker.works) | {"store": store}))
    with pytest.raises(error):
        worker.take(asking())

    much_later = ARRIVED + timedelta(days=13)
    assert worker.take(asking(), arrived=much_later) is None

    assert len(store.all()) == 1


def test_what_was_refused_for_good_is_not_remembered_as_fresh() -> None:
    worker = Worker()
    message = asking(Command.CONSUMED, {"budgetRequestId": 4711, "amount": 1})
    assert refusal(worker.take(message)) == "NOT_FOUND"

    again = worker.take(message, arrived=ARRIVED + timedelta(days=13))

    assert reason(again) is Reason.TOO_OLD


@pytest.mark.parametrize("error", [BusyError, IdempotencyKeyTakenError])
def test_what_passes_brings_the_message_back(error: type[Exception]) -> None:
    worker = Worker()
    store = _Busy(error, worker.budgets, worker.receipts)
    worker.works = usecase.Works(**(vars(worker.works) | {"store": store}))

    with pytest.raises(error):
        worker.take(asking())
    assert worker.rejections.told == []
    assert worker.take(asking()) is None

    assert len(store.all()) == 1


def test_a_refusal_that_could_not_be_told_comes_back_and_is_parked_once() -> None:
    worker = Worker()
    worker.rejections.is_silent = True
    with pytest.raises(DeliveryFailedError):
        worker.take("not json")
    worker.rejections.is_silent = False

    parked = worker.take("not json", at=ARRIVED + timedelta(hours=1))

    assert worker.parked.of_day(ARRIVED.date(), limit=9) == (parked,)
    assert worker.rejections.told == [parked]


def test_an_answer_names_the_message_and_nothing_of_its_content() -> None:
    message = asking(data=purchase_data(purpose="A secret purpose of ours"))
    message["detail"]["signature"] = "v1,AAAA"
    parked = Worker().take(message)
    assert parked

    event = inbound.rejection_event(parked, key=b"k" * 32, key_id="budget-requests")

    assert "secret purpose" not in json.dumps(event)
    assert event["type"] == "message.rejected"
    assert event["data"] == {
        "id": "msg-1",
        "source": PARTNER,
        "type": "purchase_request.approved",
        "keyId": bus_key().key_id,
        "reason": "BAD_SIGNATURE",
        "code": None,
        "errors": [],
        "arrivedAt": "2026-03-10T12:01:01.000Z",
    }


def test_what_a_stranger_calls_himself_is_not_repeated_where_it_is_no_name() -> None:
    message = asking()
    message["detail"] |= {"id": "x\ny", "source": "<script> ", "signature": "v1,AAAA"}

    parked = Worker().take(message)

    assert parked
    assert (parked.named.id, parked.named.source) == (None, None)


def new_key(**more: object) -> NewBusKey:
    given = {
        "source": PARTNER,
        "types": [Command.CONSUMED, Command.CONSUMED],
        "departments": ["hr", "finance"],
    }
    return NewBusKey.model_validate(given | more)


def test_a_new_key_has_a_secret_of_its_own_that_is_kept_nowhere() -> None:
    keys = fakes.FakeBusKeys()

    made = [
        key_verbs.create(new_key(), by=SUPERADMIN, at=AT, keys=keys, root=BUS_KEYS_SECRET)
        for _ in range(2)
    ]

    (one, secret), (other, another) = made
    assert (one.types, one.departments) == ((Command.CONSUMED,), ("finance", "hr"))
    assert one.key_id != other.key_id
    assert secret != another
    assert secret == bus_keys.secret_of(one.key_id, BUS_KEYS_SECRET)
    assert bus_keys.secret_of(one.key_id, "another root") != secret
    assert [entry.action for entry in keys.told] == [AuditAction.BUS_KEY_CREATE] * 2
    assert secret not in str(keys.told) + str(keys.all())


def test_a_revoked_key_is_told_of_once() -> None:
    keys = fakes.FakeBusKeys()
    key, _ = key_verbs.create(new_key(), by=SUPERADMIN, at=AT, keys=keys, root=BUS_KEYS_SECRET)

    for _ in range(2):
        ended = key_verbs.revoke(key.key_id, by=SUPERADMIN, at=LATER, keys=keys)
        assert ended
        assert not ended.is_active
    assert key_verbs.revoke("bus_none", by=SUPERADMIN, at=LATER, keys=keys) is None

    assert [entry.action for entry in keys.told][1:] == [AuditAction.BUS_KEY_REVOKE]
    assert len(key_verbs.list_all(by=SUPERADMIN, keys=keys)) == 1


def test_only_operators_manage_keys_and_none_is_made_that_has_expired() -> None:
    keys = fakes.FakeBusKeys()

    with pytest.raises(ForbiddenError):
        key_verbs.create(new_key(), by=ADMIN, at=AT, keys=keys, root=BUS_KEYS_SECRET)
    expired = new_key(expiresAt=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidInputError):
        key_verbs.create(expired, by=SUPERADMIN, at=AT, keys=keys, root=BUS_KEYS_SECRET)
    assert keys.all() == ()


@pytest.mark.parametrize("source", ["", "a b", "a#b", "budget-requests", "budget-requests.audit"])
def test_a_source_is_a_plain_name_and_not_our_own(source: str) -> None:
    with pytest.raises(ValueError, match="source"):
        new_key(source=source)


def test_every_command_has_what_its_actor_is_good_for() -> None:
    assert set(bus_keys.SCOPES) == set(Command)
    assert bus_key(departments=DEPARTMENTS[:1]).service.departments == DEPARTMENTS[:1]
