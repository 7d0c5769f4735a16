"""What a call is asked for besides its body: path, query and headers."""

import re
from typing import Any

from chalicelib.domain.access import DEPARTMENTS
from chalicelib.domain.content import MAX_ID_DIGITS
from chalicelib.domain.errors import StaleVersionError
from chalicelib.domain.idempotency import MAX_KEY_LENGTH
from chalicelib.domain.jobs import JobName
from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.docs import ASSETS
from chalicelib.handlers.http.idempotency import HEADER
from chalicelib.handlers.http.openapi.schemas import Schema, Schemas

#: How the parts of a path are parsed, by what ends in them.
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10**MAX_ID_DIGITS - 1}
_DEPARTMENT: Schema = {
    "description": "The department.",
    "schema": {"enum": list(DEPARTMENTS)},
    "example": "finance",
}
_PATH: dict[str, Schema] = {
    "/budget-requests/{id}": {
        "description": "The budget request's `id`.",
        "schema": _NUMBER,
        "example": 20260000001,
    },
    "/items/{itemId}": {
        "description": "The item's `id` within its budget request.",
        "schema": _NUMBER,
        "example": 1,
    },
    "/api-keys/{id}": {
        "description": "The API key's `id`.",
        "schema": {"type": "string", "minLength": 1},
        "example": "key_5f0c9f2f6c1e4b0f9d5a0d9be1f1d2a3",
    },
    "/budgets/{department}": _DEPARTMENT,
    "/sync/budgets/{department}": _DEPARTMENT,
    "/analytics/departments/{department}": _DEPARTMENT,
    "/webhooks/{id}": {
        "description": "The webhook's `id`.",
        "schema": {"type": "string", "minLength": 1},
        "example": "wh_6b0a4f0c6c1e4b0f9d5a0d9be1f1d2a3",
    },
    "/deliveries/{deliveryId}": {
        "description": "The delivery's `id`: its event has the same one at each subscriber.",
        "schema": {"type": "string", "minLength": 1},
        "example": "dlv_01773144000000_evt_20260000001_3_1",
    },
    "/ops/jobs/{job}": {
        "description": "The job.",
        "schema": {"enum": list(JobName)},
        "example": JobName.FINANCE_SYNC,
    },
    "/docs/{asset}": {
        "description": "A file of the page.",
        "schema": {"enum": list(ASSETS)},
    },
}

PARAMETERS: dict[str, Any] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` you decided on: the write is refused where it is no more.",
        "schema": {"type": "string", "pattern": '^("\\d{1,15}"|\\*)$'},
        "examples": {"any": {"value": "*"}},
    },
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "Your name for this call: sent again within 24 hours, it is answered as it "
        "was, and done once.",
        "schema": {
            "type": "string",
            "pattern": "^[!-~]+$",
            "minLength": 1,
            "maxLength": MAX_KEY_LENGTH,
        },
    },
}


def of(route: Route, schemas: Schemas) -> list[Schema]:
    """Return a route's parameters."""
    found = [_in_path(part) for part in re.findall(r"/[^{]*{\w+}", route.path)]
    query = schemas.of_query(route.query)
    for name, schema in query.get("properties", {}).items():
        found.append(_in_query(name, schema, required=name in query.get("required", ())))
    if StaleVersionError in route.raises:
        found.append({"$ref": "#/components/parameters/IfMatch"})
    if route.method == "POST" and not route.is_open:
        found.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return found


def _in_path(part: str) -> Schema:
    name = part[part.index("{") + 1 : -1]
    return {"name": name, "in": "path", "required": True, **_PATH[part]}


def _in_query(name: str, schema: Schema, *, required: bool) -> Schema:
    told = dict(schema)
    if "anyOf" in told:  # a query leaves out what it does not ask for; it cannot say null
        options = [option for option in told.pop("anyOf") if option != {"type": "null"}]
        told |= options[0] if len(options) == 1 else {"anyOf": options}
    if told.get("default", ...) is None:
        del told["default"]
    about = {"description": told.pop("description")} if "description" in told else {}
    return {"name": name, "in": "query", "required": required, **about, "schema": told}
