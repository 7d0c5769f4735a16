"""Subscriptions: what may be subscribed, and who wants what."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.domain.signing import format_secret
from chalicelib.domain.webhooks import (
    DisabledBecause,
    Endpoint,
    NewSubscription,
    Subscription,
    SubscriptionChange,
)
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
    ("fields", "hears"),
    [
        ({}, True),
        ({"events": (APPROVED,)}, True),
        ({"events": ("budget_request.created", APPROVED)}, True),
        ({"events": ("budget_request.created",)}, False),
        ({"departments": ("finance",)}, True),
        ({"departments": ("hr", "finance")}, True),
        ({"departments": ("hr",)}, False),
        ({"events": (APPROVED,), "departments": ("hr",)}, False),
        ({"is_active": False}, True),  # what it misses is kept for it
    ],
)
def test_a_subscriber_hears_of_its_events_of_its_departments(
    fields: dict[str, Any], *, hears: bool
) -> None:
    assert subscription(**fields).hears(APPROVED, "finance") is hears


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
        "https://user:pass@partner.example.com",  # pragma: allowlist secret - made up
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


@pytest.mark.parametrize("body", [{}, {"isActive": "no"}, {"events": []}, {"secret": "whsec_x"}])
def test_a_change_names_what_it_changes(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SubscriptionChange.model_validate(body)


def test_a_change_leaves_what_it_does_not_name() -> None:
    before = subscription(departments=("finance",), description="Orders")

    after = before.changed(SubscriptionChange(description=None), AT)

    assert after == before.model_copy(
        update={"description": None, "updated_at": AT, "version": before.version + 1}
    )


def test_switching_off_says_why_and_switching_on_begins_anew() -> None:
    failing = subscription(failing_since=AT, last_failed_at=AT, warnings=2)

    off = failing.changed(SubscriptionChange(is_active=False), AT)
    again = off.changed(SubscriptionChange(is_active=False), AT + timedelta(days=1))
    on = again.changed(SubscriptionChange(is_active=True), AT)

    assert (off.disabled_because, off.disabled_at) == (DisabledBecause.BY_HAND, AT)
    assert again.disabled_at == AT
    assert (on.is_active, on.disabled_because, on.disabled_at) == (True, None, None)
    assert (on.failing_since, on.last_failed_at, on.warnings) == (None, None, 0)


def test_no_more_than_a_few_secrets_sign_at_once() -> None:
    endpoint = Endpoint(subscription=subscription(), secret=format_secret(b"0"))
    for number in range(1, 6):
        endpoint = endpoint.rotated(format_secret(str(number).encode()), AT)

    assert endpoint.keys(AT) == (b"5", b"4", b"3", b"2")
    assert endpoint.keys(AT + timedelta(days=1)) == (b"5",)
