"""The rotation drill: each secret of the running stack takes another's place, and nobody notices.

What it cannot show: that functions which are never asked for what they do not know use the new
secret within five minutes. `tests/adapters/test_secrets.py` shows that.
"""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from infra import bus_keys, rotation, state
from infra import place as places
from infra.cli import app
from infra.local import RunningStack
from infra.place import Place
from infra.secret_names import SecretName
from infra.waiting import wait_for
from tests.e2e.people import People, waiting

pytestmark = pytest.mark.needs("partners")

DEADLINE_SECONDS = 60

Rotate = Callable[..., str]


@pytest.fixture
def rotate(stack: RunningStack) -> Iterator[Rotate]:
    """Rotate a secret by the command line, and end its overlap after the test."""
    begun: list[SecretName] = []

    def run(*arguments: str, given: str | None = None) -> str:
        command = ["rotate", *arguments, "--stack", stack.name]
        done = CliRunner().invoke(app, command, input=given)
        assert done.exit_code == 0, done.output
        begun.append(SecretName(arguments[0]))
        # As every command finds it: with what the stack knows by now.
        known = state.load(stack.name)
        assert known is not None
        stack.secrets = known.known_secrets()
        return done.stdout.strip()

    yield run
    place = places.of_local(stack)
    for name in begun:
        if place.secret(name).state().overlaps:
            rotation.finish(place, name)


def is_believed(stack: RunningStack, token: str) -> bool:
    with stack.http(token) as http:
        status = http.get("/budget-requests?limit=1").status_code
    assert status in {200, 401}
    return status == 200


def test_tokens_and_cursors_outlive_the_secret_that_made_them_until_its_end(
    stack: RunningStack, people: People, rotate: Rotate
) -> None:
    clerk = people.new("Finance Clerk")
    made = [waiting(clerk, department="finance") for _ in range(2)]
    cursor = clerk.get("/budget-requests?limit=1")["meta"]["nextCursor"]

    printed = rotate("JWT_SECRET")
    assert stack.secrets.jwt_secret == printed
    assert is_believed(stack, clerk.token)
    newcomer = people.new("Finance Clerk")
    assert wait_for(lambda: is_believed(stack, newcomer.token), deadline_seconds=DEADLINE_SECONDS)
    rest = clerk.get(f"/budget-requests?limit=1&cursor={cursor}")["data"]
    assert [row["id"] for row in rest] == [made[0]]

    rotate("JWT_SECRET", "--finish")
    assert wait_for(lambda: not is_believed(stack, clerk.token), deadline_seconds=DEADLINE_SECONDS)
    assert is_believed(stack, people.new("Finance Clerk").token)


def test_finance_hears_of_everything_while_its_key_is_exchanged(
    stack: RunningStack, people: People, rotate: Rotate
) -> None:
    rotate("FINANCE_API_KEY", "--stdin", given="a-key-that-finance-issued\n")
    clerk, admin = people.new("Finance Clerk"), people.new("Finance Admin")
    request = waiting(clerk, department="finance", amount=100)
    admin.post(f"/budget-requests/{request}/approve")

    def accepted() -> list[int]:
        posts = [c for c in stack.finance.received() if c.method == "POST" and c.accepted]
        return [c.json_body()["budgetRequestId"] for c in posts]

    assert wait_for(lambda: request in accepted(), deadline_seconds=DEADLINE_SECONDS)


def test_keys_of_partners_can_be_exchanged_one_by_one(stack: RunningStack, rotate: Rotate) -> None:
    place: Place = places.of_local(stack)

    def new_key() -> str:
        return bus_keys.create(
            place,
            source="procurement",
            types=["reservation.consumed"],
            departments=["finance"],
            expires=None,
        )[1]

    before = place.secret(SecretName.BUS_KEYS_SECRET).read()
    assert rotate("BUS_KEYS_SECRET") == ""  # nobody needs to know it
    after = place.secret(SecretName.BUS_KEYS_SECRET).read()
    assert before != after
    assert new_key().startswith("bks_")


def test_a_second_rotation_waits_for_the_end_of_the_first(
    stack: RunningStack, rotate: Rotate
) -> None:
    rotate("BUS_SIGNING_KEY")
    again = CliRunner().invoke(app, ["rotate", "BUS_SIGNING_KEY", "--stack", stack.name])
    assert "--finish" in str(again.exception)
    shown = CliRunner().invoke(app, ["rotate", "--stack", stack.name]).stdout
    assert "BUS_SIGNING_KEY  in force since" in shown
    assert stack.secrets.bus_signing_key not in shown
