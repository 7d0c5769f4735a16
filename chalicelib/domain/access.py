"""Who may do what: the one place where access is decided (SPEC.md 1)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, get_args

from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.model import Value

Department = Literal["finance", "hr", "inventory", "operations"]
DEPARTMENTS: tuple[Department, ...] = get_args(Department)


class Level(StrEnum):
    """How far a role reaches; a service reaches as far as its key's scopes and departments."""

    USER = "user"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"
    SERVICE = "service"


class Scope(StrEnum):
    """What an API key may be good for."""

    REQUESTS_READ = "requests:read"
    REQUESTS_WRITE = "requests:write"
    BUDGETS_READ = "budgets:read"
    SYNC_RUN = "sync:run"
    WEBHOOKS_MANAGE = "webhooks:manage"


#: What ids of services begin with; no token of a person may claim such an id.
SERVICE_ID_PREFIX = "key:"

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


def may_review(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the department's admins and SuperAdmins, but not on their own; raises ForbiddenError."""
    may_review_some(actor)
    may_see(actor, department=department, requested_by=requested_by)
    if actor.id == requested_by:
        raise ForbiddenError("Nobody reviews their own budget request")


def may_review_some(actor: Actor) -> None:
    """Let those who review at all: admins and SuperAdmins; raises ForbiddenError."""
    if actor.level not in {Level.ADMIN, Level.SUPERADMIN}:
        raise ForbiddenError("Only admins can review budget requests")


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


def _key_reaches(actor: Actor, scope: Scope, department: Department) -> None:
    may_call(actor, scope)
    if department not in actor.departments:
        raise ForbiddenError(f"This API key does not reach the department {department}")
