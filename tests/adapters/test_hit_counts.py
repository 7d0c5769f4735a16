"""The contract of the record of how caches do."""

from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.adapters.hit_counts import REMEMBER
from chalicelib.domain.metrics import Hits
from tests.adapters.conftest import Stores
from tests.conftest import Aws
from tests.factories import AT

TODAY = AT.date()
YESTERDAY = TODAY - timedelta(days=1)


def test_what_several_processes_count_adds_up_by_day(stores: Stores) -> None:
    stores.hit_counts.add(YESTERDAY, Hits(hits=1, misses=1))
    stores.hit_counts.add(TODAY, Hits(hits=3, misses=2))
    stores.hit_counts.add(TODAY, Hits(hits=4, misses=0))

    assert stores.hit_counts.of([TODAY]) == Hits(hits=7, misses=2)
    assert stores.hit_counts.of([YESTERDAY, TODAY]) == Hits(hits=8, misses=3)


def test_a_day_without_calls_has_counted_nothing(stores: Stores) -> None:
    assert stores.hit_counts.of([TODAY]) == Hits()


@pytest.mark.usefixtures("environment")
def test_a_days_counts_end_by_themselves(aws: Aws) -> None:
    bootstrap.hit_counts().add(TODAY, Hits(hits=1))

    (row,) = aws.rows("work")
    midnight = AT.replace(hour=0)
    assert int(row["expires_at"]["N"]) == int((midnight + REMEMBER).timestamp())
