"""The made up quarter: the same for the same seed, possible, and alive."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.access import DEPARTMENTS
from infra import seed, seed_story
from infra.errors import OperatorError
from infra.progress import silent
from infra.seed_story import Verb
from infra.standin_budgets import DepartmentBudgets
from tests.conftest import Aws
from tests.http_api import Api
from tests.partner import Partner

NOW = datetime(2026, 5, 13, 10, 30, tzinfo=UTC)
SEEDS = range(1, 6)


def test_the_same_seed_tells_the_same_story_and_another_one_another() -> None:
    assert seed_story.acts(1, NOW) == seed_story.acts(1, NOW)
    assert seed_story.acts(1, NOW) != seed_story.acts(2, NOW)


@pytest.mark.parametrize("number", SEEDS)
def test_everything_happens_in_order_and_in_the_past(number: int) -> None:
    story = seed_story.acts(number, NOW)
    assert [act.at for act in story] == sorted(act.at for act in story)
    assert story[-1].at < NOW
    begun: set[int] = set()
    for act in story:
        assert (act.number in begun) != (act.verb is Verb.CREATE)
        begun.add(act.number)
    assert len(begun) == seed_story.REQUESTS


@pytest.mark.parametrize("number", SEEDS)
def test_every_department_asks_and_everything_that_can_become_of_a_request_does(
    number: int,
) -> None:
    story = seed_story.acts(number, NOW)
    asked = Counter(act.new.department for act in story if act.new)
    assert set(asked) == set(DEPARTMENTS)
    assert {act.verb for act in story} == set(Verb)


@pytest.mark.parametrize("number", SEEDS)
def test_what_is_approved_fits_the_budgets_of_the_stand_in(number: int) -> None:
    story = seed_story.acts(number, NOW)
    asked = {act.number: act.new for act in story if act.new}
    approved: Counter[str] = Counter()
    for act in story:
        if act.verb is Verb.APPROVE:
            new = asked[act.number]
            approved[new.department] += int(new.amount_requested * (100 + act.percent) / 100)
    budgets = DepartmentBudgets()
    for department, amount in approved.items():
        assert Decimal(amount) < budgets.find(department, 2026, "Q2").remaining_amount


@pytest.mark.usefixtures("finance")
def test_the_story_becomes_what_the_service_would_have_made_of_it_once(
    api: Api,
    aws: Aws,
    finance: Partner,  # noqa: ARG001 - budgets come from it
) -> None:
    now = datetime.now(UTC)
    whole = seed_story.acts(1, now, count=60)
    recent = {act.number for act in whole if act.new and now - act.at < timedelta(days=12)}
    story = [act for act in whole if act.number in recent]
    sown = seed.sow(story, silent())

    assert (sown.requests, sown.acts, sown.short_of_money) == (len(recent), len(story), 0)
    rows = [row for row in aws.rows("requests") if row["sk"]["S"] == "REQUEST"]
    assert len(rows) == len(recent) > 4
    dashboard = api.get("/analytics/dashboard", "SuperAdmin").data["totals"]
    assert dashboard["requests"]["total"] == len(recent)
    assert dashboard["requests"]["approved"] > 0
    first = api.get(f"/budget-requests/{min(int(r['pk']['S'][8:]) for r in rows)}", "SuperAdmin")
    assert datetime.fromisoformat(first.data["createdAt"]).date() == story[0].at.date()
    assert first.data["approvalHistory"][-1]["changedBy"].startswith(seed_story.PERSON)

    with pytest.raises(OperatorError, match="has been seeded already"):
        seed.sow(story, silent())
