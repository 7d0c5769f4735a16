"""The stack's parameters: the caller's environment, then the stage's own; typed, none invented."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
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

#: What a stage sets where the caller does not, a file each, by the names of the environment. No
#: secret or address is in them: they are the same for whoever runs that stage.
STAGES = Path(__file__).with_name("stages")

MIN_KEY_BYTES = 32  # HS256 and HMAC-SHA256: a shorter key is weaker than the hash


#: The secrets that make or check signatures.
LONG_SECRETS = frozenset({"JWT_SECRET", "BUS_SIGNING_KEY", "BUS_SEAL_KEY", "BUS_KEYS_SECRET"})

# Stands for a secret that the stack has already; goes nowhere.
_UNSAID = "?" * MIN_KEY_BYTES


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
    log_retention_days: Literal[
        "1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731"
    ] = "30"
    event_archive_days: int = Field(30, ge=1, le=3650)
    api_calls_per_second: int = Field(100, ge=1, le=10_000)
    api_calls_at_once: int = Field(200, ge=1, le=5_000)
    partner_accounts: str = Field("", pattern=r"^(\d{12}(,\d{12})*)?$")
    alarm_address: str = Field("", pattern=r"^([^@\s<>]+@[^@\s<>]+)?$")
    # "false" where the sender, or the domain of it, is known to SES from elsewhere.
    manage_mail_identity: _Flag = "true"
    # "false" where another stack of the account has given API Gateway a role to write logs with.
    manage_api_gateway_account: _Flag = "true"


def collect(
    environment: Mapping[str, str], *, stage: str, kept: Collection[str] = ()
) -> dict[str, str]:
    """Return the template's parameters by name; of the secrets `kept` those that are set.

    Raises OperatorError naming every variable that is missing or unusable, never its value.
    """
    set_by_caller = {name: value for name, value in environment.items() if value != ""}
    given = {name.lower(): value for name, value in (_of_stage(stage) | set_by_caller).items()}
    absent = {name.lower() for name in kept} - given.keys()
    try:
        checked = _Environment.model_validate(given | dict.fromkeys(absent, _UNSAID))
    except ValidationError as error:
        wrong = "; ".join(_complaint(each["loc"][0], each["msg"]) for each in error.errors())
        raise OperatorError(f"Unusable configuration: {wrong}.") from None
    parameters = {
        _parameter_name(field): given.get(field, str(getattr(checked, field)))
        for field in _Environment.model_fields
        if field not in absent
    }
    return parameters | {
        "Stage": stage,
        # Webhooks to this machine make sense where the receiver is on it, and nowhere else.
        "WebhookAllowLoopback": "true" if stage == LOCAL_STAGE else "false",
        # infra/deploy.py knows better.
        "Emulated": "false",
    }


def _of_stage(stage: str) -> dict[str, str]:
    """Return what the stage sets; a stage without a file sets nothing."""
    path = STAGES / f"{stage}.json"
    found: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def checked_secret(name: str, value: str) -> str:
    """Return a value that the secret `name` may take; raises OperatorError, not repeating it."""
    shortest = MIN_KEY_BYTES if name in LONG_SECRETS else 1
    if len(value.encode()) < shortest:
        raise OperatorError(f"{name} needs at least {shortest} bytes.")
    return value


def _complaint(field: int | str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{str(field).upper()} {'is missing' if text == 'Field required' else f'({text})'}"


def _parameter_name(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))
