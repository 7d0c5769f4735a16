"""Subscriptions: what may be subscribed, and who wants what."""

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.domain.webhooks import NewSubscription, Subscription
from tests.factories import AT

APPROVED = "budget_request.approved"


def subscription(**more: object) -> Subscription:
    given = {
        "id": "wh_1",
        "url": "https://partner.example.com/hook",
        "events": ("*",),
        "departments": (),
        "description": None,
        "is_active": True,
        "created_by": "u-1",
        "created_at": AT,
    }
    return Subscription.model_validate(given | more)


@pytest.mark.parametrize(
    ("fields", "wants"),
    [
        ({}, True),
        ({"events": (APPROVED,)}, True),
        ({"events": ("budget_request.created", APPROVED)}, True),
        ({"events": ("budget_request.created",)}, False),
        ({"departments": ("finance",)}, True),
        ({"departments": ("hr", "finance")}, True),
        ({"departments": ("hr",)}, False),
        ({"events": (APPROVED,), "departments": ("hr",)}, False),
        ({"is_active": False}, False),
    ],
)
def test_a_subscriber_wants_its_events_of_its_departments(
    fields: dict[str, Any], *, wants: bool
) -> None:
    assert subscription(**fields).wants(APPROVED, "finance") is wants


@pytest.mark.parametrize(
    "url",
    [
        "https://partner.example.com/hook",
        "http://127.0.0.1:8080/",
        "https://[2606:4700::1111]:8443/a?b=c",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_web_address_may_be_subscribed(url: str) -> None:
    assert NewSubscription(url=url, events=("*",)).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "partner.example.com",
        "ftp://partner.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://user@partner.example.com",
        "https://user:pass@partner.example.com",
        "https://@partner.example.com",
        "https://partner.example.com:0/",
        "https://partner.example.com:99999/",
        "https://partner.example.com:x/",
        "https://[::1/",
        "https://partner.example.com/a b",
        "https://partner.example.com/\r\nX-Injected: 1",
        "https://bücher.example/",
        "https://partner.example.com/" + "x" * 2000,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        NewSubscription(url=url, events=("*",))


@pytest.mark.parametrize("events", [[], ["budget_request.exploded"], ["**"], [1], "*"])
def test_only_events_of_the_catalogue_may_be_subscribed(events: object) -> None:
    with pytest.raises(ValidationError):
        NewSubscription.model_validate({"url": "https://x.example", "events": events})


def test_only_departments_we_know_may_be_subscribed() -> None:
    with pytest.raises(ValidationError):
        NewSubscription.model_validate(
            {"url": "https://x.example", "events": ["*"], "departments": ["legal"]}
        )
