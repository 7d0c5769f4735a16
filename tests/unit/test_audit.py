"""Audit hears of everything once."""

import json

import pytest

from chalicelib.adapters.audit import audit_log
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.usecases import audit
from tests.factories import ADMIN, AT, approved, created
from tests.fakes import FakeAuditLogs, FakeClaims

ENTRY = approved(notes="Go ahead").audit


def test_an_entry_that_comes_twice_is_recorded_once() -> None:
    claims, logs = FakeClaims(), FakeAuditLogs()

    for _ in range(2):
        audit.record(ENTRY, at=AT, claims=claims, logs=logs)

    assert logs.recorded == [ENTRY]


def test_a_silent_audit_hears_of_it_when_it_answers() -> None:
    claims, logs = FakeClaims(), FakeAuditLogs()
    logs.is_silent = True
    with pytest.raises(DeliveryFailedError):
        audit.record(ENTRY, at=AT, claims=claims, logs=logs)

    logs.is_silent = False
    audit.record(ENTRY, at=AT, claims=claims, logs=logs)

    assert logs.recorded == [ENTRY]


def test_the_body_is_as_in_the_guide_with_values_as_json_texts() -> None:
    body = audit_log(ENTRY)

    assert {k: v for k, v in body.items() if k.startswith(("module", "record", "performed"))} == {
        "moduleName": "Budget Request",
        "recordId": "20260000001",
        "recordCode": "BR-2026-001",
        "performedBy": ADMIN.id,
        "performedByName": ADMIN.name,
        "performedByRole": ADMIN.role,
    }
    assert (body["action"], body["reason"]) == ("APPROVE", "Go ahead")
    assert json.loads(body["oldValues"])["status"] == "PENDING"
    assert json.loads(body["newValues"])["status"] == "APPROVED"
    assert "status" in json.loads(body["changedFields"])
    assert json.loads(body["metadata"]) == {
        "entryId": ENTRY.id,
        "at": "2026-03-10T12:01:00.000Z",
    }


def test_what_had_no_values_before_says_null_and_not_a_text() -> None:
    body = audit_log(created().audit)

    assert body["oldValues"] is None
    assert body["reason"] is None
