"""A backlog of deliveries that are due in the table, written many at a time."""

from datetime import datetime, timedelta

from chalicelib.adapters import keys
from chalicelib.adapters.rows.webhooks import DeliveryRow
from chalicelib.domain.deliveries import Delivery


def copied_as_due(known: Delivery, count: int, *, since: datetime) -> None:
    """Write a kept delivery that is due again so many times, each due a moment after the last."""
    row = DeliveryRow.get(keys.deliveries_pk(known.subscription_id), known.id).attribute_values
    with DeliveryRow.batch_write() as batch:
        for number in range(count):
            due_at = keys.due_at(since + number * timedelta(milliseconds=1))
            batch.save(DeliveryRow(**row | {"sk": f"{known.id}_{number}", "due_at": due_at}))
