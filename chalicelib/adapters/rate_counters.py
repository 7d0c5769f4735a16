"""Counters of calls in DynamoDB: one item a principal and window, one atomic write a call."""

from datetime import timedelta

from chalicelib.adapters.tables import InWork, client
from chalicelib.domain.rate_limits import Window

#: A window that has ended is kept a little longer, for functions whose clocks are behind.
KEEP_ENDED = timedelta(hours=1)

_COUNT = "SET expires_at = :ends ADD calls :one, creations :created"


class DynamoRateCounters:
    """The RateCounters on DynamoDB; each window has an item of its own, so TTL may be late."""

    def count(self, principal: str, window: Window, *, is_creation: bool) -> tuple[int, int]:
        """Count one call, and return the window's (calls, creations) with it, in one write."""
        # Every call pays for this one, and it is always the same: PynamoDB would put the expression
        # together anew, and make a row of the answer.
        answer = client().update_item(
            TableName=InWork.Meta.table_name,
            Key={
                "pk": {"S": f"RATE#{principal}#{window.starts_at.isoformat()}"},
                "sk": {"S": "RATE"},
            },
            UpdateExpression=_COUNT,
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":created": {"N": "1" if is_creation else "0"},
                ":ends": {"N": str(int((window.ends_at + KEEP_ENDED).timestamp()))},
            },
            ReturnValues="ALL_NEW",
        )
        counted = answer["Attributes"]
        return int(counted["calls"]["N"]), int(counted["creations"]["N"])
