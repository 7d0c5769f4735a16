"""An event's effect happens once, however often it is delivered."""

from datetime import timedelta

import pytest

from chalicelib.domain.errors import ClaimHeldError
from chalicelib.usecases.once import once
from tests.factories import AT
from tests.fakes import FakeClaims


class Effect:
    """Something that happens, or raises."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.happened = 0
        self._error = error

    def __call__(self) -> None:
        if self._error:
            raise self._error
        self.happened += 1


def test_what_is_done_is_not_repeated() -> None:
    claims, effect = FakeClaims(), Effect()

    for _ in range(3):
        once(claims, "finance", "evt_1", AT, effect)

    assert effect.happened == 1


def test_each_consumer_and_each_event_has_its_own_turn() -> None:
    claims, effect = FakeClaims(), Effect()

    once(claims, "finance", "evt_1", AT, effect)
    once(claims, "audit", "evt_1", AT, effect)
    once(claims, "finance", "evt_2", AT, effect)

    assert effect.happened == 3


def test_a_claim_held_by_another_worker_raises_and_nothing_happens() -> None:
    claims, effect = FakeClaims(), Effect()
    claims.claim("finance", "evt_1", AT)

    with pytest.raises(ClaimHeldError):
        once(claims, "finance", "evt_1", AT + timedelta(seconds=1), effect)

    assert effect.happened == 0


def test_a_worker_that_died_holds_its_claim_only_until_its_lease_ends() -> None:
    claims, effect = FakeClaims(), Effect()
    claims.claim("finance", "evt_1", AT)

    once(claims, "finance", "evt_1", AT + timedelta(minutes=1), effect)

    assert effect.happened == 1


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit()])
def test_an_act_that_raises_gives_its_claim_back(error: BaseException) -> None:
    claims, effect = FakeClaims(), Effect()
    with pytest.raises(type(error)):
        once(claims, "finance", "evt_1", AT, Effect(error))

    once(claims, "finance", "evt_1", AT, effect)

    assert effect.happened == 1
