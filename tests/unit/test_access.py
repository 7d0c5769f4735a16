from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.domain import access
from chalicelib.domain.access import Actor, Department, Level
from chalicelib.domain.errors import ForbiddenError
from tests.factories import actor

OWNER = actor("Finance Clerk", id="u-owner")
COLLEAGUE = actor("Finance Clerk", id="u-colleague")
ADMIN = actor("Finance Admin")
OTHER_ADMIN = actor("HR Admin")
OWNING_ADMIN = actor("Finance Admin", id="u-owner")
SUPERADMIN = actor("SuperAdmin")
OWNING_SUPERADMIN = actor("SuperAdmin", id="u-owner")

Rule = Callable[..., None]


@pytest.mark.parametrize(
    ("role", "level"),
    [
        ("Finance Admin", Level.ADMIN),
        ("HR Admin", Level.ADMIN),
        ("  Finance   Admin  ", Level.ADMIN),
        ("Admin", Level.ADMIN),
        ("SuperAdmin", Level.SUPERADMIN),
        ("Administrative Clerk", Level.USER),
        ("Admin Clerk", Level.USER),
        ("Finance Administrator", Level.USER),
        ("Finance admin", Level.USER),
        ("FINANCE ADMIN", Level.USER),
        ("superadmin", Level.USER),
        ("Finance SuperAdmin", Level.USER),
        ("SuperAdmin Assistant", Level.USER),
        ("FinanceAdmin", Level.USER),
        ("Clerk", Level.USER),
        ("", Level.USER),
        ("   ", Level.USER),
    ],
)
def test_a_level_is_read_from_whole_words(role: str, level: Level) -> None:
    assert access.level_of(role) is level


@pytest.mark.parametrize(
    ("role", "department"),
    [
        ("Finance Admin", "finance"),
        ("finance clerk", "finance"),
        ("HR Admin", "hr"),
        ("hr", "hr"),
        ("INVENTORY Manager", "inventory"),
        ("Operations Admin", "operations"),
        ("Financial Analyst", None),
        ("Administrative Clerk", None),
        ("Chief Finance Admin", None),
        ("SuperAdmin", None),
        ("", None),
        ("  ", None),
    ],
)
def test_the_department_is_the_leading_word(role: str, department: str | None) -> None:
    assert access.department_of(role) == department


@pytest.mark.parametrize(
    ("by", "department", "may"),
    [
        (OWNER, "finance", True),
        (ADMIN, "finance", True),
        (OWNER, "hr", False),
        (ADMIN, "hr", False),
        (SUPERADMIN, "finance", False),
        (actor("Clerk"), "finance", False),
        (actor("Clerk", department="hr"), "hr", True),
    ],
)
def test_who_may_create(by: Actor, department: Department, *, may: bool) -> None:
    assert _allowed(lambda: access.may_create(by, department)) is may


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (access.may_see, {"owner", "admin", "owning admin", "superadmin", "owning superadmin"}),
        (access.may_edit, {"owner", "admin", "owning admin"}),
        (access.may_review, {"admin", "superadmin"}),
    ],
)
def test_who_may_do_what_with_a_request(rule: Rule, allowed: set[str]) -> None:
    people = {
        "owner": OWNER,
        "colleague": COLLEAGUE,
        "admin": ADMIN,
        "other admin": OTHER_ADMIN,
        "owning admin": OWNING_ADMIN,
        "superadmin": SUPERADMIN,
        "owning superadmin": OWNING_SUPERADMIN,
        "admin of nothing": actor("Admin"),
    }

    may = {
        name
        for name, person in people.items()
        if _allowed(partial(rule, person, department="finance", requested_by="u-owner"))
    }

    assert may == allowed


def test_only_a_superadmin_manages_webhooks() -> None:
    assert _allowed(lambda: access.may_manage_webhooks(SUPERADMIN))
    assert not _allowed(lambda: access.may_manage_webhooks(ADMIN))
    assert not _allowed(lambda: access.may_manage_webhooks(OWNER))


def _allowed(rule: Callable[[], None]) -> bool:
    try:
        rule()
    except ForbiddenError:
        return False
    return True
