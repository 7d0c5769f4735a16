"""Claims in DynamoDB: one conditional write to take one, one to finish it."""

from datetime import datetime, timedelta

from pynamodb.exceptions import PutError

from chalicelib.adapters.rows.work import ClaimRow
from chalicelib.domain.errors import ClaimHeldError
from chalicelib.usecases.ports import Claim

#: A worker that died holds its claim this long: just over the longest function timeout (30 s).
LEASE_SECONDS = 35

#: How long an event is remembered as done: longer than queues and dead-letter queues keep it.
REMEMBER = timedelta(days=30)

_HELD, _DONE = "held", "done"


class DynamoClaims:
    """The Claims on DynamoDB; times are whole seconds, and TTL being late does no harm."""

    def claim(self, consumer: str, event_id: str, now: datetime) -> Claim:
        """Claim an event; raises ClaimHeldError while another worker's lease runs."""
        seconds = int(now.timestamp())
        row = _row(consumer, event_id, _HELD, now, lease_until=seconds + LEASE_SECONDS)
        free = ClaimRow.pk.does_not_exist() | (
            (ClaimRow.state == _HELD) & (ClaimRow.lease_until < seconds)
        )
        try:
            row.save(condition=free)
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            if ClaimRow.get(row.pk, row.sk, consistent_read=True).state == _DONE:
                return Claim.DONE
            raise ClaimHeldError(f"{consumer} is at work on {event_id}") from None
        return Claim.MINE

    def complete(self, consumer: str, event_id: str, now: datetime) -> None:
        """Mark the event done for as long as it could come again."""
        _row(consumer, event_id, _DONE, now, lease_until=0).save()

    def release(self, consumer: str, event_id: str) -> None:
        """End the lease now."""
        row = ClaimRow(_pk(consumer, event_id))
        row.update(actions=[ClaimRow.lease_until.set(0)])


def _pk(consumer: str, event_id: str) -> str:
    return f"CLAIM#{consumer}#{event_id}"


def _row(consumer: str, event_id: str, state: str, now: datetime, *, lease_until: int) -> ClaimRow:
    return ClaimRow(
        _pk(consumer, event_id),
        state=state,
        lease_until=lease_until,
        expires_at=int((now + REMEMBER).timestamp()),
    )
