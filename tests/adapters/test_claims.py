"""The contract of claims."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.adapters import claims as dynamo
from chalicelib.domain.errors import ClaimHeldError
from chalicelib.usecases.ports import Claim
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT
from tests.fakes import FakeClaims

SECOND = timedelta(seconds=1)
LEASE = dynamo.LEASE_SECONDS * SECOND


def test_the_first_to_ask_gets_the_claim(stores: Stores) -> None:
    assert stores.claims.claim("audit", "evt_1", AT) is Claim.MINE

    with pytest.raises(ClaimHeldError, match="audit is at work on evt_1"):
        stores.claims.claim("audit", "evt_1", AT + LEASE)


def test_each_consumer_and_each_event_has_a_claim_of_its_own(stores: Stores) -> None:
    asked = [("audit", "evt_1"), ("audit", "evt_2"), ("finance", "evt_1")]

    assert {stores.claims.claim(consumer, event, AT) for consumer, event in asked} == {Claim.MINE}


def test_a_lease_that_ended_is_free(stores: Stores) -> None:
    stores.claims.claim("audit", "evt_1", AT)

    assert stores.claims.claim("audit", "evt_1", AT + LEASE + SECOND) is Claim.MINE


def test_a_claim_given_back_is_free_at_once(stores: Stores) -> None:
    stores.claims.claim("audit", "evt_1", AT)

    stores.claims.release("audit", "evt_1")

    assert stores.claims.claim("audit", "evt_1", AT) is Claim.MINE


def test_what_is_done_stays_done(stores: Stores) -> None:
    stores.claims.claim("audit", "evt_1", AT)
    stores.claims.complete("audit", "evt_1", AT)

    assert stores.claims.claim("audit", "evt_1", AT) is Claim.DONE
    assert stores.claims.claim("audit", "evt_1", AT + timedelta(days=14)) is Claim.DONE


def test_a_slow_worker_that_gives_its_claim_back_late_undoes_nothing(stores: Stores) -> None:
    stores.claims.claim("audit", "evt_1", AT)
    stores.claims.complete("audit", "evt_1", AT)

    stores.claims.release("audit", "evt_1")

    assert stores.claims.claim("audit", "evt_1", AT) is Claim.DONE


def test_the_fake_has_the_lease_of_the_real_one() -> None:
    assert FakeClaims.LEASE_SECONDS == dynamo.LEASE_SECONDS


def test_a_claim_is_forgotten_by_the_table_itself(aws: Aws) -> None:
    bootstrap.claims().claim("audit", "evt_1", AT)

    (row,) = aws.rows("work")
    assert int(row["expires_at"]["N"]) == int((AT + timedelta(days=30)).timestamp())
