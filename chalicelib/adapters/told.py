"""What was told of every change, kept for a while, so that it can be told again.

Written by the relay alone, which has each row's outbox in the form that DynamoDB keeps it in, and
keeps it as it is; no row class, since the relay imports no PynamoDB.
"""

import base64
from collections.abc import Mapping
from datetime import timedelta

from chalicelib.adapters import aws
from chalicelib.adapters.keys import told_pk, told_sk
from chalicelib.domain.messages import Outbox

#: How long: as long as those who act on it remember what they did (claims.REMEMBER).
KEEP_TOLD = timedelta(days=30)

#: An attribute of an item as a stream's record has it: a type and a value, binary ones in base64.
Attribute = Mapping[str, str]


class DynamoTold:
    """The record of what was told, on DynamoDB: a row a change, in the partition of its day."""

    def __init__(self, table_name: str) -> None:
        self._table_name = table_name

    def keep(self, outbox: Outbox, attribute: Attribute) -> None:
        """Keep an outbox by its attribute; again does no harm."""
        first = outbox.first
        if first is None:
            return
        ((kind, value),) = attribute.items()
        aws.client("dynamodb").put_item(
            TableName=self._table_name,
            Item={
                "pk": {"S": told_pk(first.time.date())},
                "sk": {"S": told_sk(first.time, first.id)},
                "outbox": {kind: base64.b64decode(value) if kind == "B" else value},
                "expires_at": {"N": str(int((first.time + KEEP_TOLD).timestamp()))},
            },
        )
