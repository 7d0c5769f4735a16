"""The contract of partners' keys on the bus, and of the messages that were refused."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.domain.bus_keys import secret_of
from chalicelib.domain.errors import FieldError
from chalicelib.domain.inbound import Delivered, Named, Parked, Reason, RejectedError
from chalicelib.domain.messages import Outbox
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT, BUS_KEYS_SECRET, LATER, approved, bus_key, created

# Whatever they say: of the making and of the end of a key.
MADE, ENDED = created().audit, approved().audit


def test_a_key_is_found_as_it_was_kept(stores: Stores) -> None:
    one, other = bus_key(), bus_key(key_id=f"bus_{2:024x}", expires_at=LATER)
    stores.bus_keys.add(one, audit=MADE)
    stores.bus_keys.add(other, audit=MADE)

    assert stores.bus_keys.find(one.key_id) == one
    assert stores.bus_keys.find(f"bus_{3:024x}") is None
    assert {key.key_id for key in stores.bus_keys.all()} == {one.key_id, other.key_id}


def test_a_key_ends_once_and_at_once(stores: Stores) -> None:
    key = bus_key()
    stores.bus_keys.add(key, audit=MADE)

    ended = stores.bus_keys.revoke(key, by="operator", at=LATER, audit=ENDED)
    again = stores.bus_keys.revoke(key, by="somebody", at=AT, audit=ENDED)

    assert (ended.is_active, ended.revoked_by, ended.revoked_at) == (False, "operator", LATER)
    assert again == ended == stores.bus_keys.find(key.key_id)


def test_audit_is_told_in_the_same_writes_and_no_secret_is_kept(aws: Aws) -> None:
    key = bus_key()
    bootstrap.bus_keys().add(key, audit=MADE)
    bootstrap.bus_keys().revoke(key, by="operator", at=LATER, audit=ENDED)

    records = aws.streamed("keys")["Records"]
    told = [Outbox.model_validate_json(r["dynamodb"]["NewImage"]["outbox"]["S"]) for r in records]
    assert [outbox.audit for outbox in told] == [MADE, ENDED]
    assert secret_of(key.key_id, BUS_KEYS_SECRET) not in str(records)


@pytest.mark.usefixtures("aws")
def test_an_api_key_is_no_key_of_the_bus() -> None:
    bootstrap.bus_keys().add(bus_key(), audit=MADE)

    assert bootstrap.api_keys().all() == ()


def parked(number: int, *, late: timedelta = timedelta()) -> Parked:
    delivered = Delivered(body="x" * 5000, arrived_at=AT + late, delivery_id=f"d-{number}")
    why = RejectedError(Reason.REFUSED, code="NOT_FOUND", errors=(FieldError("data.a", "bad"),))
    return Parked.of(delivered, Named(id="msg-1"), why, LATER)


def test_refused_messages_are_found_by_the_day_they_arrived_newest_first(stores: Stores) -> None:
    first, second = parked(1), parked(2, late=timedelta(seconds=1))
    for each in (first, second, first, parked(3, late=timedelta(days=1))):
        stores.parked.park(each)

    assert stores.parked.of_day(AT.date(), limit=9) == (second, first)
    assert stores.parked.of_day(AT.date(), limit=1) == (second,)
    assert len(first.content) == 4096


def test_a_refused_message_leaves_by_itself(aws: Aws) -> None:
    bootstrap.parked_messages().park(parked(1))

    (row,) = aws.rows("work")
    assert int(row["expires_at"]["N"]) == int((LATER + timedelta(days=30)).timestamp())
