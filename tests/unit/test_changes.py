"""What every change carries: a version, history, one event, one audit entry."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from chalicelib.domain import allocations, drafting, transitions
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetPicture
from chalicelib.domain.changes import Change
from chalicelib.domain.content import DraftChange, ItemApproval, ItemRejection
from chalicelib.domain.errors import ForbiddenError
from chalicelib.domain.events import AuditAction, EventType
from chalicelib.domain.requests import BudgetRequest, Status
from tests.factories import (
    ADMIN,
    CLERK,
    LATER,
    SUPERADMIN,
    actor,
    approval,
    approved,
    created,
    draft,
    item_body,
    rejected,
    submitted,
    waiting,
)

CHANGES = {
    "created": created(),
    "submitted": submitted(),
    "approved": approved(),
    "rejected": rejected(),
}
EVERY_CHANGE = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@EVERY_CHANGE
def test_every_change_raises_version_and_sequence_by_one(change: Change) -> None:
    before = change.before.version if change.before else 0

    assert change.after.version == before + 1
    assert [event.sequence for event in change.events] == [change.after.version]
    assert change.after.events_so_far == change.after.version


@EVERY_CHANGE
def test_every_change_adds_one_line_of_history(change: Change) -> None:
    earlier = change.before.history if change.before else ()

    assert change.after.history[:-1] == earlier
    assert change.after.history[-1].to_status is change.after.status


@EVERY_CHANGE
def test_every_event_says_which_request_it_is_about(change: Change) -> None:
    (event,) = change.events

    assert (
        event.payload().items()
        >= {
            "budgetRequestId": 20260000001,
            "requestCode": "BR-2026-001",
            "department": "finance",
            "sequence": change.after.version,
            "amountRequested": 50000,
        }.items()
    )
    assert event.time == change.after.updated_at


def test_ids_of_what_is_told_are_stable_and_all_different() -> None:
    told = [*CHANGES.values()]
    ids = [event.id for change in told for event in change.events]

    assert ids[:3] == ["evt_20260000001_1_1", "evt_20260000001_2_1", "evt_20260000001_3_1"]
    assert [c.audit.id for c in told][:2] == ["aud_20260000001_1", "aud_20260000001_2"]
    assert created().events == created().events


@pytest.mark.parametrize(
    ("change", "event", "action"),
    [
        ("created", EventType.CREATED, AuditAction.CREATE),
        ("submitted", EventType.SUBMITTED, AuditAction.SUBMIT),
        ("approved", EventType.APPROVED, AuditAction.APPROVE),
        ("rejected", EventType.REJECTED, AuditAction.REJECT),
    ],
)
def test_each_move_is_told_by_its_own_name(
    change: str, event: EventType, action: AuditAction
) -> None:
    assert CHANGES[change].events[0].type is event
    assert CHANGES[change].audit.action is action


def test_the_approval_event_says_what_finance_needs() -> None:
    assert approved().events[0].data == {
        "amountRequested": 50000,
        "reservedAmount": 52500,
        "approvedBy": ADMIN.id,
        "fiscalYear": 2026,
        "fiscalPeriod": "Q1",
        "override": False,
        "overrideReason": None,
    }


def test_an_override_says_who_and_why_wherever_it_is_told() -> None:
    body = approval(override=True, overrideReason="The audit cannot wait", reviewNotes="Go ahead")

    change = transitions.approve(waiting(), body, SUPERADMIN, LATER)

    after = change.after
    assert (after.overridden_by, after.override_reason) == (SUPERADMIN.id, "The audit cannot wait")
    assert after.review_notes == "Go ahead"
    assert change.hold
    assert change.hold.is_override
    told = change.events[0].data
    assert (told["override"], told["overrideReason"]) == (True, "The audit cannot wait")
    assert change.audit.action is AuditAction.OVERRIDE
    assert change.audit.reason == "The audit cannot wait"
    entry = after.history[-1]
    assert (entry.action, entry.comments) == ("APPROVED_BY_OVERRIDE", "The audit cannot wait")


@pytest.mark.parametrize("by", [ADMIN, CLERK, actor("HR Admin")])
def test_only_a_superadmin_overrides(by: Actor) -> None:
    body = approval(override=True, overrideReason="The audit cannot wait")
    for request in (waiting(), approved().after):  # access is judged before the state is told
        with pytest.raises(ForbiddenError):
            transitions.approve(request, body, by, LATER)


@pytest.mark.parametrize(
    "given",
    [
        {"override": True},
        {"override": True, "overrideReason": None},
        {"overrideReason": "Because"},
        {"override": False, "overrideReason": "Because"},
    ],
)
def test_an_override_and_its_reason_go_together(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="goes together with an overrideReason") as caught:
        approval(**given)

    (wrong,) = caught.value.errors()
    assert wrong["loc"] == ("override",)


def test_the_rejection_event_says_why() -> None:
    assert rejected("No money left").events[0].data == {
        "amountRequested": 50000,
        "rejectedBy": ADMIN.id,
        "reason": "No money left",
    }


def test_history_says_who_moved_it_from_where_to_where() -> None:
    first, second, third = approved(notes="Go ahead").after.history

    assert (first.action, first.from_status, first.to_status) == ("CREATED", None, Status.PENDING)
    assert (second.action, second.from_status) == ("SUBMITTED", Status.PENDING)
    assert (third.action, third.to_status, third.comments) == (
        "APPROVED",
        Status.APPROVED,
        "Go ahead",
    )
    assert (third.changed_by, third.changed_by_name, third.changed_by_role, third.changed_at) == (
        ADMIN.id,
        ADMIN.name,
        ADMIN.role,
        LATER,
    )


def test_audit_hears_exactly_of_the_fields_a_submit_changed() -> None:
    audit = submitted().audit

    assert audit.changed_fields == ["isDraft", "slaDeadline", "submittedAt", "version"]
    assert audit.old_values == {
        "isDraft": True,
        "slaDeadline": None,
        "submittedAt": None,
        "version": 1,
    }
    assert audit.new_values == {
        "isDraft": False,
        "slaDeadline": "2026-03-17T12:00:00.000Z",
        "submittedAt": "2026-03-10T12:00:00.000Z",
        "version": 2,
    }


def test_audit_hears_of_the_money_of_an_approval() -> None:
    audit = approved(notes="Go ahead").audit

    assert audit.reason == "Go ahead"
    assert (audit.performed_by, audit.performed_by_name) == (ADMIN.id, ADMIN.name)
    assert audit.old_values
    assert audit.new_values
    assert audit.old_values["reservedAmount"] is None
    assert audit.new_values["reservedAmount"] == 52500
    assert audit.new_values["status"] == "APPROVED"
    assert "amountRequested" not in audit.new_values


def test_audit_hears_of_a_new_request_with_its_lines_and_amounts_as_numbers() -> None:
    audit = created(items=[item_body(unitCost=1250)]).audit

    assert audit.old_values is None
    assert audit.new_values
    assert audit.new_values["amountRequested"] == 50000
    assert audit.new_values["itemAllocations"][0]["unitCost"] == 1250
    assert audit.new_values["createdAt"] == "2026-03-10T12:00:00.000Z"
    assert (audit.record_id, audit.record_code) == ("20260000001", "BR-2026-001")


def test_audit_hears_nothing_of_what_a_new_request_does_not_have() -> None:
    told = created().audit.new_values

    assert told
    assert None not in told.values()


def test_audit_does_not_hear_of_a_difference_that_is_too_small_to_be_told() -> None:
    before = submitted().after
    soon = before.updated_at + timedelta(microseconds=10)

    again = transitions.approve(before, approval(), ADMIN, soon).audit

    assert again.old_values
    assert again.new_values
    assert "updatedAt" not in again.old_values.keys() | again.new_values.keys()


@EVERY_CHANGE
def test_the_requesters_address_reaches_neither_audit_nor_the_bus(change: Change) -> None:
    assert CLERK.email
    told = change.audit.model_dump_json() + "".join(e.model_dump_json() for e in change.events)

    assert CLERK.email not in told


def test_times_are_told_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)

    audit = created(at=at).audit

    assert audit.new_values
    assert audit.new_values["createdAt"] == "2026-03-10T12:00:00.123Z"


def test_a_change_leaves_what_it_started_from_as_it_was() -> None:
    request = draft()
    as_it_was = request.model_dump_json()

    change = transitions.submit(request, CLERK, LATER)

    assert change.before is request
    assert request.model_dump_json() == as_it_was


def test_audit_hears_only_of_the_lines_that_changed_and_of_what_changed_in_them() -> None:
    before = waiting(items=[item_body(), item_body()])
    body = ItemApproval(notes="Fine")

    audit = allocations.approve_item(before, 2, body, ADMIN, LATER).audit

    assert audit.old_values
    assert audit.new_values
    assert audit.old_values["itemAllocations"] == [
        {"id": 2, "status": "PENDING", "allocatedAmount": None, "decisionNotes": None}
    ]
    assert audit.new_values["itemAllocations"] == [
        {"id": 2, "status": "APPROVED", "allocatedAmount": 2500, "decisionNotes": "Fine"}
    ]


def test_audit_hears_of_lines_that_came_and_of_lines_that_went() -> None:
    before = draft(items=[item_body(itemName="Bag"), item_body()])

    gone = drafting.remove_item(before, 1, CLERK, LATER).audit

    assert gone.old_values
    assert gone.new_values
    assert [line["itemName"] for line in gone.old_values["itemAllocations"]] == ["Bag"]
    assert gone.new_values["itemAllocations"] == []
    assert gone.changed_fields
    assert "itemAllocations" in gone.changed_fields


def changed_fields(request: BudgetRequest, **fields: object) -> list[str]:
    body = DraftChange.model_validate(fields)
    picture = BudgetPicture(budget=None)
    (event,) = drafting.update(request, body, CLERK, LATER, budget=picture).events
    names = event.data["changedFields"]
    assert isinstance(names, list)
    return names


def test_an_update_names_what_is_other_than_before_and_nothing_else() -> None:
    request = draft(purpose="Laptops for the audit", items=[item_body()])

    assert changed_fields(request, purpose="Laptops for the audit", priority="high") == ["priority"]
    assert changed_fields(request, purpose="Screens for the audit") == ["purpose"]
    assert changed_fields(request, items=[]) == ["items"]
    assert changed_fields(draft(), items=[]) == []


def test_items_cannot_be_replaced_by_nothing_at_all() -> None:
    with pytest.raises(ValidationError) as caught:
        DraftChange.model_validate({"items": None})

    assert [error["loc"] for error in caught.value.errors()] == [("items",)]


def test_history_says_which_item_was_decided_and_what_it_was_given() -> None:
    before = waiting(items=[item_body(), item_body()])

    after = allocations.approve_item(before, 2, ItemApproval(), ADMIN, LATER).after
    after = allocations.reject_item(
        after, 1, ItemRejection(review_notes="Not now"), ADMIN, LATER
    ).after

    told = [(each.action, each.item_id, each.allocated_amount) for each in after.history[-3:]]
    assert told == [
        ("SUBMITTED", None, None),
        ("ITEM_APPROVED", 2, Decimal(2500)),
        ("ITEM_REJECTED", 1, None),
    ]
