"""Finance's figures taken over: budget, history and what is told of it, in one transaction."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.adapters.keys import budget_pk, figures_sk
from chalicelib.adapters.outbox import told
from chalicelib.adapters.rows.budgets import BudgetOutboxRow, BudgetRow, FiguresRow
from chalicelib.adapters.transactions import MAX_ATTEMPTS, Item, Part, put, transact, update
from chalicelib.domain import money, syncs
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures
from chalicelib.domain.errors import BusyError
from chalicelib.domain.events import AuditEntry, Event
from chalicelib.domain.syncs import Fetch, FiguresVersion, Recording


class _MovedError(Exception):
    """The budget is no longer what the write was decided on: decide again."""


def record(
    key: BudgetKey,
    figures: FinanceFigures,
    *,
    fetch: Fetch,
    by: Actor,
    at: datetime,
    may_tell: bool,
) -> Recording:
    """Take over figures, unless a later fetch was faster.

    Approvals never wait for it: the table itself computes `available` from what is claimed at that
    moment. The figures are taken to contain what Finance had confirmed before they were fetched,
    less all it was begun to be told to release until now, which is never too much; what more it may
    have heard is the doubt. Only where less is left than is held, so that an event may be due, does
    the write insist on what was read; without `may_tell` it writes nothing that would tell.
    Raises BusyError.
    """
    for _ in range(MAX_ATTEMPTS):
        # It has been there since the fetch began.
        row = BudgetRow.get(budget_pk(key), "BUDGET", consistent_read=True)
        if row.figures_fetch == fetch.number:
            return Recording.RECORDED  # our own write, whose answer was lost
        if row.figures_fetch is not None and row.figures_fetch > fetch.number:
            return Recording.OVERTAKEN
        taking = _Taking(key=key, figures=figures, fetch=fetch, by=by, at=at, row=row)
        if taking.tells and not may_tell:
            return Recording.SHORT
        try:
            taking.write()
        except _MovedError:
            continue
        return Recording.RECORDED
    raise BusyError


def note_commitment(key: BudgetKey, at: datetime) -> None:
    """Tell, once, that a budget promised more than it has; forget it when there is enough again.

    While nobody can say which it is, nothing is done. Raises BusyError.
    """
    for _ in range(MAX_ATTEMPTS):
        row = read(key)
        if row is None or not row.figures:
            return  # unknown
        is_short = row.available_cents + row.doubt_cents < 0
        is_known = is_short or row.available_cents >= 0
        if not is_known or is_short is bool(row.over_committed_since):
            return  # in doubt, or just as it was told
        noted = (
            (BudgetRow.available_cents == row.available_cents)
            & (BudgetRow.doubt_cents == row.doubt_cents)
            & _same_told(row)
        )
        try:
            if is_short:
                event = _event(key, row.remaining_cents, row.available_cents, row, at)
                actions: list[Action] = [
                    BudgetRow.over_committed_since.set(at.isoformat()),
                    BudgetRow.events_so_far.set(event.sequence),
                ]
                transact(_outbox(key, (event,)), _update(key, actions, noted))
            else:
                transact(_update(key, [BudgetRow.over_committed_since.remove()], noted))
        except _MovedError:
            continue
        return
    raise BusyError


def read(key: BudgetKey) -> BudgetRow | None:
    """Return a budget's row as it is, with or without figures; None where nobody made one."""
    return BudgetRow.read(budget_pk(key), "BUDGET")


def unconfirmed(row: BudgetRow) -> Decimal:
    """Return what of our holds Finance has not confirmed, less what it was not told is free."""
    return money.from_cents((row.claimed_cents or 0) - (row.reserved_cents or 0))


def budget_of(key: BudgetKey, row: BudgetRow) -> DepartmentBudget | None:
    """Return the budget that a row holds; None where Finance has told us nothing."""
    if not row.figures:
        return None
    since = row.over_committed_since
    return DepartmentBudget(
        key=key,
        figures=FinanceFigures.model_validate_json(row.figures),
        unconfirmed=unconfirmed(row),
        available=money.from_cents(row.available_cents),
        doubt=money.from_cents(row.doubt_cents),
        last_synced_at=datetime.fromisoformat(row.last_synced_at),
        is_stale=row.is_stale,
        failed_at=datetime.fromisoformat(row.failed_at) if row.failed_at else None,
        failure=row.failure,
        figures_version=row.figures_version,
        over_committed_since=datetime.fromisoformat(since) if since else None,
    )


