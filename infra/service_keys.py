"""API keys of a running stack, made and revoked through its own API as its operator."""

import re
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain import api_keys
from infra import operator_api, tokens
from infra.local import RunningStack

_DURATION = re.compile(r"\d+[a-z]")


def create(
    stack: RunningStack,
    *,
    name: str,
    scopes: list[str],
    departments: list[str],
    expires: str | None,
) -> str:
    """Make a key and return it; `expires` is a duration from now, or a time in ISO 8601.

    Raises OperatorError with all that the service finds wrong.
    """
    body = {"name": name, "scopes": scopes, "departments": departments}
    if expires is not None:
        body["expiresAt"] = moment(expires)
    return str(operator_api.call(stack, "POST", "/api-keys", body)["key"])


def every(stack: RunningStack) -> list[dict[str, Any]]:
    """Return all keys as the API tells them, newest first; raises OperatorError."""
    found: list[dict[str, Any]] = operator_api.call(stack, "GET", "/api-keys")
    return found


def revoke(stack: RunningStack, key: str) -> dict[str, Any]:
    """Revoke a key, named by its id or, one that was found somewhere, by itself.

    Raises OperatorError.
    """
    key_id = api_keys.id_of(api_keys.hash_of(key)) if key.startswith(api_keys.MARK) else key
    revoked: dict[str, Any] = operator_api.call(stack, "DELETE", f"/api-keys/{key_id}")
    return revoked


def line(key: dict[str, Any]) -> str:
    """Return one key as a line for people."""
    state = "active" if key["isActive"] else f"revoked {key['revokedAt']}"
    ends = f"until {key['expiresAt']}" if key["expiresAt"] else "without end"
    reach = f"{','.join(key['scopes'])} for {','.join(key['departments'])}"
    used = key["lastUsedAt"] or "never"
    return f"{key['id']}  {key['prefix']}  {key['name']}: {state}, {ends}; {reach}; used: {used}"


def moment(text: str) -> str:
    """Return what `--expires` says, as a time in ISO 8601."""
    if _DURATION.fullmatch(text):
        return (datetime.now(UTC) + tokens.parse_duration(text)).isoformat()
    return text
