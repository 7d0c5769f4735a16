"""Which secrets a stack keeps, and what they are called in the template."""

from collections.abc import Mapping
from enum import StrEnum


class SecretName(StrEnum):
    """The secrets that a stack keeps, named like the settings."""

    JWT_SECRET = "JWT_SECRET"  # noqa: S105 - a name
    FINANCE_API_KEY = "FINANCE_API_KEY"
    AUDIT_API_KEY = "AUDIT_API_KEY"
    BUS_SIGNING_KEY = "BUS_SIGNING_KEY"
    BUS_SEAL_KEY = "BUS_SEAL_KEY"
    BUS_KEYS_SECRET = "BUS_KEYS_SECRET"  # noqa: S105 - a name


#: The template's parameters that a stack is created with; afterwards it keeps what it has.
PARAMETERS: Mapping[str, SecretName] = {
    "JwtSecret": SecretName.JWT_SECRET,
    "FinanceApiKey": SecretName.FINANCE_API_KEY,
    "AuditApiKey": SecretName.AUDIT_API_KEY,
    "BusSigningKey": SecretName.BUS_SIGNING_KEY,
}

#: What keeps each in the template.
RESOURCES: Mapping[SecretName, str] = {
    **{name: f"{parameter}Value" for parameter, name in PARAMETERS.items()},
    SecretName.BUS_SEAL_KEY: "BusSealKeyValue",
    SecretName.BUS_KEYS_SECRET: "BusKeysSecretValue",
}

#: What the stack makes up, and nobody outside it needs to know.
MADE_UP = RESOURCES.keys() - PARAMETERS.values()
