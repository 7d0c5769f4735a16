"""What may be done with subscriptions, by whom, and what Audit hears of it."""

from collections.abc import Callable, Collection

import pytest

from chalicelib.domain import signing
from chalicelib.domain.access import Actor, Scope
from chalicelib.domain.deliveries import DeliveryQuery
from chalicelib.domain.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    StaleVersionError,
    WebhookNotFoundError,
)
from chalicelib.domain.events import AuditAction, AuditEntry
from chalicelib.domain.idempotency import Receipt
from chalicelib.domain.webhooks import Endpoint, NewSubscription, Subscription, SubscriptionChange
from chalicelib.usecases import deliveries, webhooks
from tests.factories import ADMIN, AT, LATER, SUPERADMIN, service
from tests.fakes import (
    FakeAuditQueue,
    FakeDeliveries,
    FakeSubscriptions,
    FakeWebhookQueue,
    FakeWebhookSender,
)

ONE, TWO = "https://one.example/hook", "https://two.example/hook"
FINANCE = service(Scope.WEBHOOKS_MANAGE, departments=("finance",))
HR = service(Scope.WEBHOOKS_MANAGE, departments=("hr",))


class Desk:
    """The verbs with their ports filled in."""

    def __init__(self) -> None:
        self.subscriptions = FakeSubscriptions()
        self.sender = FakeWebhookSender()

    def subscribe(
        self, url: str = ONE, by: Actor = SUPERADMIN, **more: object
    ) -> tuple[Subscription, str]:
        body = {"url": url, "events": ["*"]} | more
        return webhooks.subscribe(
            NewSubscription.model_validate(body),
            by=by,
            at=AT,
            subscriptions=self.subscriptions,
            sender=self.sender,
        )

    def change(
        self,
        hook: Subscription,
        by: Actor = SUPERADMIN,
        expected: Collection[int] | None = None,
        **body: object,
    ) -> Subscription:
        return webhooks.change(
            hook.id,
            SubscriptionChange.model_validate(body),
            by=by,
            at=LATER,
            expected=expected,
            subscriptions=self.subscriptions,
            sender=self.sender,
        )

    def seen(self, by: Actor) -> list[Subscription]:
        return list(webhooks.list_all(by=by, subscriptions=self.subscriptions))

    @property
    def told(self) -> AuditEntry:
        return self.subscriptions.told[-1]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_subscription_is_kept_with_a_secret_of_32_random_bytes(desk: Desk) -> None:
    first, secret = desk.subscribe()
    second, other_secret = desk.subscribe()

    assert desk.subscriptions.get(first.id) == Endpoint(subscription=first, secret=secret)
    assert first.id != second.id
    assert secret != other_secret
    assert len(signing.secret_bytes(secret)) == 32
    assert (first.is_active, first.created_by, first.created_at) == (True, SUPERADMIN.id, AT)


def test_a_subscription_names_each_event_and_department_once(desk: Desk) -> None:
    subscription, _ = desk.subscribe(events=["*", "*"], departments=["hr", "finance", "hr"])

    assert subscription.events == ("*",)
    assert subscription.departments == ("finance", "hr")


def test_who_may_not_subscribe_or_where_we_never_call_keeps_nothing(desk: Desk) -> None:
    desk.sender.forbidden.add(ONE)
    with pytest.raises(InvalidInputError):
        desk.subscribe()
    with pytest.raises(ForbiddenError):
        desk.subscribe(TWO, by=ADMIN)

    assert desk.subscriptions.all() == ()
    assert desk.subscriptions.told == []


def test_a_key_that_subscribes_without_end_is_stopped_and_keeps_nobody_else_from_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_SUBSCRIPTIONS_EACH", 2)
    first, _ = desk.subscribe(by=FINANCE, departments=["finance"])
    desk.subscribe(by=FINANCE, departments=["finance"])

    with pytest.raises(InvalidInputError) as refused:
        desk.subscribe(by=FINANCE, departments=["finance"])

    (error,) = refused.value.errors
    assert error.message == "would be one too many: you have 2 subscriptions already"
    assert len(desk.seen(SUPERADMIN)) == 2
    desk.subscribe()
    webhooks.remove(first.id, by=FINANCE, at=LATER, expected=None, subscriptions=desk.subscriptions)
    desk.subscribe(by=FINANCE, departments=["finance"])


def test_audit_hears_of_every_change_but_never_of_a_secret(desk: Desk) -> None:
    hook, secret = desk.subscribe(description="Orders")
    desk.change(hook, url=TWO)
    _, new = webhooks.rotate_secret(
        hook.id, by=SUPERADMIN, at=LATER, expected=None, subscriptions=desk.subscriptions
    )
    webhooks.remove(
        hook.id, by=SUPERADMIN, at=LATER, expected=None, subscriptions=desk.subscriptions
    )

    told = desk.subscriptions.told
    assert [entry.action for entry in told] == [
        AuditAction.WEBHOOK_CREATE,
        AuditAction.WEBHOOK_UPDATE,
        AuditAction.WEBHOOK_ROTATE_SECRET,
        AuditAction.WEBHOOK_DELETE,
    ]
    assert len({entry.id for entry in told}) == 4
    assert {entry.record_id for entry in told} == {hook.id}
    assert told[1].changed_fields == ["url"]
    assert told[2].changed_fields == ["secretRotatedAt"]
    for entry in told:
        assert secret not in entry.model_dump_json()
        assert new not in entry.model_dump_json()


