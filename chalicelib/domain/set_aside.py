"""A change that cannot be told: where its row is, and why, for who puts it right."""

from datetime import datetime
from typing import Any, Self

from chalicelib.domain.model import Value


class SetAside(Value):
    """A record of a table's stream that the relay put aside; nothing of what the row holds.

    `key` names the row, `version` how it was then, where it counts; `sequenceNumber` the record in
    the stream, which forgets it after a day.
    """

    table: str
    key: dict[str, str]
    reason: str
    set_aside_at: datetime
    stream_arn: str
    sequence_number: str
    version: str | None = None

    @classmethod
    def of(cls, record: dict[str, Any], reason: str, at: datetime) -> Self:
        """Return what is kept of a record, as Lambda got it; raises KeyError on a foreign shape."""
        arn = record["eventSourceARN"]
        keys = record["dynamodb"]["Keys"]
        return cls(
            table=arn.split("/")[1],
            key={name: next(iter(value.values())) for name, value in keys.items()},
            reason=reason,
            set_aside_at=at,
            stream_arn=arn,
            sequence_number=record["dynamodb"]["SequenceNumber"],
            version=record["dynamodb"].get("NewImage", {}).get("version", {}).get("N"),
        )
