"""Mail through SES."""

import pytest

from chalicelib.adapters import aws as aws_clients
from chalicelib.adapters.mailer import SesMailer
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.notifications import Mail, MailRefusedError
from tests.botocore_answers import Answer, answering
from tests.conftest import client

MAIL = Mail(
    to="ada@example.com", subject="Zażółć", text="plain 你好", html="<p>rich &amp; safe</p>"
)


@pytest.mark.usefixtures("aws")
def test_a_mail_is_sent_from_the_configured_sender() -> None:
    before = client("ses").get_send_quota()["SentLast24Hours"]

    SesMailer("budget@example.com").send(MAIL)

    assert client("ses").get_send_quota()["SentLast24Hours"] == before + 1


@pytest.mark.usefixtures("aws")
def test_a_sender_that_is_not_verified_yet_may_be_and_the_failure_names_no_address() -> None:
    with pytest.raises(DeliveryFailedError, match="MessageRejected") as caught:
        SesMailer("stranger@example.com").send(MAIL)

    assert "@" not in str(caught.value)


def refusal(code: str, message: str) -> Answer:
    error = {"Type": "Sender", "Code": code, "Message": message}
    return lambda _: (400, {"Error": error, "ResponseMetadata": {}})


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterValue", "Missing final '@domain'"),
        ("MessageRejected", "Email address is not verified: ada@example.com"),
        ("MessageRejected", "Address is on the suppression list"),
    ],
)
def test_what_ses_says_of_the_recipient_is_for_good(code: str, message: str) -> None:
    with (
        answering(aws_clients.client("ses"), "SendEmail", refusal(code, message)),
        pytest.raises(MailRefusedError, match=f"SES did not take the mail: {code}$"),
    ):
        SesMailer("budget@example.com").send(MAIL)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("MessageRejected", "Email address is not verified: budget@example.com"),
        ("MailFromDomainNotVerifiedException", "Not yet"),
        ("AccountSendingPausedException", "Ask support"),
        ("AccessDenied", "No"),
    ],
)
def test_what_ses_says_of_us_can_be_mended(code: str, message: str) -> None:
    with (
        answering(aws_clients.client("ses"), "SendEmail", refusal(code, message)),
        pytest.raises(DeliveryFailedError, match=code),
    ):
        SesMailer("budget@example.com").send(MAIL)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@example.com,eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "Ada <ada@example.com>",
        "ada @example.com",
        "ada@eve@example.com",
    ],
)
def test_an_address_that_is_not_one_plain_address_is_refused_before_ses_sees_it(
    address: str,
) -> None:
    before = client("ses").get_send_quota()["SentLast24Hours"]

    with pytest.raises(MailRefusedError, match="not one plain mail address"):
        SesMailer("budget@example.com").send(MAIL.model_copy(update={"to": address}))

    assert client("ses").get_send_quota()["SentLast24Hours"] == before
