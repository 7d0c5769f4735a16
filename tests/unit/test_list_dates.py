"""The dates of a list's question: whole days, both ends included."""

from datetime import UTC, datetime

from chalicelib.domain.listing import ListQuery, Selection, select
from tests.factories import SUPERADMIN


def selected(**query: str) -> Selection:
    found = select(ListQuery.model_validate(query), SUPERADMIN)
    assert found is not None
    return found


def test_the_last_day_is_included_whole() -> None:
    assert selected(dateTo="2026-12-31").last == datetime(2027, 1, 1, tzinfo=UTC)


def test_the_last_day_there_is_ends_no_list() -> None:
    assert selected(dateTo="9999-12-31").last is None


def test_the_first_day_begins_at_midnight() -> None:
    assert selected(dateFrom="2026-03-01").first == datetime(2026, 3, 1, tzinfo=UTC)
