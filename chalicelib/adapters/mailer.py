"""Mail through SES (version 1 of its API, which the local clouds know too)."""

import re

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import aws
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.notifications import Mail, MailRefusedError

_CHARSET = "UTF-8"

#: One plain address; SES would read more into commas, brackets and breaks.
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")

#: What SES says of a recipient or content that it will never take.
_FOR_GOOD = {"MessageRejected", "InvalidParameterValue"}


class SesMailer:
    """The Mailer on SES."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Send one mail.

        Raises MailRefusedError where SES will never take it, DeliveryFailedError where it may: our
        own sender can be verified yet. Both with SES's code alone, since its words name addresses,
        and what is raised here is logged.
        """
        if not _ADDRESS.fullmatch(mail.to):
            raise MailRefusedError("not one plain mail address")
        try:
            aws.client("ses").send_email(
                Source=self._sender,
                Destination={"ToAddresses": [mail.to]},
                Message={
                    "Subject": {"Data": mail.subject, "Charset": _CHARSET},
                    "Body": {
                        "Text": {"Data": mail.text, "Charset": _CHARSET},
                        "Html": {"Data": mail.html, "Charset": _CHARSET},
                    },
                },
            )
        except ClientError as error:
            told = error.response["Error"]
            why = f"SES did not take the mail: {told['Code']}"
            if told["Code"] in _FOR_GOOD and self._sender not in told.get("Message", ""):
                raise MailRefusedError(why) from None
            raise DeliveryFailedError(why) from None
        except BotoCoreError as error:
            raise DeliveryFailedError(f"SES did not answer: {type(error).__name__}") from None
