"""What an API key may do: what its scopes and departments allow, and nothing else."""

from collections.abc import Callable
from functools import partial

import pytest

from chalicelib.domain import access
from chalicelib.domain.access import BUS_SCOPES, DEPARTMENTS, Actor, Department, Level, Scope
from chalicelib.domain.errors import ForbiddenError
from tests.factories import ADMIN, CLERK, SUPERADMIN

R, W, HOOKS = Scope.REQUESTS_READ, Scope.REQUESTS_WRITE, Scope.WEBHOOKS_MANAGE


def service(*scopes: Scope, departments: tuple[Department, ...] = ("finance", "hr")) -> Actor:
    return Actor(
        id="key:key_1",
        name="Purchasing",
        role="Service",
        level=Level.SERVICE,
        department=None,
        scopes=scopes,
        departments=departments,
    )


ALL = service(*Scope)


def allowed(rule: Callable[[], None]) -> bool:
    try:
        rule()
    except ForbiddenError:
        return False
    return True


@pytest.mark.parametrize(
    ("by", "department", "may"),
    [
        (service(W), "finance", True),
        (service(W), "hr", True),
        (service(W), "operations", False),
        (service(R, HOOKS), "finance", False),
        (service(), "finance", False),
        (service(W, departments=()), "finance", False),
    ],
)
def test_a_key_creates_for_its_departments(by: Actor, department: Department, *, may: bool) -> None:
    assert allowed(lambda: access.may_create(by, department)) is may


@pytest.mark.parametrize(
    ("by", "department", "may"),
    [
        (service(R), "finance", True),
        (service(R), "hr", True),
        (service(R), "operations", False),
        (service(W, HOOKS), "finance", False),
        (service(), "finance", False),
    ],
)
def test_a_key_reads_what_is_of_its_departments(
    by: Actor, department: Department, *, may: bool
) -> None:
    for owner in ("u-somebody", by.id):  # having made it is no right to read it
        rule = partial(access.may_see, by, department=department, requested_by=owner)
        assert allowed(rule) is may


@pytest.mark.parametrize(
    ("by", "owner", "department", "may"),
    [
        (service(Scope.REQUESTS_SUBMIT), "key:key_1", "finance", True),
        (service(Scope.REQUESTS_SUBMIT), "key:key_1", "operations", False),
        (service(Scope.REQUESTS_SUBMIT), "u-somebody", "finance", False),
        (service(*set(Scope) - BUS_SCOPES), "key:key_1", "finance", False),
    ],
)
def test_a_service_submits_only_what_it_made_and_only_by_a_scope_of_the_bus(
    by: Actor, owner: str, department: Department, *, may: bool
) -> None:
    rule = partial(access.may_submit, by, department=department, requested_by=owner)
    assert allowed(rule) is may


@pytest.mark.parametrize("owner", ["u-somebody", ALL.id])
def test_a_key_never_edits_submits_cancels_or_reviews(owner: str) -> None:
    for rule in (access.may_edit, access.may_review):
        assert not allowed(partial(rule, ALL, department="finance", requested_by=owner))
    assert not allowed(lambda: access.may_manage_api_keys(ALL))
    assert not allowed(lambda: access.may_search_items(ALL))


@pytest.mark.parametrize(
    ("by", "departments", "may"),
    [
        (service(HOOKS), ("finance",), True),
        (service(HOOKS), ("finance", "hr"), True),
        (service(HOOKS), ("finance", "operations"), False),
        (service(HOOKS), (), False),
        (service(HOOKS, departments=DEPARTMENTS), (), True),
        (service(R, W), ("finance",), False),
        (SUPERADMIN, (), True),
        (ADMIN, ("finance",), False),
    ],
)
def test_a_key_manages_webhooks_that_hear_of_its_departments_alone(
    by: Actor, departments: tuple[Department, ...], *, may: bool
) -> None:
    assert allowed(lambda: access.may_manage_webhooks(by, departments)) is may


@pytest.mark.parametrize(
    ("by", "scope", "may"),
    [
        (service(R), R, True),
        (service(R), W, False),
        (ALL, None, False),
        (CLERK, None, True),
        (CLERK, R, True),
        (SUPERADMIN, None, True),
    ],
)
def test_a_key_calls_only_what_takes_its_scope(
    by: Actor, scope: Scope | None, *, may: bool
) -> None:
    assert allowed(lambda: access.may_call(by, scope)) is may


def test_no_person_is_counted_as_a_service() -> None:
    namesake = CLERK.model_copy(update={"id": ALL.id})

    assert ALL.principal == "key:key_1"
    assert namesake.principal == "user:key:key_1"


def test_the_role_of_a_service_is_no_role_a_token_could_claim_its_level_with() -> None:
    assert access.level_of(access.SERVICE_ROLE) is Level.USER
