"""Who may do what: the one place where access is decided (SPEC.md 1)."""

from enum import StrEnum
from typing import Literal, get_args

from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.model import Value

Department = Literal["finance", "hr", "inventory", "operations"]
DEPARTMENTS: tuple[Department, ...] = get_args(Department)


class Level(StrEnum):
    """How far a role reaches."""

    USER = "user"
    ADMIN = "admin"
    SUPERADMIN = "superadmin"


class Actor(Value):
    """A person who proved who they are; `department` is None where the role names none we know."""

    id: str
    name: str
    role: str
    level: Level
    department: Department | None
    email: str | None = None


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


def may_create(actor: Actor, department: Department) -> None:
    """Users and admins create for their own department; raises ForbiddenError."""
    if actor.level is Level.SUPERADMIN:
        raise ForbiddenError("A SuperAdmin does not create budget requests")
    if actor.department != department:
        raise ForbiddenError("Budget requests can be created for your own department only")


def may_see(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the owner, the department's admins and any SuperAdmin; raises ForbiddenError."""
    if actor.level is Level.SUPERADMIN or actor.id == requested_by:
        return
    if actor.level is Level.ADMIN and actor.department == department:
        return
    raise ForbiddenError("Access denied")


def may_edit(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the owner and the department's admins edit and submit; raises ForbiddenError."""
    if actor.level is Level.SUPERADMIN:
        raise ForbiddenError("A SuperAdmin does not edit or submit budget requests")
    may_see(actor, department=department, requested_by=requested_by)


def may_review(actor: Actor, *, department: Department, requested_by: str) -> None:
    """Let the department's admins and SuperAdmins, but not on their own; raises ForbiddenError."""
    if actor.level is Level.USER:
        raise ForbiddenError("Only admins can review budget requests")
    may_see(actor, department=department, requested_by=requested_by)
    if actor.id == requested_by:
        raise ForbiddenError("Nobody reviews their own budget request")


def may_manage_webhooks(actor: Actor) -> None:
    """SuperAdmins only; raises ForbiddenError."""
    if actor.level is not Level.SUPERADMIN:
        raise ForbiddenError("Only a SuperAdmin manages webhooks")
