"""Configuration: typed, named when wrong, never repeated."""

import json

import pytest
from pydantic import ValidationError

from chalicelib import settings
from chalicelib.domain.errors import ConfigurationError

STAGE = {"STAGE": "test"}


def test_only_the_stage_is_always_needed() -> None:
    loaded = settings.load(STAGE)

    assert loaded.stage == "test"
    assert loaded.jwt_secret is None
    assert loaded.webhook_allow_loopback is False


@pytest.mark.parametrize("environment", [{}, {"STAGE": ""}])
def test_a_missing_stage_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="STAGE"):
        settings.load(environment)


def test_an_empty_variable_is_a_missing_one() -> None:
    assert settings.load(STAGE | {"JWT_SECRET": ""}).jwt_secret is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOG_LEVEL", "CHATTY"),
        ("FINANCE_API_URL", "finance.internal.example"),
        ("FINANCE_API_URL", "ftp://finance.internal.example"),
        ("AUDIT_LOGS_API_URL", "https://"),
        ("FRONTEND_URL", "javascript:alert(1)"),
        ("MAIL_FROM", "nobody-at-example"),
        ("DEPARTMENT_ADMINS", "ada-at-example"),
        ("DEPARTMENT_ADMINS", '{"finance": "ada-at-example"}'),
        ("DEPARTMENT_ADMINS", '["ada-at-example"]'),
        ("WEBHOOK_ALLOW_LOOPBACK", "perhaps"),
        ("REQUESTS_TABLE", "t1"),
        ("RATE_LIMIT_WINDOW_MS", "999"),
        ("RATE_LIMIT_WINDOW_MS", "86400001"),
        ("RATE_LIMIT_MAX_REQUESTS", "plenty"),
        ("RATE_LIMIT_MAX_CREATIONS", "-1"),
    ],
)
def test_an_unusable_variable_is_named_and_its_value_is_not(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.load(STAGE | {variable: value})

    assert variable in str(caught.value)
    assert value not in str(caught.value)
    assert "ada-at-example" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"STAGE.*MAIL_FROM"):
        settings.load({"MAIL_FROM": "nobody"})


def test_a_required_setting_that_is_absent_is_named() -> None:
    with pytest.raises(ConfigurationError, match="WORK_TABLE is not configured"):
        settings.required(settings.load(STAGE).work_table, "WORK_TABLE")
    assert settings.required("work", "WORK_TABLE") == "work"


def test_addresses_are_kept_without_their_last_slash() -> None:
    loaded = settings.load(STAGE | {"FINANCE_API_URL": "https://finance.example/base/"})

    assert loaded.finance_api_url == "https://finance.example/base"


def test_admins_are_read_by_department() -> None:
    admins = json.dumps({"finance": ["ada@example.com"], "hr": []})

    loaded = settings.load(STAGE | {"DEPARTMENT_ADMINS": admins})

    assert loaded.department_admins == {"finance": ("ada@example.com",), "hr": ()}


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    loaded = settings.load(STAGE | {"JWT_SECRET": "a-secret-value", "FINANCE_API_KEY": "a-key"})

    assert "a-secret-value" not in repr(loaded)
    assert "a-key" not in repr(loaded)


def test_settings_cannot_be_changed() -> None:
    loaded = settings.load(STAGE)

    with pytest.raises(ValidationError, match="frozen"):
        loaded.stage = "prod"  # type: ignore[misc]  # which is the point
