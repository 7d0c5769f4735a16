"""Who may call what, on the deployed stack: the same table, through the front and the gateway."""

from collections.abc import Iterator

import pytest

from infra.local import RunningStack
from tests.access_matrix import (
    AFTER_SUBMIT,
    CASES,
    ITEM,
    ITEM_DECISION,
    MATRIX,
    SEEN,
    Case,
    House,
    Told,
    expected,
)


@pytest.fixture(scope="module")
def house(running: RunningStack) -> Iterator[House]:
    with running.http() as http:

        def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
            answer = http.request(method, path, headers=headers, content=body)
            return Told(answer.status_code, answer.text)

        def token(role: str) -> str:
            return running.token(role, sub=f"matrix-{role}", name=role)

        yield House(send, token)


@pytest.mark.parametrize(("route", "row"), MATRIX.items(), ids=list(MATRIX))
def test_a_route_lets_in_who_may_and_nobody_else(house: House, route: str, row: str) -> None:
    who_may = expected(row)

    assert house.statuses(route, CASES.get(route, Case()), who_may) == who_may


def test_after_the_submit_an_item_is_for_reviewers_alone(house: House) -> None:
    who_may = expected(AFTER_SUBMIT)

    assert house.statuses(f"PUT {ITEM}", ITEM_DECISION, who_may) == who_may


def test_the_list_shows_everyone_what_they_may_see(house: House) -> None:
    assert house.totals_of_the_list() == expected(SEEN)
