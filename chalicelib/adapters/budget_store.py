"""Budgets in DynamoDB: one item a department and period, `available` a stored number."""

from datetime import datetime

from pynamodb.exceptions import UpdateError

from chalicelib.adapters import budget_syncs
from chalicelib.adapters.keys import FIGURES, budget_pk
from chalicelib.adapters.rows.budgets import BudgetRow, FiguresRow
from chalicelib.adapters.transactions import undisturbed
from chalicelib.domain import money
from chalicelib.domain.access import Actor
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures, UntoldBudget
from chalicelib.domain.syncs import Fetch, FiguresVersion, Recording

_CONDITION_FAILED = "ConditionalCheckFailedException"


class DynamoBudgetStore:
    """The BudgetStore on DynamoDB."""

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        """Return a budget; None where Finance has told us nothing."""
        row = budget_syncs.read(key)
        return budget_syncs.budget_of(key, row) if row else None

    def untold(self, key: BudgetKey) -> UntoldBudget:
        """Return what overrides hold of a budget, and when Finance failed to tell of it."""
        row = budget_syncs.read(key)
        if row is None:
            return UntoldBudget()
        return UntoldBudget(
            unconfirmed=budget_syncs.unconfirmed(row),
            failed_at=datetime.fromisoformat(row.failed_at) if row.failed_at else None,
            failure=row.failure,
        )

    def begin_fetch(self, key: BudgetKey) -> Fetch:
        """Count a fetch that begins now; one write, which also reads what was known."""
        row = BudgetRow(budget_pk(key))
        amounts = (
            BudgetRow.claimed_cents,
            BudgetRow.reserved_cents,
            BudgetRow.sent_cents,
            BudgetRow.heard_cents,
        )
        undisturbed(
            lambda: row.update(
                actions=[
                    BudgetRow.fetches.add(1),
                    *(amount.add(0) for amount in amounts),  # what `record` reckons with is there
                ]
            )
        )
        return Fetch(
            number=row.fetches,
            figures_version=row.figures_version or 0,
            reserved=money.from_cents(row.reserved_cents),
            heard=money.from_cents(row.heard_cents),
        )

    def record(
        self,
        key: BudgetKey,
        figures: FinanceFigures,
        *,
        fetch: Fetch,
        by: Actor,
        at: datetime,
        may_tell: bool = True,
    ) -> Recording:
        """Take over figures, with what is told of them; see `budget_syncs`."""
        return budget_syncs.record(key, figures, fetch=fetch, by=by, at=at, may_tell=may_tell)

    def mark_stale(self, key: BudgetKey, *, fetch: Fetch, at: datetime, why: str) -> None:
        """Note that a fetch brought nothing, unless a later one has brought figures."""
        row = BudgetRow(budget_pk(key))
        try:
            undisturbed(
                lambda: row.update(
                    actions=[
                        BudgetRow.is_stale.set(True),
                        BudgetRow.failed_at.set(at.isoformat()),
                        BudgetRow.failure.set(why),
                    ],
                    condition=BudgetRow.figures_fetch.does_not_exist()
                    | (BudgetRow.figures_fetch < fetch.number),
                )
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise

    def note_commitment(self, key: BudgetKey, at: datetime) -> None:
        """Tell of more being promised than there is, where that is news; see `budget_syncs`."""
        budget_syncs.note_commitment(key, at)

    def figures_so_far(self, key: BudgetKey, limit: int) -> tuple[FiguresVersion, ...]:
        """Return what Finance said of a budget, newest first, at most `limit`."""
        rows = FiguresRow.query(
            budget_pk(key),
            FiguresRow.sk.startswith(FIGURES),
            scan_index_forward=False,
            limit=limit,
            consistent_read=True,
        )
        return tuple(FiguresVersion.model_validate_json(row.body) for row in rows)
