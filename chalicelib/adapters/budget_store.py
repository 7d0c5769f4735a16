"""Budgets in DynamoDB: one item a department and period, `available` a stored number."""

from datetime import datetime
from decimal import Decimal

from pynamodb.exceptions import TransactWriteError, UpdateError
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.keys import budget_pk
from chalicelib.adapters.tables import BudgetRow, ConfirmationRow, connection
from chalicelib.domain import money
from chalicelib.domain.budgets import BudgetKey, DepartmentBudget, FinanceFigures

_CONDITION_FAILED = "ConditionalCheckFailedException"


def confirmation(key: BudgetKey, event_id: str) -> ConfirmationRow:
    """Return the mark that the hold of this event is settled between Finance and us."""
    return ConfirmationRow(budget_pk(key), f"CONFIRMED#{event_id}")


class DynamoBudgetStore:
    """The BudgetStore and HoldConfirmations on DynamoDB."""

    def get(self, key: BudgetKey) -> DepartmentBudget | None:
        """Return a budget; None where Finance has told us nothing."""
        try:
            row = BudgetRow.get(budget_pk(key), "BUDGET", consistent_read=True)
        except BudgetRow.DoesNotExist:
            return None
        return DepartmentBudget(
            key=key,
            figures=FinanceFigures.model_validate_json(row.figures),
            unconfirmed=money.from_cents(int(row.unconfirmed_cents)),
            available=money.from_cents(int(row.available_cents)),
            confirmations=int(row.confirmations),
            last_synced_at=datetime.fromisoformat(row.last_synced_at),
            is_stale=row.is_stale,
            failed_at=datetime.fromisoformat(row.failed_at) if row.failed_at else None,
        )

    def record(
        self, key: BudgetKey, figures: FinanceFigures, *, confirmations: int, at: datetime
    ) -> bool:
        """Take over Finance's figures in one write that approvals need not wait for.

        The table itself computes `available` from the holds it knows at that moment; only a
        confirmation since the fetch began refuses the write.
        """
        remaining = money.to_cents(figures.remaining_amount)
        try:
            BudgetRow(budget_pk(key)).update(
                actions=[
                    BudgetRow.figures.set(figures.model_dump_json()),
                    BudgetRow.remaining_cents.set(remaining),
                    BudgetRow.available_cents.set(remaining - (BudgetRow.unconfirmed_cents | 0)),
                    BudgetRow.unconfirmed_cents.set(BudgetRow.unconfirmed_cents | 0),
                    BudgetRow.confirmations.set(BudgetRow.confirmations | 0),
                    BudgetRow.last_synced_at.set(at.isoformat()),
                    BudgetRow.is_stale.set(False),
                    BudgetRow.failed_at.remove(),
                ],
                condition=BudgetRow.confirmations.does_not_exist()
                | (BudgetRow.confirmations == confirmations),
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise
            return False
        return True

    def mark_stale(self, key: BudgetKey, at: datetime) -> None:
        """Note that Finance could not be asked at `at`; nothing where no budget is known."""
        try:
            BudgetRow(budget_pk(key)).update(
                actions=[BudgetRow.is_stale.set(True), BudgetRow.failed_at.set(at.isoformat())],
                condition=BudgetRow.pk.exists(),
            )
        except UpdateError as error:
            if error.cause_response_code != _CONDITION_FAILED:
                raise

    def confirm(self, key: BudgetKey, amount: Decimal, *, event_id: str) -> None:
        """Count a hold as contained in Finance's figures; doing it again changes nothing."""
        marker = confirmation(key, event_id)
        try:
            with TransactWrite(connection=connection(BudgetRow)) as transaction:
                transaction.save(marker, condition=ConfirmationRow.pk.does_not_exist())
                transaction.update(
                    BudgetRow(budget_pk(key)),
                    actions=[
                        BudgetRow.unconfirmed_cents.set(
                            BudgetRow.unconfirmed_cents - money.to_cents(amount)
                        ),
                        BudgetRow.confirmations.set(BudgetRow.confirmations + 1),
                    ],
                )
        except TransactWriteError as error:
            on_marker = error.cancellation_reasons[0] if error.cancellation_reasons else None
            if on_marker is None or on_marker.code != "ConditionalCheckFailed":
                raise  # the message comes back and finds its marker, or writes it then
