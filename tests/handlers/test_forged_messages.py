"""Whoever may put events on the bus can speak under our source; our workers believe the relay."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain import signing
from chalicelib.handlers.audit import audit
from chalicelib.handlers.finance import finance as finance_worker
from chalicelib.handlers.notifications import notifications
from chalicelib.handlers.webhooks import webhooks
from chalicelib.observability import Metric
from tests import samples
from tests.conftest import TABLES, Aws, Logs, client
from tests.factories import SIGNING_KEY, figures, finance_said
from tests.handlers.workers import Worker, counted, run
from tests.partner import Partner

WORKERS: dict[str, Worker] = {
    "webhooks.json": webhooks,
    "audit.json": audit,
    "notifications.json": notifications,
    "finance.json": finance_worker,
}
EVERY_WORKER = pytest.mark.parametrize(("sample", "worker"), WORKERS.items(), ids=WORKERS)

Detail = dict[str, Any]


def without_a_seal(detail: Detail) -> None:
    """Leave it out, as someone who knows only the catalogue of events."""
    del detail["seal"]


def sealed_with_the_key_that_partners_have(detail: Detail) -> None:
    """Seal it with what verifies our signatures."""
    detail["seal"] = signing.seal(SIGNING_KEY, detail)


def of_another_id(detail: Detail) -> None:
    """Take a good one, and have it act once more."""
    detail["id"] += "9"


def of_another_kind(detail: Detail) -> None:
    """Take a good one for another: the public signature does not cover the type."""
    detail["type" if "type" in detail else "action"] = "budget_request.approved"


def with_another_seal(detail: Detail) -> None:
    """Seal it with no text at all."""
    detail["seal"] = {"not": "a text"}


def that_does_not_parse(detail: Detail) -> None:
    """Write one by hand, unsealed, and wrongly."""
    del detail["seal"]
    detail["time" if "time" in detail else "timestamp"] = "soon"


def without_anything(detail: Detail) -> None:
    """Write nothing at all."""
    detail.clear()


FORGERIES: list[Callable[[Detail], None]] = [
    without_a_seal,
    sealed_with_the_key_that_partners_have,
    of_another_id,
    with_another_seal,
    that_does_not_parse,
    without_anything,
]


@pytest.fixture(autouse=True)
def everything(
    finance: Partner,  # noqa: ARG001 - listens
    audit_logs: Partner,  # noqa: ARG001 - listens
) -> None:
    """All partners listen, and the story of the samples is in the tables."""
    samples.keep_story()


def forged(sample: str, forge: Callable[[Detail], None], receives: int = 1) -> dict[str, Any]:
    """Return a message of the bus that somebody else has made of one of ours."""
    message = json.loads(samples.read(sample)["Records"][0]["body"])
    forge(message["detail"])
    return samples.record("forged", message, 7, receives)


@pytest.fixture
def effects(aws: Aws, finance: Partner, audit_logs: Partner) -> Callable[[], list[object]]:
    """All that a worker can have done: rows, calls, mails, orders."""

    def seen() -> list[object]:
        calls = [*finance.received, *audit_logs.received]
        mails = client("ses").get_send_quota()["SentLast24Hours"]
        return [[aws.rows(table) for table in TABLES], calls, mails, aws.ordered()]

    return seen


@EVERY_WORKER
@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_message_has_no_effect_and_is_named_once_in_the_log(
    sample: str,
    worker: Worker,
    forge: Callable[[Detail], None],
    effects: Callable[[], list[object]],
    logs: Logs,
) -> None:
    before = effects()

    for receives in (1, 2, 14):
        record = forged(sample, forge, receives)
        assert run(worker, record) == [record["messageId"]]

    assert effects() == before
    (line,) = [each for each in logs.lines if each["message"] == "message forged"]
    assert line["message_id"] == record["messageId"]


@EVERY_WORKER
@pytest.mark.parametrize("forge", [without_a_seal, that_does_not_parse, without_anything])
def test_a_forged_message_is_counted_once(
    sample: str,
    worker: Worker,
    forge: Callable[[Detail], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for receives in (1, 2, 14):
        run(worker, forged(sample, forge, receives))

    assert counted(capsys, Metric.MESSAGES_FORGED) == 1


@EVERY_WORKER
def test_a_number_that_only_one_parser_reads_does_not_pass_for_a_seal(
    sample: str, worker: Worker, effects: Callable[[], list[object]]
) -> None:
    before = effects()
    record = forged(sample, without_a_seal)
    record["body"] = '{"much": ' + "9" * 5_000 + ", " + record["body"][1:]

    assert run(worker, record) == [record["messageId"]]

    assert effects() == before


@EVERY_WORKER
def test_a_message_that_nests_too_deep_to_be_read_is_forged(
    sample: str, worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    record = forged(sample, without_a_seal)
    deep = "[" * 50_000 + "]" * 50_000
    record["body"] = json.dumps({"source": "budget-requests", "detail": 0}).replace("0", deep)

    assert run(worker, record) == [record["messageId"]]

    assert counted(capsys, Metric.MESSAGES_FORGED) == 1


def test_a_good_event_cannot_be_passed_off_as_one_that_holds_money(finance: Partner) -> None:
    record = forged("notifications.json", of_another_kind)

    assert run(finance_worker, record) == [record["messageId"]]

    assert finance.received == []


def test_a_good_message_beside_a_forged_one_is_acted_on(finance: Partner) -> None:
    good = samples.read("finance.json")["Records"]
    bad = forged("finance.json", without_a_seal)

    assert run(finance_worker, bad, *good) == [bad["messageId"]]

    assert len(finance.received) == 1


def test_what_the_api_queues_itself_needs_no_seal_and_nothing_on_the_bus_looks_like_it(
    audit_logs: Partner,
) -> None:
    _, queued = samples.read("audit.json")["Records"]
    message = json.loads(queued["body"])
    assert message.keys() == {"detail"}
    assert "seal" not in message["detail"]
    message["source"] = "budget-requests.audit"  # EventBridge always says where it is from

    assert run(audit, queued) == []
    assert len(run(audit, samples.record("forged", message, 7))) == 1

    assert len(audit_logs.received) == 1


def test_the_largest_figure_of_finance_can_be_told_and_a_larger_one_is_refused() -> None:
    largest = 99_999_999_999_999
    finance_said(bootstrap.budgets(), figures(largest))
    detail = {"remainingAmount": largest + 0.99}

    assert signing.is_sealed(b"k", detail | {"seal": signing.seal(b"k", detail)})
    with pytest.raises(ValueError, match="smaller number"):
        figures(largest + 1)


def test_a_message_that_could_never_have_been_signed_is_not_sealed() -> None:
    for impossible in (2**60, float("nan"), "\ud800"):
        assert not signing.is_sealed(b"k", {"seal": "", "value": impossible})
