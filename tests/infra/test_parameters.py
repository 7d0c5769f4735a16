"""The stack's parameters: complete, checked, and refused without repeating a value."""

import json
import re
from pathlib import Path

import pytest

from infra.errors import OperatorError
from infra.parameters import STAGES, collect

ENVIRONMENT = {
    "JWT_SECRET": "j" * 32,
    "FINANCE_API_KEY": "finance-key",
    "AUDIT_API_KEY": "audit-key",
    "BUS_SIGNING_KEY": "b" * 32,
    "FINANCE_API_URL": "https://finance.example.com",
    "AUDIT_LOGS_API_URL": "https://audit.example.com",
    "CORS_ORIGIN": "https://budget.example.com",
    "FRONTEND_URL": "https://budget.example.com",
    "MAIL_FROM": "budget@example.com",
    "DEPARTMENT_ADMINS": json.dumps({"finance": ["head@example.com"]}),
}


def test_the_environment_becomes_parameters() -> None:
    parameters = collect(ENVIRONMENT, stage="prod")
    assert parameters["Stage"] == "prod"
    assert parameters["JwtSecret"] == ENVIRONMENT["JWT_SECRET"]
    assert parameters["DepartmentAdmins"] == ENVIRONMENT["DEPARTMENT_ADMINS"]
    assert parameters["LogLevel"] == "INFO"
    assert parameters["RateLimitMaxRequests"] == "100"


def test_every_parameter_is_one_of_the_template(template: dict[str, dict[str, object]]) -> None:
    assert collect(ENVIRONMENT, stage="prod").keys() == template["Parameters"].keys()


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_a_missing_variable_is_named(variable: str) -> None:
    with pytest.raises(OperatorError, match=f"{variable} is missing"):
        collect(ENVIRONMENT | {variable: ""}, stage="prod")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(OperatorError, match=r"FINANCE_API_URL is missing.*MAIL_FROM is missing"):
        collect({}, stage="prod")


def test_a_secret_that_the_stack_has_already_may_be_left_out() -> None:
    kept = ("JWT_SECRET", "FINANCE_API_KEY")
    parameters = collect(ENVIRONMENT | {"JWT_SECRET": ""}, stage="prod", kept=kept)
    assert "JwtSecret" not in parameters
    assert parameters["FinanceApiKey"] == ENVIRONMENT["FINANCE_API_KEY"]
    with pytest.raises(OperatorError, match="AUDIT_API_KEY is missing"):
        collect(ENVIRONMENT | {"AUDIT_API_KEY": ""}, stage="prod", kept=kept)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JWT_SECRET", "top-secret-but-short"),
        ("BUS_SIGNING_KEY", "top-secret-but-short"),
        ("FINANCE_API_URL", "ftp://top-secret.example.com"),
        ("MAIL_FROM", "top-secret"),
        ("DEPARTMENT_ADMINS", "{top-secret"),
        ("LOG_LEVEL", "top-secret"),
        ("RATE_LIMIT_MAX_REQUESTS", "top-secret"),
    ],
)
def test_an_unusable_value_is_refused_and_not_repeated(variable: str, value: str) -> None:
    with pytest.raises(OperatorError, match=variable) as refusal:
        collect(ENVIRONMENT | {variable: value}, stage="prod")
    assert "top-secret" not in str(refusal.value)


@pytest.mark.parametrize(("stage", "allowed"), [("local", "true"), ("prod", "false")])
def test_webhooks_reach_this_machine_on_the_local_stage_alone(stage: str, allowed: str) -> None:
    environment = ENVIRONMENT | {"WEBHOOK_ALLOW_LOOPBACK": "true"}
    assert collect(environment, stage=stage)["WebhookAllowLoopback"] == allowed


def test_admins_of_a_department_the_service_does_not_know_are_refused() -> None:
    admins = json.dumps({"marketing": ["a@example.com"]})
    with pytest.raises(OperatorError, match="DEPARTMENT_ADMINS"):
        collect(ENVIRONMENT | {"DEPARTMENT_ADMINS": admins}, stage="prod")


def rows_of_infrastructure(project: Path) -> dict[str, list[str]]:
    """Return the table of the configuration page about the infrastructure: what stages set."""
    text = (project / "docs" / "configuration.md").read_text()
    _, section = text.split("## What an operator sets of the infrastructure\n")
    lines = section.split("\n## ")[0].splitlines()
    table = [row for row in (line.strip("|").split("|") for line in lines) if len(row) == 6]
    return {row[0].strip().strip("`"): [c.strip() for c in row[3:]] for row in table[2:]}


def test_the_configuration_page_says_what_each_stage_sets(project: Path) -> None:
    documented = rows_of_infrastructure(project)
    for column, stage in enumerate(("dev", "staging", "prod")):
        given = json.loads((STAGES / f"{stage}.json").read_text())
        told = {name: row[column] for name, row in documented.items() if row[column]}
        assert told == {name: v for name, v in given.items() if name in documented}
        assert given.keys() - documented.keys() <= {"LOG_LEVEL"}  # told among the service's own


def test_every_variable_that_deploy_reads_is_in_the_configuration_page(project: Path) -> None:
    text = (project / "docs" / "configuration.md").read_text()
    stack = {"Stage", "WebhookAllowLoopback", "Emulated"}  # for the stack to know, not to set
    for parameter in collect(ENVIRONMENT, stage="prod").keys() - stack:
        variable = re.sub(r"(?<!^)(?=[A-Z])", "_", parameter).upper()
        assert f"`{variable}`" in text, variable
