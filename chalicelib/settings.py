"""Configuration: the only reader of the environment; typed, frozen, checked when first asked for.

Every function sets only what it needs (infra/template/functions.yaml), so that all but the stage
may be absent here; the builder that needs an absent one refuses with its name. There are no
defaults for secrets or addresses: `X_ARN` names the Secrets Manager secret that holds `X`.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, SecretStr, ValidationError

from chalicelib.domain.access import Department
from chalicelib.domain.errors import ConfigurationError

SERVICE_NAME = "budget-requests"

#: HS256 keys shorter than its hash are guessable (RFC 7518, 3.2).
MIN_JWT_SECRET_BYTES = 32

_HttpUrl = Annotated[
    str, Field(pattern=r"^https?://[^\s/]+"), BeforeValidator(lambda v: v.rstrip("/"))
]
_Value = TypeVar("_Value")


class Settings(BaseModel):
    """The environment of one function; see docs/configuration.md for each variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    stage: str = Field(alias="STAGE", min_length=1)
    stack_name: str | None = Field(None, alias="STACK_NAME", min_length=1)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")

    requests_table: str | None = Field(None, alias="REQUESTS_TABLE", min_length=3)
    budgets_table: str | None = Field(None, alias="BUDGETS_TABLE", min_length=3)
    webhooks_table: str | None = Field(None, alias="WEBHOOKS_TABLE", min_length=3)
    work_table: str | None = Field(None, alias="WORK_TABLE", min_length=3)
    keys_table: str | None = Field(None, alias="KEYS_TABLE", min_length=3)
    told_table: str | None = Field(None, alias="TOLD_TABLE", min_length=3)
    event_bus_name: str | None = Field(None, alias="EVENT_BUS_NAME", min_length=1)
    audit_queue_url: _HttpUrl | None = Field(None, alias="AUDIT_QUEUE_URL")
    jobs_queue_url: _HttpUrl | None = Field(None, alias="JOBS_QUEUE_URL")
    webhooks_queue_url: _HttpUrl | None = Field(None, alias="WEBHOOKS_QUEUE_URL")
    monitored_queues: Json[Mapping[str, _HttpUrl]] | None = Field(None, alias="MONITORED_QUEUES")
    queue_url: _HttpUrl | None = Field(None, alias="QUEUE_URL")
    set_aside_queue_url: _HttpUrl | None = Field(None, alias="SET_ASIDE_QUEUE_URL")

    finance_api_url: _HttpUrl | None = Field(None, alias="FINANCE_API_URL")
    audit_logs_api_url: _HttpUrl | None = Field(None, alias="AUDIT_LOGS_API_URL")
    frontend_url: _HttpUrl | None = Field(None, alias="FRONTEND_URL")
    cors_origin: str | None = Field(None, alias="CORS_ORIGIN", min_length=1)
    mail_from: str | None = Field(None, alias="MAIL_FROM", pattern=r"^[^@\s]+@[^@\s]+$")
    department_admins: Json[Mapping[Department, tuple[str, ...]]] | None = Field(
        None, alias="DEPARTMENT_ADMINS"
    )
    # The month (1 to 12) whose first day begins the fiscal year; calendar quarters by default.
    fiscal_year_first_month: int = Field(1, alias="FISCAL_YEAR_FIRST_MONTH", ge=1, le=12)
    webhook_allow_loopback: bool = Field(default=False, alias="WEBHOOK_ALLOW_LOOPBACK")

    # Figures have defaults, SPEC.md's own: they are neither secrets nor addresses.
    sla_days_urgent: int = Field(1, alias="SLA_DAYS_URGENT", ge=1, le=365)
    sla_days_high: int = Field(3, alias="SLA_DAYS_HIGH", ge=1, le=365)
    sla_days_medium: int = Field(7, alias="SLA_DAYS_MEDIUM", ge=1, le=365)
    sla_days_low: int = Field(14, alias="SLA_DAYS_LOW", ge=1, le=365)
    rate_limit_window_ms: int = Field(900_000, alias="RATE_LIMIT_WINDOW_MS", ge=1000, le=86_400_000)
    rate_limit_max_requests: int = Field(100, alias="RATE_LIMIT_MAX_REQUESTS", ge=1)
    rate_limit_max_creations: int = Field(10, alias="RATE_LIMIT_MAX_CREATIONS", ge=1)

    jwt_secret: SecretStr | None = Field(None, alias="JWT_SECRET")
    jwt_secret_arn: str | None = Field(None, alias="JWT_SECRET_ARN")
    finance_api_key: SecretStr | None = Field(None, alias="FINANCE_API_KEY")
    finance_api_key_arn: str | None = Field(None, alias="FINANCE_API_KEY_ARN")
    audit_api_key: SecretStr | None = Field(None, alias="AUDIT_API_KEY")
    audit_api_key_arn: str | None = Field(None, alias="AUDIT_API_KEY_ARN")
    bus_signing_key: SecretStr | None = Field(None, alias="BUS_SIGNING_KEY")
    bus_signing_key_arn: str | None = Field(None, alias="BUS_SIGNING_KEY_ARN")
    bus_seal_key: SecretStr | None = Field(None, alias="BUS_SEAL_KEY")
    bus_seal_key_arn: str | None = Field(None, alias="BUS_SEAL_KEY_ARN")
    bus_keys_secret: SecretStr | None = Field(None, alias="BUS_KEYS_SECRET")
    bus_keys_secret_arn: str | None = Field(None, alias="BUS_KEYS_SECRET_ARN")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `environment` (default: the process's own).

    Raises ConfigurationError naming every variable that is unusable; values are not repeated.
    """
    given = os.environ if environment is None else environment
    known = {name: value for name, value in given.items() if value != ""}
    try:
        return Settings.model_validate(known)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"Unusable configuration: {wrong}") from None


def stack_name() -> str:
    """Return which stack this function is of, also where its other settings are unusable."""
    return os.environ.get("STACK_NAME") or "unknown"


def required(value: _Value | None, variable: str) -> _Value:
    """Return `value`; raises ConfigurationError naming `variable` when it is absent."""
    if value is None:
        raise ConfigurationError(f"{variable} is not configured")
    return value
