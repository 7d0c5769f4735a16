"""What was told of every change, kept for a while, so that it can be told again.

Written by the relay alone; no row class, since the relay imports no PynamoDB.
"""

from datetime import timedelta

from chalicelib.adapters import aws
from chalicelib.adapters.keys import told_pk, told_sk
from chalicelib.adapters.packing import pack
from chalicelib.domain.messages import Outbox

#: How long: as long as those who act on it remember what they did (claims.REMEMBER).
KEEP_TOLD = timedelta(days=30)


class DynamoTold:
    """The record of what was told, on DynamoDB: a row a change, in the partition of its day."""

    def __init__(self, table_name: str) -> None:
        self._table_name = table_name

    def keep(self, outbox: Outbox, text: str) -> None:
        """Keep an outbox, whose text this is, packed; again does no harm."""
        first = outbox.first
        if first is None:
            return
        aws.client("dynamodb").put_item(
            TableName=self._table_name,
            Item={
                "pk": {"S": told_pk(first.time.date())},
                "sk": {"S": told_sk(first.time, first.id)},
                "outbox": {"B": pack(text)},
                "expires_at": {"N": str(int((first.time + KEEP_TOLD).timestamp()))},
            },
        )
