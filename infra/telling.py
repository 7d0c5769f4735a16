"""Changes told again by the relay itself, which alone signs and publishes: called by hand.

So the key that signs stays where it is, and an operator needs no more than to call the function.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from infra.errors import OperatorError
from infra.place import Place

#: The most that the relay is given at once (bytes of JSON); Lambda takes 6 MB.
MAX_CALL_BYTES = 4_000_000
MAX_CALL_CHANGES = 25


class UntoldError(OperatorError):
    """The relay could not tell of a change; says why in a line."""


def tell(place: Place, outboxes: Iterable[str]) -> Iterator[int]:
    """Have the relay publish what these outboxes tell, each its JSON; yield how many a call told.

    Raises UntoldError: what was yielded before was told, and telling it again does no harm.
    """
    functions = place.cloud.functions
    for records in _calls(_record(outbox) for outbox in outboxes):
        answer = functions.invoke(
            FunctionName=place.named("RelayFunctionName"),
            Payload=json.dumps({"byHand": True, "Records": records}),
        )
        said = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise UntoldError(f"The relay failed: {_message(said)}")
        yield len(records)


def _record(outbox: str) -> dict[str, Any]:
    return {"eventName": "MODIFY", "dynamodb": {"NewImage": {"outbox": {"S": outbox}}}}


def _calls(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    call: list[dict[str, Any]] = []
    size = 0
    for record in records:
        length = len(json.dumps(record))
        if call and (len(call) == MAX_CALL_CHANGES or size + length > MAX_CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(record)
        size += length
    if call:
        yield call


def _message(said: bytes) -> str:
    try:
        error = json.loads(said)
    except ValueError:
        error = None
    message = error.get("errorMessage") if isinstance(error, dict) else None
    return " ".join(str(message or "it said nothing").split())
