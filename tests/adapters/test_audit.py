"""The way to Audit: the queue, and the service over a real socket."""

import json
from collections.abc import Iterator

import pytest
from pynamodb.exceptions import PutError

from chalicelib import bootstrap
from chalicelib.adapters import audit
from chalicelib.adapters.audit import HttpAuditLogs
from chalicelib.domain.errors import DeliveryFailedError
from chalicelib.domain.messages import audit_entry_of
from chalicelib.handlers.relay import relay
from tests.conftest import Aws, forget_everything
from tests.factories import SEAL_KEY, approved
from tests.partner import Partner, Reply
from tests.raw_peer import DRIPPING, behaving, drips, pours

ENTRY = approved(notes="R&D < 5 % 你好 😀").audit


@pytest.fixture
def logs(partner: Partner) -> Iterator[HttpAuditLogs]:
    forget_everything()
    yield HttpAuditLogs(partner.url, "the-key")
    forget_everything()


def test_a_queued_entry_is_read_back_like_one_from_the_bus(aws: Aws) -> None:
    bootstrap.audit_queue().send(ENTRY)

    (message,) = aws.queued()
    assert audit_entry_of(json.dumps(message), seal_keys=[SEAL_KEY.decode()]) == ENTRY


def test_what_the_queue_does_not_take_reaches_audit_through_the_relay(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_QUEUE_URL", f"{aws.queue_url}-that-is-gone")
    bootstrap.settings.cache_clear()

    bootstrap.audit_queue().send(ENTRY)

    relay(aws.streamed("webhooks"), None)
    (message,) = aws.on_the_bus()
    assert audit_entry_of(json.dumps(message), seal_keys=[SEAL_KEY.decode()]) == ENTRY
    (row,) = aws.rows("webhooks")
    assert int(row["expires_at"]["N"]) > ENTRY.time.timestamp()


def test_what_neither_takes_is_told(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_QUEUE_URL", f"{aws.queue_url}-that-is-gone")
    monkeypatch.setenv("WEBHOOKS_TABLE", "gone-as-well")
    bootstrap.settings.cache_clear()

    with pytest.raises(PutError):
        bootstrap.audit_queue().send(ENTRY)


def test_an_entry_is_posted_with_its_id_as_idempotency_key(
    logs: HttpAuditLogs, partner: Partner
) -> None:
    partner.says({"success": True}, status=201)

    logs.record(ENTRY)

    (call,) = partner.received
    assert (call.method, call.path) == ("POST", "/api/audit-logs")
    assert (call.headers["x-api-key"], call.headers["idempotency-key"]) == ("the-key", ENTRY.id)
    assert call.headers["content-type"] == "application/json"
    assert call.json() == audit.audit_log(ENTRY)
    assert call.json()["reason"] == "R&D < 5 % 你好 😀"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 409, 429, 500, 503])
def test_an_entry_audit_did_not_take_comes_back(
    logs: HttpAuditLogs, partner: Partner, status: int
) -> None:
    partner.usual = Reply(status, headers={"Location": f"{partner.url}/elsewhere"})

    with pytest.raises(DeliveryFailedError, match=f"Audit answered {status}"):
        logs.record(ENTRY)

    assert len(partner.received) == 1


def test_silence_of_audit_ends_with_the_timeout(
    logs: HttpAuditLogs, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "TIMEOUT_SECONDS", 0.05)
    partner.usual = Reply(is_silent=True)

    with pytest.raises(DeliveryFailedError, match="ReadTimeout"):
        logs.record(ENTRY)


@pytest.mark.parametrize("what", DRIPPING)
def test_an_answer_of_audit_that_drips_is_left_in_time(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "TIMEOUT_SECONDS", 0.2)
    with behaving(drips(*DRIPPING[what])) as peer:
        with pytest.raises(DeliveryFailedError, match=r"did not answer: .*Timeout"):
            HttpAuditLogs(peer.url, "the-key").record(ENTRY)

        assert peer.was_left()


def test_an_endless_answer_of_audit_is_taken_by_its_status() -> None:
    with behaving(pours(b"HTTP/1.1 201 Created\r\n\r\n", b"x" * 65536)) as peer:
        HttpAuditLogs(peer.url, "the-key").record(ENTRY)

        assert peer.was_left()
