"""DynamoDB transactions: parts that each know what their refusal means, tried until they fit."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update

from chalicelib.adapters.tables import Row, client
from chalicelib.domain.errors import BusyError

#: Transactions on one item collide when many write at once; DynamoDB then asks for a retry.
MAX_ATTEMPTS = 10
RETRY_BASE_SECONDS = 0.02
RETRY_CAP_SECONDS = 0.4

_CONDITION_FAILED = "ConditionalCheckFailed"
_MET_A_TRANSACTION = "TransactionConflictException"
_TRY_AGAIN = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

#: One write of a transaction, and an item, as DynamoDB takes and gives them.
Write = dict[str, dict[str, Any]]
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One write of a transaction, made anew for each attempt.

    `refused` makes an error of its failed condition, and of the item that failed it, which is empty
    where there is none.
    """

    write: Callable[[], Write]
    refused: Callable[[Item], Exception]


@dataclass(frozen=True)
class Said:
    """A condition in DynamoDB's own words: what every commit asks, said without PynamoDB.

    `numbers` are what the words refer to, such as `:limited`. Names in them must not be reserved.
    """

    words: str
    numbers: Mapping[str, int] = field(default_factory=dict)

    def serialize(self, _: dict[str, str], values: dict[str, Any]) -> str:
        """Return the words, and add the numbers to the values, as PynamoDB's conditions do."""
        values.update({name: {"N": str(number)} for name, number in self.numbers.items()})
        return self.words


def put(row: Row, condition: Condition | Said | None = None) -> Write:
    """Return what puts a row."""
    return {"Put": _request(row, {"Item": row.serialize()}, {}, {}, condition)}


def update(row: Row, actions: Sequence[Action], condition: Condition | None = None) -> Write:
    """Return what does `actions` to the item that has the keys of `row`."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    said = {
        "Key": {"pk": {"S": row.pk}, "sk": {"S": row.sk}},
        "UpdateExpression": Update(*actions).serialize(names, values),
    }
    return {"Update": _request(row, said, names, values, condition)}


def add(
    kind: type[Row],
    pk: str,
    amounts: Mapping[str, int],
    condition: Condition | Said | None = None,
    **texts: str,
) -> Write:
    """Return what adds `amounts` to numbers of an item by their names, and sets `texts`.

    The item is that of its kind, of which a partition has one. It does what `update` does, and is
    what every commit pays for: actions of PynamoDB take ten times as long to put together.
    """
    names = {name: f"#{name}" for name in (*texts, *amounts)}
    values: dict[str, Any] = {f":{name}": {"N": str(amount)} for name, amount in amounts.items()}
    values |= {f":{name}": {"S": text} for name, text in texts.items()}
    expression = "ADD " + ", ".join(f"#{name} :{name}" for name in amounts)
    if texts:
        expression += " SET " + ", ".join(f"#{name} = :{name}" for name in texts)
    said = {
        "Key": {"pk": {"S": pk}, "sk": {"S": kind.sk.default}},
        "UpdateExpression": expression,
    }
    return {"Update": _request(kind, said, names, values, condition)}


def _request(
    row: Row | type[Row],
    said: dict[str, Any],
    names: dict[str, str],
    values: dict[str, Any],
    condition: Condition | Said | None,
) -> dict[str, Any]:
    """Return a write of the row's table; `names` and `values` are what its expressions refer to."""
    request = {"TableName": row.Meta.table_name, **said}
    if condition is not None:
        request["ConditionExpression"] = condition.serialize(names, values)
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if names:
        request["ExpressionAttributeNames"] = {short: name for name, short in names.items()}
    if values:
        request["ExpressionAttributeValues"] = values
    return request


def undisturbed(write: Callable[[], None]) -> None:
    """Do one write of an item that transactions write as well, again where it meets one.

    Raises BusyError when it met one each time.
    """
    for attempt in range(MAX_ATTEMPTS):
        try:
            return write()
        except UpdateError as error:
            if error.cause_response_code != _MET_A_TRANSACTION:
                raise
        _rest(attempt)
    raise BusyError


def transact(*parts: Part) -> None:
    """Write all parts or none, in this order.

    Raises what the first part whose condition failed makes of it; BusyError when others kept
    writing the same items throughout all attempts.
    """
    # Without PynamoDB's transactions, which put each write together by way of a connection of their
    # own: a tenth of what an approval took.
    for attempt in range(MAX_ATTEMPTS):
        try:
            client().transact_write_items(TransactItems=[part.write() for part in parts])
        except ClientError as error:
            # One for each part, in their order.
            reasons = error.response.get("CancellationReasons", [])
            for part, reason in zip(parts, reasons, strict=False):
                if reason["Code"] == _CONDITION_FAILED:
                    raise part.refused(reason.get("Item", {})) from None
            if not _TRY_AGAIN & {reason["Code"] for reason in reasons}:
                raise
        else:
            return
        _rest(attempt)
    raise BusyError


def _rest(attempt: int) -> None:
    ceiling = min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2**attempt)
    sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
