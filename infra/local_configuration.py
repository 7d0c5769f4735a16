"""The configuration of a local stack: the caller's, else defaults, stand-ins, random secrets."""

import json
from collections.abc import Mapping
from secrets import token_urlsafe

from infra import parameters
from infra.dependencies import LOCAL_STAGE
from infra.state import Secrets

DEFAULT_DEPARTMENT_ADMINS = json.dumps(
    {
        department: [f"{department}.admin@example.com"]
        for department in ("finance", "hr", "inventory", "operations")
    }
)
_DEFAULTS = {
    "CORS_ORIGIN": "http://localhost:3000",
    "FRONTEND_URL": "http://localhost:3000",
    "MAIL_FROM": "budget-requests@example.com",
    "LOG_LEVEL": "INFO",
    "DEPARTMENT_ADMINS": DEFAULT_DEPARTMENT_ADMINS,
}


def secrets_for(environment: Mapping[str, str], kept: Secrets | None) -> Secrets:
    """Return what the caller sets, else what the stack has already, else new random ones."""
    values = {} if kept is None else kept.model_dump()
    chosen = {
        field: environment.get(field.upper()) or values.get(field) or token_urlsafe(32)
        for field in Secrets.model_fields
    }
    return Secrets(**chosen)


def parameters_for(
    environment: Mapping[str, str], secrets: Secrets, *, finance_url: str, audit_url: str
) -> dict[str, str]:
    """Return the template's parameters: the caller's, else a local stack's own."""
    given = {name: value for name, value in environment.items() if value}
    local = {**_DEFAULTS, "FINANCE_API_URL": finance_url, "AUDIT_LOGS_API_URL": audit_url}
    secret = {name.upper(): value for name, value in secrets.model_dump().items()}
    return parameters.collect({**local, **given, **secret}, stage=LOCAL_STAGE)
