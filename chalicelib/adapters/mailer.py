"""Mail through SES (version 1 of its API, which the local clouds know too)."""

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters import aws
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.notifications import Mail

_CHARSET = "UTF-8"


class SesMailer:
    """The Mailer on SES."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def send(self, mail: Mail) -> None:
        """Send one mail; raises DeliveryFailedError with SES's code.

        SES's own words name addresses, and what is raised here is logged.
        """
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
            code = error.response["Error"]["Code"]
            raise DeliveryFailedError(f"SES did not take the mail: {code}") from None
        except BotoCoreError as error:
            raise DeliveryFailedError(f"SES did not answer: {type(error).__name__}") from None
