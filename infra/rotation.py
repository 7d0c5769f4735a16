"""Rotating a stack's secrets without downtime: the new one beside the old one, then without it."""

from collections.abc import Iterable
from secrets import token_urlsafe

from chalicelib.adapters.secrets import CACHE_SECONDS, LOOK_AGAIN_SECONDS, OVERLAP_DAYS
from chalicelib.domain.events import AuditAction
from infra import operator_audit, parameters
from infra.errors import OperatorError
from infra.place import Place, told_clearly
from infra.secret_names import SecretName
from infra.secret_store import SecretState

#: Only who issues these can say what they are.
ISSUED_BY = {SecretName.FINANCE_API_KEY: "Finance", SecretName.AUDIT_API_KEY: "Audit"}

_SEEN = (
    f"Every function accepts it within {LOOK_AGAIN_SECONDS:.0f} seconds and uses it within"
    f" {CACHE_SECONDS / 60:.0f} minutes."
)


def rotate(place: Place, name: SecretName, value: str | None) -> str:
    """Put `value`, or one that is made up, in force beside the old one, and return it.

    Audit is told before, of the secret's name alone.
    Raises OperatorError where an overlap is still on, and for a value that will not do.
    """
    if value is None and name in ISSUED_BY:
        raise OperatorError(f"{ISSUED_BY[name]} issues {name}: give it on stdin, with --stdin.")
    new = parameters.checked_secret(name, token_urlsafe(48) if value is None else value)
    with told_clearly():
        store = place.secret(name)
        state = store.state()
        if state.overlaps:
            raise OperatorError(
                f"{name} is being rotated since {state.since:%Y-%m-%d %H:%M} UTC; end that first,"
                f" with `python -m infra rotate {name} --finish`."
            )
        if store.is_in_force(new):
            raise OperatorError(f"That is the {name} in force already.")
        operator_audit.tell(place, AuditAction.SECRET_ROTATE, name, {"secret": name})
        store.end_overlap()  # one that ended by itself: its version is none of two that count
        store.put(new)
    return new


def finish(place: Place, name: SecretName) -> None:
    """Have the secret before accepted no more; Audit is told. Raises OperatorError for none."""
    with told_clearly():
        store = place.secret(name)
        if store.state().overlaps_until is None:
            raise OperatorError(f"{name} is not being rotated.")
        operator_audit.tell(place, AuditAction.SECRET_FINISH, name, {"secret": name})
        store.end_overlap()


def states(place: Place) -> Iterable[SecretState]:
    """Return how each secret stands."""
    with told_clearly():
        return [place.secret(name).state() for name in SecretName]


def line(state: SecretState) -> str:
    """Return how a secret stands as a line for people."""
    overlap = ""
    if state.overlaps and state.overlaps_until:
        overlap = f"; the one before is accepted until {state.overlaps_until:%Y-%m-%d %H:%M} UTC"
    return f"{state.name:<16} in force since {state.since:%Y-%m-%d %H:%M} UTC{overlap}"


def told(name: SecretName) -> str:
    """Return what an operator is to know after a rotation began."""
    return (
        f"{_SEEN} The one before is accepted for {OVERLAP_DAYS} days, or until"
        f" `python -m infra rotate {name} --finish`."
    )
