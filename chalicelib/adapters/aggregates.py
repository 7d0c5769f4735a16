"""Days in figures, in DynamoDB: one item a department and day."""

from datetime import date

from chalicelib.adapters.keys import aggregate_pk
from chalicelib.adapters.rows.counters import AggregateRow
from chalicelib.domain.access import Department
from chalicelib.domain.aggregates import DayAggregate


class DynamoAggregates:
    """The Aggregates on DynamoDB; they are small, and stay."""

    def record(self, aggregate: DayAggregate) -> None:
        """Keep a day's figures in place of what was kept of it."""
        AggregateRow(
            aggregate_pk(aggregate.department),
            aggregate.day.isoformat(),
            body=aggregate.model_dump_json(),
        ).save()

    def between(self, department: Department, first: date, last: date) -> list[DayAggregate]:
        """Return what is kept of a department's days, in one query."""
        rows = AggregateRow.query(
            aggregate_pk(department),
            AggregateRow.sk.between(first.isoformat(), last.isoformat()),
        )
        return [DayAggregate.model_validate_json(row.body) for row in rows]
