"""The mails a local stack sent, read from the embedded cloud."""

import httpx
from pydantic import BaseModel, ConfigDict, Field


class Mail(BaseModel):
    """One mail as it left."""

    model_config = ConfigDict(frozen=True)

    sender: str = Field(alias="Source")
    to: list[str] = Field(alias="To")
    subject: str = Field(alias="Subject")
    text: str = Field(alias="BodyText")


def read(endpoint_url: str) -> list[Mail]:
    """Return all mails, in the order they were sent."""
    answer = httpx.get(f"{endpoint_url}/_ministack/ses/messages", timeout=10, trust_env=False)
    accounts = answer.raise_for_status().json()["messages"].values()
    return [Mail.model_validate(mail) for mails in accounts for mail in mails]
