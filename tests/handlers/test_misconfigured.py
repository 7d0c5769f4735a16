"""A function that is not configured refuses, says so in its log, and runs on no default."""

from collections.abc import Callable

import pytest

from chalicelib.domain.errors import ConfigurationError
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance
from chalicelib.handlers.inbound import inbound
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.relay import relay
from chalicelib.handlers.webhooks import webhooks
from tests import samples
from tests.conftest import Logs, forget_everything
from tests.handlers.workers import Worker, poison, run
from tests.http_api import Api, token
from tests.partner import Partner

Spoil = Callable[[str, str | None], None]


@pytest.fixture(autouse=True)
def fresh(api: Api) -> Api:
    """The API, on an environment each test may spoil."""
    return api


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Set a variable to a value, or to none, in a process that has read nothing yet."""

    def spoilt(variable: str, value: str | None) -> None:
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
        forget_everything()

    return spoilt


@pytest.mark.parametrize(
    "spoilt",
    [
        ("JWT_SECRET", None, "JWT_SECRET is not configured"),
        ("JWT_SECRET", "", "JWT_SECRET is not configured"),
        ("JWT_SECRET", "short-secret", "JWT_SECRET must be at least 32 bytes long"),
        ("STAGE", None, "STAGE"),
        ("FINANCE_API_URL", "not a url", "FINANCE_API_URL"),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/budget-requests/1"])
def test_a_misconfigured_api_refuses_every_call(
    api: Api,
    logs: Logs,
    spoil: Spoil,
    spoilt: tuple[str, str | None, str],
    path: str,
) -> None:
    variable, value, said = spoilt
    spoil(variable, value)

    reply = api.get(path, "Finance Clerk")

    assert (reply.status, reply.code) == (503, "MISCONFIGURED")
    assert variable not in reply.json["message"]
    (line,) = logs.at("CRITICAL")
    assert said in line["message"]
    assert "short-secret" not in logs.text


def test_a_token_signed_with_nothing_is_not_believed_when_no_secret_is_configured(
    api: Api, spoil: Spoil
) -> None:
    spoil("JWT_SECRET", None)

    for secretless in (token(), ""):
        assert api.call("GET", "/budget-requests/1", token=secretless).code == "MISCONFIGURED"


@pytest.mark.parametrize(
    "variable", ["REQUESTS_TABLE", "BUDGETS_TABLE", "FINANCE_API_URL", "FINANCE_API_KEY"]
)
def test_a_part_that_is_not_configured_refuses_the_call_that_needs_it(
    api: Api, logs: Logs, spoil: Spoil, variable: str
) -> None:
    spoil(variable, None)
    body = {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"}

    reply = api.post("/budget-requests", "Finance Clerk", body)

    assert (reply.status, reply.code) == (503, "MISCONFIGURED")
    assert f"{variable} is not configured" in logs.at("CRITICAL")[0]["message"]


@pytest.mark.parametrize(
    ("sample", "worker", "variable"),
    [
        ("webhooks.json", webhooks, "STAGE"),
        ("webhooks.json", webhooks, "WEBHOOKS_TABLE"),
        ("webhooks.json", webhooks, "BUS_SEAL_KEY"),
        ("audit.json", audit, "AUDIT_LOGS_API_URL"),
        ("audit.json", audit, "AUDIT_API_KEY"),
        ("audit.json", audit, "BUS_SEAL_KEY"),
        ("notifications.json", notifications, "MAIL_FROM"),
        ("notifications.json", notifications, "DEPARTMENT_ADMINS"),
        ("notifications.json", notifications, "BUS_SEAL_KEY"),
        ("finance.json", finance, "FINANCE_API_URL"),
        ("finance.json", finance, "WORK_TABLE"),
        ("finance.json", finance, "BUS_SEAL_KEY"),
        ("inbound-consumed.json", inbound, "BUS_KEYS_SECRET"),
        ("inbound-consumed.json", inbound, "KEYS_TABLE"),
        ("inbound-consumed.json", inbound, "BUS_SIGNING_KEY"),
    ],
)
def test_a_misconfigured_worker_leaves_the_whole_batch_on_its_queue(
    audit_logs: Partner, spoil: Spoil, sample: str, worker: Worker, variable: str
) -> None:
    spoil(variable, None)

    with pytest.raises(ConfigurationError, match=variable):
        run(worker, poison("{}"), *samples.read(sample)["Records"])

    assert audit_logs.received == []


@pytest.mark.parametrize("variable", ["EVENT_BUS_NAME", "BUS_SIGNING_KEY", "BUS_SEAL_KEY"])
def test_a_misconfigured_relay_publishes_nothing(spoil: Spoil, variable: str) -> None:
    spoil(variable, None)

    with pytest.raises(ConfigurationError, match=variable):
        relay({"Records": []}, None)
