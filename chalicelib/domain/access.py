"""Who may do what: the one place where access is decided (SPEC.md 1)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, get_args

from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.model import Value

Department = Literal["finance", "hr", "inventory", "operations"]
DEPARTMENTS: tuple[Department, ...] = get_args(Department)


class Level(StrEnum):
    """How far a role reaches; a service reaches as far as its key's scopes and departments.

    SYSTEM is this service itself, in what it does of its own accord.
    """

    USER = "user"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"
    SERVICE = "service"
    SYSTEM = "system"


class Scope(StrEnum):
    """What a service may be good for."""

    REQUESTS_READ = "requests:read"
    REQUESTS_WRITE = "requests:write"
    BUDGETS_READ = "budgets:read"
    SYNC_RUN = "sync:run"
    WEBHOOKS_MANAGE = "webhooks:manage"
    RESERVATIONS_CONSUME = "reservations:consume"
    RESERVATIONS_RELEASE = "reservations:release"
    REQUESTS_SUBMIT = "requests:submit"


#: What only commands on the bus are good for, and so no API key.
BUS_SCOPES = frozenset(
    {Scope.RESERVATIONS_CONSUME, Scope.RESERVATIONS_RELEASE, Scope.REQUESTS_SUBMIT}
)


#: What ids of services, and of this one, begin with; no token of a person may claim such an id.
SERVICE_ID_PREFIX = "key:"
BUS_ID_PREFIX = "bus:"
SYSTEM_ID_PREFIX = "system:"

#: The role under which services stand in histories and audit entries.
SERVICE_ROLE = "Service"


class Actor(Value):
    """Who proved who they are: a person with a role, or a service with an API key.

    A person has a `department`, None where the role names none we know. A service has `scopes`
    and `departments` instead.
    """

    id: str
    name: str
    role: str
    level: Level
    department: Department | None
    email: str | None = None
    scopes: tuple[Scope, ...] = ()
    departments: tuple[Department, ...] = ()

    @property
    def principal(self) -> str:
        """The name under which calls are counted: never the same for two, `user:…` or `key:…`."""
        return self.id if self.level is Level.SERVICE else f"user:{self.id}"


def level_of(role: str) -> Level:
    """Read a role from whole words: `Administrative Clerk` is a user, `Finance Admin` is not."""
    words = role.split()
    if words == ["SuperAdmin"]:
        return Level.SUPERADMIN
    return Level.ADMIN if words[-1:] == ["Admin"] else Level.USER


def department_of(role: str) -> Department | None:
    """Return the department a role's leading word names, else None."""
    leading = role.split(maxsplit=1)[0].lower() if role.strip() else ""
    return next((department for department in DEPARTMENTS if department == leading), None)


def may_call(actor: Actor, scope: Scope | None) -> None:
    """Let keys call only what takes keys, and only with its scope; raises ForbiddenError.

    People may call everything: what they may do there is for the rules below.
    """
    if actor.level is not Level.SERVICE:
        return
    if scope is None:
        raise ForbiddenError("API keys cannot do this; it takes a person's token")
    if scope not in actor.scopes:
        raise ForbiddenError(f"This takes an API key with the scope {scope}")


def may_create(actor: Actor, department: Department) -> None:
    """Users and admins create for their own department, keys for theirs; raises ForbiddenError."""
    if actor.level is Level.SERVICE:
        _key_reaches(actor, Scope.REQUESTS_WRITE, department)
        return
    if actor.level is Level.SUPERADMIN:
        raise ForbiddenError("A SuperAdmin does not create budget requests")
    if actor.department != department:
        raise ForbiddenError("Budget requests can be created for your own department only")


