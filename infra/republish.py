"""Changes of the last 30 days, told again: the same events and entries, with the same ids."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.adapters.keys import history_sk, request_pk, told_from, told_pk, told_sk
from chalicelib.adapters.packing import text_of
from chalicelib.adapters.request_rows import request_in, told_by
from chalicelib.adapters.rows.requests import HistoryRow, RequestRow
from chalicelib.adapters.rows.tellings import ToldRow
from chalicelib.adapters.told import KEEP_TOLD
from chalicelib.domain import requests
from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.events import AuditAction
from chalicelib.domain.messages import Outbox
from chalicelib.domain.requests import BudgetRequest, HistoryEntry
from infra import operator_audit, telling
from infra.errors import OperatorError
from infra.place import Place, told_clearly
from infra.progress import Report

#: The most changes of a time that are told again at once: each is held in memory meanwhile.
MAX_CHANGES = 20_000

_CODE = re.compile(r"BR-(\d{4})-(\d{3,7})", re.ASCII)


@dataclass(frozen=True)
class Told:
    """What was told of one change, and in which words."""

    outbox: Outbox
    text: str

    @property
    def departments(self) -> frozenset[str]:
        """The departments whose events are in it; none where it is for Audit alone."""
        return frozenset(event.department for event in self.outbox.events)

    def line(self) -> str:
        """Return it as a line for a person."""
        first = self.outbox.first
        at = first.time.isoformat() if first else "-"
        events = [f"{event.type} {event.id}" for event in self.outbox.events]
        audit = [f"audit {self.outbox.audit.id}"] if self.outbox.audit else []
        return f"{at}  {', '.join([*events, *audit])}"


@dataclass(frozen=True)
class Found:
    """What there is to tell again, and how many changes there were that are kept no more."""

    told: tuple[Told, ...]
    missing: int = 0


def of_request(place: Place, named: str) -> Found:
    """Return what was told of a request, named by its id or code, the oldest change first.

    Its last change is told from the request itself, whether the relay has kept it or not, but none
    that is older than those who act on it remember what they did.
    Raises OperatorError.
    """
    with told_clearly():
        row = _request(place, named)
        request = request_in(row)
        keys = [
            (told_pk(entry.changed_at.date()), told_sk(entry.changed_at, f"aud_{request.id}_{n}"))
            for n, entry in enumerate(_history(place, request), start=1)
        ]
        kept = {
            (found.pk, found.sk): _told(text_of(found.outbox))
            for found in place.row(ToldRow, "ToldTableName").read_many(keys)
        }
    last = told_by(row)  # nothing, where the row came back from a backup
    if last and datetime.now(UTC) - request.history[-1].changed_at < KEEP_TOLD:
        kept[keys[-1]] = _told(last)
    return Found(tuple(kept[key] for key in keys if key in kept), len(keys) - len(kept))


def of_span(place: Place, start: datetime, end: datetime, department: str | None = None) -> Found:
    """Return what was told of changes from `start` on and before `end`, the oldest first.

    Of one department where it is named: then nothing that is for Audit alone. Raises
    OperatorError.
    """
    if start >= end:
        raise OperatorError("The time to begin with must be before the one to end with.")
    if datetime.now(UTC) - start > KEEP_TOLD:
        raise OperatorError(f"What was told is kept for {KEEP_TOLD.days} days; begin later.")
    if department not in {None, *DEPARTMENTS}:
        raise OperatorError(f"No department {department!r}; there are {', '.join(DEPARTMENTS)}.")
    found: list[Told] = []
    with told_clearly():
        for row in _rows(place, start, end):
            told = _told(text_of(row.outbox))
            if department is None or department in told.departments:
                found.append(told)
            if len(found) > MAX_CHANGES:
                raise OperatorError(f"There are more than {MAX_CHANGES} changes; end earlier.")
    return Found(tuple(found))


def publish(
    place: Place,
    found: Found,
    asked: dict[str, str],
    *,
    rate: int,
    report: Report,
    pause: Callable[[float], object] = time.sleep,
) -> int:
    """Have it all published again, at most about `rate` changes a second, and return how many.

    Audit is told first, of what was `asked`. Raises OperatorError saying how far it came; it can be
    done again.
    """
    count, done = len(found.told), 0
    with told_clearly():
        what = asked.get("request", "events")
        operator_audit.tell(place, AuditAction.REPUBLISH, what, {**asked, "changes": count})
        try:
            for told in telling.tell(place, (each.text for each in found.told)):
                done += told
                report(f"{done} of {count}")
                pause(told / rate)
        except telling.UntoldError as error:
            raise OperatorError(f"After {done} of {count} changes: {error}") from None
    return done


def _rows(place: Place, start: datetime, end: datetime) -> Iterator[Any]:
    """Yield what was told from `start` on and before `end`, the oldest first."""
    row = place.row(ToldRow, "ToldTableName")
    for day in _days(start, end):
        span = row.sk.between(told_from(start), told_from(end))
        for each in row.query(told_pk(day), span, consistent_read=True):
            if each.sk < told_from(end):
                yield each


def _told(text: str) -> Told:
    return Told(Outbox.model_validate_json(text), text)


def _request(place: Place, named: str) -> RequestRow:
    code = _CODE.fullmatch(named)
    try:
        number = requests.request_id(int(code[1]), int(code[2])) if code else int(named)
    except ValueError:
        raise OperatorError(f"{named} is neither the id of a request nor its code.") from None
    found = place.row(RequestRow, "RequestsTableName").read(request_pk(number), "REQUEST")
    if found is None:
        raise OperatorError(f"There is no request {named}.")
    return found


def _history(place: Place, request: BudgetRequest) -> list[HistoryEntry]:
    """Return the history of a request, the oldest entry first: one for each of its changes."""
    row = place.row(HistoryRow, "RequestsTableName")
    first = history_sk(0)
    archived = row.query(
        request_pk(request.id), row.sk.between(first, history_sk(request.archived_history))
    )
    entries: Iterable[HistoryEntry] = (
        HistoryEntry.model_validate(entry) for each in archived for entry in json.loads(each.body)
    )
    return [*entries, *request.history]


def _days(start: datetime, end: datetime) -> Iterator[date]:
    day = start.astimezone(UTC).date()
    while day <= end.astimezone(UTC).date():
        yield day
        day += timedelta(days=1)
