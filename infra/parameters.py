"""The stack's parameters from the caller's environment: typed, checked, none invented."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    SecretStr,
    ValidationError,
)

from chalicelib.domain.access import Department
from infra.dependencies import LOCAL_STAGE
from infra.errors import OperatorError

MIN_KEY_BYTES = 32  # HS256 and HMAC-SHA256: a shorter key is weaker than the hash


def _long_enough(value: str) -> str:
    if len(value.encode()) < MIN_KEY_BYTES:
        raise ValueError(f"needs at least {MIN_KEY_BYTES} bytes")
    return value


_Key = Annotated[SecretStr, BeforeValidator(_long_enough)]
_Password = Annotated[SecretStr, Field(min_length=1)]
_Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]
_Address = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]
_Flag = Literal["true", "false"]


class _Environment(BaseModel):
    """What `deploy` reads; fields are named like the variables, in lower case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    jwt_secret: _Key
    finance_api_key: _Password
    audit_api_key: _Password
    bus_signing_key: _Key
    finance_api_url: _Url
    audit_logs_api_url: _Url
    cors_origin: str = Field(min_length=1)
    frontend_url: _Url
    mail_from: _Address
    department_admins: Json[dict[Department, list[_Address]]]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    fiscal_year_first_month: int = Field(1, ge=1, le=12)
    sla_days_urgent: int = Field(1, ge=1, le=365)
    sla_days_high: int = Field(3, ge=1, le=365)
    sla_days_medium: int = Field(7, ge=1, le=365)
    sla_days_low: int = Field(14, ge=1, le=365)
    rate_limit_window_ms: int = Field(900_000, ge=1000, le=86_400_000)
    rate_limit_max_requests: int = Field(100, ge=1)
    rate_limit_max_creations: int = Field(10, ge=1)
    # "false" where the sender, or the domain of it, is known to SES from elsewhere.
    manage_mail_identity: _Flag = "true"


def collect(environment: Mapping[str, str], *, stage: str) -> dict[str, str]:
    """Return the template's parameters by name.

    Raises OperatorError naming every variable that is missing or unusable, never its value.
    """
    given = {name.lower(): value for name, value in environment.items() if value != ""}
    try:
        checked = _Environment.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(_complaint(each["loc"][0], each["msg"]) for each in error.errors())
        raise OperatorError(f"Unusable configuration: {wrong}.") from None
    parameters = {
        _parameter_name(field): given.get(field, str(getattr(checked, field)))
        for field in _Environment.model_fields
    }
    return parameters | {
        "Stage": stage,
        # Webhooks to this machine make sense where the receiver is on it, and nowhere else.
        "WebhookAllowLoopback": "true" if stage == LOCAL_STAGE else "false",
    }


def _complaint(field: int | str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{str(field).upper()} {'is missing' if text == 'Field required' else f'({text})'}"


def _parameter_name(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))