def test_an_address_is_judged_when_it_is_changed_as_well(desk: Desk) -> None:
    hook, _ = desk.subscribe()
    desk.sender.forbidden.add(TWO)

    with pytest.raises(InvalidInputError):
        desk.change(hook, url=TWO)

    assert desk.subscriptions.get(hook.id).subscription.url == ONE


def test_a_change_on_a_version_that_is_no_more_is_refused(desk: Desk) -> None:
    hook, _ = desk.subscribe()
    desk.change(hook, expected={1}, description="First")

    with pytest.raises(StaleVersionError):
        desk.change(hook, expected={1}, description="Second")

    assert desk.subscriptions.get(hook.id).subscription.description == "First"


def test_a_change_that_met_another_is_made_on_what_that_one_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = desk.subscribe()
    save, others = desk.subscriptions.save, iter([["budget_request.created"]])

    def meets_another(
        endpoint: Endpoint, *, audit: AuditEntry | None = None, receipt: Receipt | None = None
    ) -> None:
        for other in others:
            desk.change(hook, events=other)
        save(endpoint, audit=audit, receipt=receipt)

    monkeypatch.setattr(desk.subscriptions, "save", meets_another)

    changed = desk.change(hook, description="Mine")

    assert (changed.description, changed.events) == ("Mine", ("budget_request.created",))
    assert changed.version == 3


def test_a_change_that_meets_others_for_ever_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = desk.subscribe()

    def is_overtaken(*_: object, **__: object) -> None:
        raise ConflictError

    monkeypatch.setattr(desk.subscriptions, "save", is_overtaken)

    with pytest.raises(BusyError):
        desk.change(hook, description="Mine")


def test_a_key_sees_the_subscriptions_of_its_departments_alone(desk: Desk) -> None:
    mine, _ = desk.subscribe(by=FINANCE, departments=["finance"])
    of_all, _ = desk.subscribe()
    of_both, _ = desk.subscribe(departments=["finance", "hr"])

    assert desk.seen(FINANCE) == [mine]
    assert desk.seen(HR) == []
    assert {each.id for each in desk.seen(SUPERADMIN)} == {mine.id, of_all.id, of_both.id}
    assert len(desk.seen(service(Scope.WEBHOOKS_MANAGE))) == 3
    for by in (ADMIN, service(Scope.REQUESTS_READ)):
        with pytest.raises(ForbiddenError):
            desk.seen(by)


def test_a_key_takes_no_subscription_to_other_departments(desk: Desk) -> None:
    hook, _ = desk.subscribe(by=FINANCE, departments=["finance"])

    for departments in ([], ["hr"], ["finance", "hr"]):
        with pytest.raises(ForbiddenError):
            desk.change(hook, by=FINANCE, departments=departments)

    assert desk.change(hook, by=FINANCE, description="Mine").departments == ("finance",)


EVERY_VERB: dict[str, Callable[[Desk, str, Actor], object]] = {
    "view": lambda d, i, by: webhooks.view(i, by=by, subscriptions=d.subscriptions),
    "remove": lambda d, i, by: webhooks.remove(
        i, by=by, at=AT, expected=None, subscriptions=d.subscriptions
    ),
    "rotate": lambda d, i, by: webhooks.rotate_secret(
        i, by=by, at=AT, expected=None, subscriptions=d.subscriptions
    ),
    "change": lambda d, i, by: webhooks.change(
        i,
        SubscriptionChange(description=None),
        by=by,
        at=AT,
        expected=None,
        subscriptions=d.subscriptions,
        sender=d.sender,
    ),
    "test": lambda d, i, by: deliveries.send_test(
        i,
        by=by,
        at=AT,
        subscriptions=d.subscriptions,
        deliveries=FakeDeliveries(),
        queue=FakeWebhookQueue(),
        audit=FakeAuditQueue(),
    ),
    "redeliver": lambda d, i, by: deliveries.redeliver(
        i,
        "dlv_1",
        by=by,
        at=AT,
        subscriptions=d.subscriptions,
        deliveries=FakeDeliveries(),
        queue=FakeWebhookQueue(),
        audit=FakeAuditQueue(),
    ),
    "recover": lambda d, i, by: deliveries.recover(
        i,
        AT,
        by=by,
        at=AT,
        expected=None,
        subscriptions=d.subscriptions,
        queue=FakeWebhookQueue(),
    ),
    "deliveries": lambda d, i, by: deliveries.list_page(
        i,
        DeliveryQuery(),
        by=by,
        subscriptions=d.subscriptions,
        deliveries=FakeDeliveries(),
        cursor_secrets=("k",),
    ),
}


@pytest.mark.parametrize("verb", EVERY_VERB)
def test_who_may_not_manage_a_subscription_may_do_nothing_with_it(desk: Desk, verb: str) -> None:
    hook, _ = desk.subscribe(departments=["finance"])

    for by in (ADMIN, HR, service(Scope.REQUESTS_READ)):
        with pytest.raises(ForbiddenError):
            EVERY_VERB[verb](desk, hook.id, by)
    with pytest.raises(ForbiddenError):
        EVERY_VERB[verb](desk, "wh_none", ADMIN)
    with pytest.raises(WebhookNotFoundError):
        EVERY_VERB[verb](desk, "wh_none", FINANCE)
    assert len(desk.subscriptions.told) == 1


def test_one_that_has_ended_is_not_found(desk: Desk) -> None:
    hook, _ = desk.subscribe()
    removed = webhooks.remove(
        hook.id, by=SUPERADMIN, at=AT, expected={1}, subscriptions=desk.subscriptions
    )

    assert removed == hook
    assert desk.seen(SUPERADMIN) == []
    with pytest.raises(WebhookNotFoundError):
        desk.change(hook, description="Late")