@dataclass(frozen=True)
class _Taking:
    """One attempt to take figures over, decided on a row as it was read; amounts in cents."""

    key: BudgetKey
    figures: FinanceFigures
    fetch: Fetch
    by: Actor
    at: datetime
    row: BudgetRow

    @property
    def remaining(self) -> int:
        """What Finance says is left."""
        return money.to_cents(self.figures.remaining_amount)

    @property
    def claimable(self) -> int:
        """What may be claimed: what is left, and what of that is ours for certain."""
        return self.remaining + money.to_cents(self.fetch.reserved)

    @property
    def available(self) -> int:
        """What of that is not claimed."""
        return self.claimable - self.row.claimed_cents

    @property
    def doubt(self) -> int:
        """How much more it is, where Finance had heard all that it may have heard."""
        return self.row.sent_cents - money.to_cents(self.fetch.heard)

    @property
    def was_told(self) -> bool:
        """Whether people were told that more is promised than there is, and it stayed so."""
        return self.row.over_committed_since is not None and self.row.available_cents < 0

    @property
    def tells(self) -> bool:
        """Whether more is promised than there is, for certain, and nobody was told so yet."""
        return self.available + self.doubt < 0 and not self.was_told

    def write(self) -> None:
        """Write it, or raise _MovedError."""
        row, before = self.row, budget_of(self.key, self.row)
        version = before.figures_version if before else 0
        parts: list[Part] = []
        if before is None or before.figures != self.figures:
            version += 1
            parts.append(self._history(version))
        actions: list[Action] = [
            BudgetRow.figures.set(self.figures.model_dump_json()),
            BudgetRow.figures_version.set(version),
            BudgetRow.figures_fetch.set(self.fetch.number),
            BudgetRow.remaining_cents.set(self.remaining),
            BudgetRow.available_cents.set(self.claimable - BudgetRow.claimed_cents),
            BudgetRow.doubt_cents.set(BudgetRow.sent_cents - money.to_cents(self.fetch.heard)),
            BudgetRow.last_synced_at.set(self.at.isoformat()),
            BudgetRow.is_stale.set(False),
            BudgetRow.failed_at.remove(),
            BudgetRow.failure.remove(),
        ]
        unchanged = (
            BudgetRow.figures_fetch.does_not_exist()
            if row.figures_fetch is None
            else BudgetRow.figures_fetch == row.figures_fetch
        )
        commitment, condition, events = self._commitment()
        audit = syncs.synced(
            self.key, before, self.figures, fetch=self.fetch, by=self.by, at=self.at
        )
        parts.append(_outbox(self.key, events, audit))
        transact(*parts, _update(self.key, actions + commitment, unchanged & condition))

    def _commitment(self) -> tuple[list[Action], Condition, tuple[Event, ...]]:
        """Return what the figures make of the note that too much is promised.

        With the condition under which that is so, and the event where it is news.
        """
        row = self.row
        if self.available >= 0:
            enough = BudgetRow.claimed_cents <= self.claimable
            return [BudgetRow.over_committed_since.remove()], enough, ()
        if self.was_told:
            still = (BudgetRow.claimed_cents > self.claimable) & (BudgetRow.available_cents < 0)
            return [], still & _same_told(row), ()
        as_read = (BudgetRow.claimed_cents == row.claimed_cents) & (
            BudgetRow.sent_cents == row.sent_cents
        )
        if not self.tells:  # nobody can say; whatever was told is over
            return [BudgetRow.over_committed_since.remove()], as_read & _same_told(row), ()
        event = _event(self.key, self.remaining, self.available, row, self.at)
        news: list[Action] = [
            BudgetRow.over_committed_since.set(self.at.isoformat()),
            BudgetRow.events_so_far.set(event.sequence),
        ]
        return news, as_read & _same_told(row), (event,)

    def _history(self, version: int) -> Part:
        said = FiguresVersion(
            version=version,
            figures=self.figures,
            recorded_at=self.at,
            recorded_by=self.by.id,
        )
        row = FiguresRow(budget_pk(self.key), figures_sk(version), body=said.model_dump_json())
        return Part(lambda: put(row, FiguresRow.pk.does_not_exist()), _moved)


def _update(key: BudgetKey, actions: list[Action], condition: Condition) -> Part:
    return Part(lambda: update(BudgetRow(budget_pk(key)), actions, condition), _moved)


def _outbox(key: BudgetKey, events: tuple[Event, ...], audit: AuditEntry | None = None) -> Part:
    row = BudgetOutboxRow(budget_pk(key), outbox=told(events, audit))
    return Part(lambda: put(row), _moved)


def _event(key: BudgetKey, remaining: int, available: int, row: BudgetRow, at: datetime) -> Event:
    """Return the event; amounts in whole cents, as the table has them."""
    return syncs.over_committed(
        key,
        remaining=money.from_cents(remaining),
        available=money.from_cents(available),
        sequence=(row.events_so_far or 0) + 1,
        at=at,
    )


def _same_told(row: BudgetRow) -> Condition:
    """Return that nothing was told of the budget since `row` was read."""
    if not row.events_so_far:
        return BudgetRow.events_so_far.does_not_exist()
    return BudgetRow.events_so_far == row.events_so_far


def _moved(_: Item) -> Exception:
    return _MovedError()
