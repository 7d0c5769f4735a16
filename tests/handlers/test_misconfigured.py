"""A function that is not configured refuses, says so in its log, and runs on no default."""

import pytest

from chalicelib.domain.errors import ConfigurationError
from chalicelib.handlers import finance, relay
from tests.conftest import Logs, forget_everything
from tests.http_api import Api, token


@pytest.fixture(autouse=True)
def fresh(api: Api) -> Api:
    """The API, on an environment each test may spoil."""
    return api


def spoil(monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    forget_everything()


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
    monkeypatch: pytest.MonkeyPatch,
    spoilt: tuple[str, str | None, str],
    path: str,
) -> None:
    variable, value, said = spoilt
    spoil(monkeypatch, variable, value)

    reply = api.get(path, "Finance Clerk")

    assert (reply.status, reply.code) == (503, "MISCONFIGURED")
    assert variable not in reply.json["message"]
    (line,) = logs.at("CRITICAL")
    assert said in line["message"]
    assert "short-secret" not in logs.text


def test_a_token_signed_with_nothing_is_not_believed_when_no_secret_is_configured(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "JWT_SECRET", None)

    for secretless in (token(), ""):
        assert api.call("GET", "/budget-requests/1", token=secretless).code == "MISCONFIGURED"


@pytest.mark.parametrize(
    "variable", ["REQUESTS_TABLE", "BUDGETS_TABLE", "FINANCE_API_URL", "FINANCE_API_KEY"]
)
def test_a_part_that_is_not_configured_refuses_the_call_that_needs_it(
    api: Api, logs: Logs, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    spoil(monkeypatch, variable, None)
    body = {"department": "finance", "amountRequested": 1, "purpose": "New laptops for us"}

    reply = api.post("/budget-requests", "Finance Clerk", body)

    assert (reply.status, reply.code) == (503, "MISCONFIGURED")
    assert f"{variable} is not configured" in logs.at("CRITICAL")[0]["message"]


def test_a_misconfigured_worker_leaves_the_whole_batch_on_its_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(monkeypatch, "STAGE", None)
    record = {
        "messageId": "m-1",
        "receiptHandle": "r-1",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "1"},
    }

    with pytest.raises(ConfigurationError, match="STAGE"):
        finance.finance({"Records": [record]}, None)


@pytest.mark.parametrize("variable", ["EVENT_BUS_NAME", "BUS_SIGNING_KEY"])
def test_a_misconfigured_relay_publishes_nothing(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    spoil(monkeypatch, variable, None)

    with pytest.raises(ConfigurationError, match=variable):
        relay.relay({"Records": []}, None)
