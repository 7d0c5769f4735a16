"""The audit worker: queue → Audit Logs, over a real socket."""

from chalicelib.handlers.audit import audit
from tests import samples
from tests.handlers.workers import again, detail, run, run_sample
from tests.partner import Partner, Reply

SAMPLE = "audit.json"


def test_entries_from_the_bus_and_from_the_api_reach_audit(audit_logs: Partner) -> None:
    assert run_sample(audit, SAMPLE) == []

    first, second = audit_logs.received
    assert (first.json()["action"], second.json()["action"]) == ("APPROVE", "VIEW")
    assert first.json()["recordCode"] == "BR-2026-001"
    assert first.headers["x-api-key"] == "audit-key"
    assert first.headers["idempotency-key"] == samples.story()[-1].audit.id


def test_an_entry_that_comes_again_is_recorded_once(audit_logs: Partner) -> None:
    first, second = samples.read(SAMPLE)["Records"]

    assert run(audit, first, second, again(first, 3)) == []
    assert run(audit, again(second, 4)) == []

    assert [call.headers["idempotency-key"] for call in audit_logs.received] == [
        detail(first)["id"],
        detail(second)["id"],
    ]


def test_what_audit_did_not_take_comes_back_and_is_taken_then(audit_logs: Partner) -> None:
    first, second = samples.read(SAMPLE)["Records"]
    audit_logs.next.append(Reply(503))

    assert run(audit, first, second) == [first["messageId"]]
    assert run(audit, again(first, 3)) == []

    assert [call.json()["action"] for call in audit_logs.received] == ["APPROVE", "VIEW", "APPROVE"]
