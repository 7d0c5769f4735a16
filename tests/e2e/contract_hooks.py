"""What schemathesis has to know of the service beyond its document: loaded by its command line."""

import json
import os
from collections.abc import MutableMapping
from decimal import Decimal
from http import HTTPStatus
from itertools import count
from typing import Any

import schemathesis
from schemathesis import Case, HookContext
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response

from chalicelib.domain.analytics import MAX_TREND_DAYS
from chalicelib.domain.money import MAX_AMOUNT

#: Where webhooks of the run may go: examples would have the stack call strangers.
RECEIVER_URL = os.environ["CONTRACT_RECEIVER_URL"]

#: The way to prove oneself that the run does not take; both at once are refused.
OTHER_PROOF = os.environ["CONTRACT_OTHER_PROOF"]

#: Refusals of a good call for what it met, not for what it said.
OF_THE_MOMENT = {
    "INVALID_STATUS",
    "STALE_VERSION",
    "IDEMPOTENCY_KEY_REUSED",
    "FILTER_TOO_BROAD",
    "WEBHOOK_DISABLED",
    "BUSY",
}

#: Rules that no JSON schema can say, by the message that tells of them.
BEYOND_SCHEMAS = (
    "must be quantity × unitCost",
    "must not be after dateTo",
    "must not be after to",
    f"must be within {MAX_TREND_DAYS} days before to",
    "must be in the future",
    "must have at most 50 items",
    "must not hide tags in tags",
)

_numbers = count(1)


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Call as one person, make up no cursors, add up lines, and subscribe none but the receiver."""
    del context, kwargs
    if case.headers:
        case.headers.pop(OTHER_PROOF, None)
        if case.meta is not None and case.meta.generation.mode.is_positive:
            _be_the_first(case.headers)
    if case.query:
        case.query.pop("cursor", None)
    if isinstance(case.body, dict):
        for line in [case.body, *_dicts(case.body.get("items"))]:
            _add_up(line)
        if "url" in case.body and isinstance(case.body["url"], str):
            case.body["url"] = RECEIVER_URL


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """Keep what is wrong with the service; drop what only the document cannot foresee."""
    del context
    kind = type(failure).__name__
    if kind == "RejectedPositiveData":
        return not (_code(response) in OF_THE_MOMENT or _only_beyond_schemas(response))
    if kind == "AcceptedNegativeData":
        # An If-Match that is no ETag of ours is one that does not match.
        return response.status_code != HTTPStatus.PRECONDITION_FAILED
    if kind == "UseAfterFree":
        # A revoked key is good for nothing, and stays to be seen.
        return "/api-keys" not in case.operation.label
    return True


def _be_the_first(headers: MutableMapping[str, str]) -> None:
    """Take any version and a key of its own: what others hold would end every call early."""
    if headers.get("If-Match"):
        headers["If-Match"] = "*"
    if headers.get("Idempotency-Key"):
        headers["Idempotency-Key"] = f"{headers['Idempotency-Key'][:200]}-{next(_numbers)}"


def _add_up(line: dict[str, Any]) -> None:
    """Make a line's total its product, as chance never does."""
    names = ("quantity", "unitCost", "totalCost")
    given = [line[name] for name in names if type(line.get(name)) in {int, float}]
    if len(given) == len(names) and min(given) > 0:
        quantity, unit_cost, _ = (Decimal(str(amount)) for amount in given)
        product = quantity * unit_cost
        if product > MAX_AMOUNT or product != round(product, 2):
            line["quantity"], product = 1, unit_cost
        line["totalCost"] = float(product)


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _told(response: Response) -> dict[str, Any]:
    try:
        told = json.loads(response.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _code(response: Response) -> object:
    return _told(response).get("code")


def _only_beyond_schemas(response: Response) -> bool:
    errors = _told(response).get("errors", [])
    return bool(errors) and all(error["message"] in BEYOND_SCHEMAS for error in errors)
