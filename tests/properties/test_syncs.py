"""Fetches of one budget overlap and are answered in any order: the last that began has its say."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.domain.budgets import BudgetKey
from chalicelib.domain.syncs import Fetch, Recording
from chalicelib.usecases.ports import BudgetStore
from tests.factories import ADMIN, AT, KEY, figures
from tests.fakes import FakeBudgetStore

#: What happens: a fetch begins, or one that began (by its place) brings figures, or nothing.
BEGINS = st.just("begins")
BRINGS = st.tuples(st.integers(min_value=0, max_value=9), st.integers(min_value=-3, max_value=3))
FAILS = st.tuples(st.integers(min_value=0, max_value=9), st.none())
STORIES = st.lists(BEGINS | BRINGS | FAILS, min_size=1, max_size=12)

_years = count(2000)


@dataclass
class Model:
    """A budget from first principles."""

    recorded: int = 0
    said: list[int] = field(default_factory=list)
    is_stale: bool = False

    @property
    def episodes(self) -> int:
        """How often too much was promised anew, nothing being held."""
        pairs = zip([0, *self.said], self.said, strict=False)
        return sum(1 for before, after in pairs if after < 0 <= before)


def tell(store: BudgetStore, key: BudgetKey, story: list[object]) -> Model:
    """Have it all happen, with a model beside it."""
    began: list[Fetch] = []
    model = Model()
    for step in story:
        if step == "begins":
            began.append(store.begin_fetch(key))
            continue
        assert isinstance(step, tuple)
        place, remaining = step
        if place >= len(began):
            continue
        fetch = began[place]
        is_newer = fetch.number > model.recorded
        if remaining is None:
            store.mark_stale(key, fetch=fetch, at=AT, why="silent")
            model.is_stale = model.is_stale or is_newer
            continue
        recording = store.record(key, figures(remaining), fetch=fetch, by=ADMIN, at=AT)
        assert (recording is Recording.OVERTAKEN) is (fetch.number < model.recorded)
        if is_newer:
            model.recorded, model.is_stale = fetch.number, False
            model.said.append(remaining)
    return model


def check(store: BudgetStore, key: BudgetKey, model: Model) -> None:
    """Hold what is kept against the model."""
    kept = store.get(key)
    if not model.said:
        assert kept is None
        return
    assert kept
    assert kept.available == Decimal(model.said[-1])
    assert kept.is_stale is model.is_stale
    assert (kept.over_committed_since is not None) is kept.is_over_committed
    versions = [int(s.figures.remaining_amount) for s in store.figures_so_far(key, 100)]
    pairs = zip([None, *model.said], model.said, strict=False)
    assert versions == [after for before, after in pairs if before != after][::-1]


@given(STORIES)
def test_the_fake_keeps_what_the_last_fetch_brought(story: list[object]) -> None:
    store = FakeBudgetStore()

    model = tell(store, KEY, story)

    check(store, KEY, model)
    assert len([e for told in store.told for e in told.events]) == model.episodes


@pytest.mark.usefixtures("aws")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
def test_the_table_keeps_what_the_last_fetch_brought(story: list[object]) -> None:
    store = bootstrap.budgets()
    key = KEY.model_copy(update={"fiscal_year": next(_years)})

    model = tell(store, key, story)

    check(store, key, model)
