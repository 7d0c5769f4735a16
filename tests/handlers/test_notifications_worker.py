"""The notifications worker: queue → mail, and what is shown of it."""

import pytest

from chalicelib.domain.errors import RequestNotFoundError
from chalicelib.handlers.notifications import notifications
from chalicelib.observability import Metric
from tests import samples
from tests.conftest import Logs, client, forget_everything
from tests.handlers.workers import again, counted, run, run_sample
from tests.http_api import Api

SAMPLE = "notifications.json"


def mails_sent() -> int:
    return int(client("ses").get_send_quota()["SentLast24Hours"])


@pytest.mark.usefixtures("aws")
def test_admins_hear_of_the_submit_and_the_requester_of_the_approval() -> None:
    samples.keep_story()

    assert run_sample(notifications, SAMPLE) == []

    assert mails_sent() == 3


def test_a_request_shows_its_mails_newest_first(api: Api) -> None:
    request_id = samples.keep_story()[-1].after.id

    run_sample(notifications, SAMPLE)

    shown = api.get(f"/budget-requests/{request_id}", "Finance Admin").data["notifications"]
    assert [(n["notificationType"], n["deliveryStatus"]) for n in shown] == [
        ("REQUEST_APPROVED", "sent"),
        ("REQUEST_SUBMITTED", "sent"),
        ("REQUEST_SUBMITTED", "sent"),
    ]


@pytest.mark.usefixtures("aws")
def test_an_event_that_comes_again_sends_no_second_mail() -> None:
    samples.keep_story()
    first, second = samples.read(SAMPLE)["Records"]

    run(notifications, first, second, again(first, 3), again(second, 4))

    assert mails_sent() == 3


def test_a_mail_ses_refused_comes_back_shown_as_failed(
    api: Api, monkeypatch: pytest.MonkeyPatch, logs: Logs
) -> None:
    request_id = samples.keep_story()[-1].after.id
    monkeypatch.setenv("MAIL_FROM", "stranger@example.com")
    forget_everything()
    _, approved = samples.read(SAMPLE)["Records"]

    assert run(notifications, approved) == [approved["messageId"]]

    (shown,) = api.get(f"/budget-requests/{request_id}", "Finance Admin").data["notifications"]
    assert (shown["deliveryStatus"], shown["sentAt"]) == ("failed", None)
    assert shown["deliveryError"] == "SES did not take the mail: MessageRejected"
    assert "@" not in logs.text


def test_an_address_that_is_none_is_shown_as_failed_and_keeps_nobody_from_their_mail(
    api: Api, monkeypatch: pytest.MonkeyPatch, logs: Logs, capsys: pytest.CaptureFixture[str]
) -> None:
    request_id = samples.keep_story()[-1].after.id
    monkeypatch.setenv(
        "DEPARTMENT_ADMINS", '{"finance": ["ada@example", "bob", "eve@example.com"]}'
    )
    forget_everything()
    submitted, _ = samples.read(SAMPLE)["Records"]

    assert run(notifications, submitted) == []
    assert counted(capsys, Metric.MAILS_REFUSED) == 1

    shown = api.get(f"/budget-requests/{request_id}/notifications", "Finance Admin").json["data"]
    assert {n["recipientEmail"]: (n["deliveryStatus"], n["deliveryError"]) for n in shown} == {
        "ada@example": ("sent", None),
        "bob": ("failed", "not one plain mail address"),
        "eve@example.com": ("sent", None),
    }
    (line,) = [each for each in logs.at("WARNING") if each["message"] == "mail refused"]
    assert line["why"] == "not one plain mail address"


@pytest.mark.usefixtures("aws")
def test_an_event_of_a_request_that_is_not_there_comes_back(logs: Logs) -> None:
    first, second = samples.read(SAMPLE)["Records"]

    assert run(notifications, first, second) == [first["messageId"], second["messageId"]]

    assert {line["code"] for line in logs.at("WARNING") if "code" in line} == {
        RequestNotFoundError.code
    }