def may_see(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the owner, the department's admins and keys, any SuperAdmin; raises ForbiddenError."""
    if actor.level is Level.SERVICE:
        _key_reaches(actor, Scope.REQUESTS_READ, department)
        return
    if actor.level is Level.SUPERADMIN or actor.id == requested_by:
        return
    if actor.level is Level.ADMIN and actor.department == department:
        return
    raise ForbiddenError("Access denied")


def may_edit(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the owner and the department's admins edit and submit; raises ForbiddenError."""
    if actor.level is Level.SERVICE:
        raise ForbiddenError("API keys do not edit, submit or cancel budget requests")
    if actor.level is Level.SUPERADMIN:
        raise ForbiddenError("A SuperAdmin does not edit or submit budget requests")
    may_see(actor, department=department, requested_by=requested_by)


def may_submit(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let those who edit, and services on the bus what they made; raises ForbiddenError."""
    if actor.level is Level.SERVICE and Scope.REQUESTS_SUBMIT in actor.scopes:
        _key_reaches(actor, Scope.REQUESTS_SUBMIT, department)
        if actor.id != requested_by:
            raise ForbiddenError("A service submits what it created itself, and nothing else")
        return
    may_edit(actor, department=department, requested_by=requested_by)


def may_review(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the department's admins and SuperAdmins, but not on their own; raises ForbiddenError."""
    may_review_some(actor)
    may_see(actor, department=department, requested_by=requested_by)
    if actor.id == requested_by:
        raise ForbiddenError("Nobody reviews their own budget request")


def may_override(actor: Actor) -> None:
    """SuperAdmins only hold what a budget does not have; raises ForbiddenError."""
    if actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin overrides a budget's limit")


def may_end_hold(actor: Actor, scope: Scope, department: Department) -> None:
    """Let services that are good for this kind of end, in their departments.

    `scope` is `reservations:consume` or `reservations:release`. Raises ForbiddenError.
    """
    if actor.level is not Level.SERVICE:
        raise ForbiddenError("Only services consume or release what a budget request holds")
    _key_reaches(actor, scope, department)


def may_act_on_time(actor: Actor) -> None:
    """Let the service itself alone do what is done because time has passed.

    Raises ForbiddenError.
    """
    if actor.level is not Level.SYSTEM:
        raise ForbiddenError("Only the service itself does this, when it is time")


def may_review_some(actor: Actor) -> None:
    """Let those who review at all: admins and SuperAdmins; raises ForbiddenError."""
    if actor.level not in {Level.ADMIN, Level.SUPERADMIN}:
        raise ForbiddenError("Only admins can review budget requests")


def budgets_seen_by(actor: Actor) -> tuple[Department, ...]:
    """Return whose budgets `actor` may see: the own department's, all, or those of the key."""
    if actor.level is Level.SERVICE:
        return actor.departments
    if actor.level is Level.SUPERADMIN:
        return DEPARTMENTS
    return (actor.department,) if actor.department else ()


def may_see_budget(actor: Actor, department: Department) -> None:
    """Let everyone of the department, keys of it, any SuperAdmin; raises ForbiddenError."""
    if actor.level is Level.SERVICE:
        _key_reaches(actor, Scope.BUDGETS_READ, department)
    elif department not in budgets_seen_by(actor):
        raise ForbiddenError("You may see the budget of your own department only")


def budgets_synced_by(actor: Actor) -> tuple[Department, ...]:
    """Return whose budgets `actor` may have synced.

    Raises ForbiddenError for users, and for admins of a department that we do not know.
    """
    departments = budgets_seen_by(actor)
    if actor.level is Level.USER or not departments:
        raise ForbiddenError("Only admins sync budgets")
    return departments


def may_sync_budget(actor: Actor, department: Department) -> None:
    """Let the department's admins and keys, and any SuperAdmin; raises ForbiddenError."""
    if actor.level is Level.SERVICE:
        _key_reaches(actor, Scope.SYNC_RUN, department)
    elif department not in budgets_synced_by(actor):
        raise ForbiddenError("You may sync the budget of your own department only")


def may_see_metrics(actor: Actor) -> None:
    """SuperAdmins only; raises ForbiddenError."""
    if actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin sees the service's metrics")


def analysed_by(actor: Actor) -> tuple[Department, ...]:
    """Return whose figures `actor` may see: an admin's own department's, all for SuperAdmins.

    Raises ForbiddenError.
    """
    if actor.level is Level.SUPERADMIN:
        return DEPARTMENTS
    if actor.level is not Level.ADMIN or actor.department is None:
        raise ForbiddenError("Only admins see the figures of departments")
    return (actor.department,)


def may_analyse(actor: Actor, department: Department) -> None:
    """Let the department's admins and SuperAdmins; raises ForbiddenError."""
    if department not in analysed_by(actor):
        raise ForbiddenError("You may see the figures of your own department only")


def may_search_items(actor: Actor) -> None:
    """Let department admins and SuperAdmins; raises ForbiddenError."""
    if actor.level not in {Level.ADMIN, Level.SUPERADMIN}:
        raise ForbiddenError("Only admins search for items")


def may_manage_webhooks(actor: Actor, departments: Iterable[Department] = ()) -> None:
    """Let SuperAdmins, and keys for webhooks that hear of their departments alone.

    No `departments` stands for all of them, as in a subscription. Raises ForbiddenError.
    """
    if actor.level is Level.SERVICE:
        for department in tuple(departments) or DEPARTMENTS:
            _key_reaches(actor, Scope.WEBHOOKS_MANAGE, department)
    elif actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin manages webhooks")


def may_manage_api_keys(actor: Actor) -> None:
    """SuperAdmins only; raises ForbiddenError."""
    if actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin manages API keys")


def may_run_jobs(actor: Actor) -> None:
    """SuperAdmins only, and so for their records; raises ForbiddenError."""
    if actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin runs jobs")


def _key_reaches(actor: Actor, scope: Scope, department: Department) -> None:
    may_call(actor, scope)
    if department not in actor.departments:
        raise ForbiddenError(f"This API key does not reach the department {department}")
