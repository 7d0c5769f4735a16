"""Mail through SES."""

import pytest

from chalicelib.adapters.mailer import SesMailer
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.notifications import Mail
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
def test_a_mail_ses_refuses_fails_by_its_code_and_names_no_address() -> None:
    with pytest.raises(DeliveryFailedError, match="MessageRejected") as caught:
        SesMailer("stranger@example.com").send(MAIL)

    assert "@" not in str(caught.value)
