"""The OpenAPI document: made of the declared routes and the models, so that it cannot drift.

Imported when it is first asked for: no other call pays for it.
"""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.events import plain
from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.openapi import failures
from chalicelib.handlers.http.openapi.headers import HEADERS
from chalicelib.handlers.http.openapi.operations import API_KEY, BEARER, TAGS, operation
from chalicelib.handlers.http.openapi.parameters import PARAMETERS
from chalicelib.handlers.http.openapi.schemas import Schemas, used
from chalicelib.handlers.http.openapi.webhooks import webhooks

#: The contract's version; that of the project (tested).
VERSION = "0.1.0"

_DESCRIPTION = """\
People ask for money, department admins decide, and no department promises more than Finance has
left.

Every answer but this document and its page is JSON in an envelope: `success`, `message` and
`data`, or `success`, `message`, `code`, `errors` and `requestId`. Amounts are JSON numbers with
at most two decimals, times UTC ISO 8601 with `Z`. Every failure has one of the codes listed in
`x-error-codes`; those that are `localOnly` come from the front of a local stack. The section on
webhooks is the catalogue of events.
"""


def text(routes: Iterable[Route]) -> str:
    """Return the document as JSON."""
    return json.dumps(build(routes), default=plain, ensure_ascii=False, separators=(",", ":"))


def build(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document; amounts and times in its examples are the service's own values."""
    routes = tuple(routes)
    schemas = Schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, schemas)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Budget Requests",
            "version": VERSION,
            "summary": "Ask for money, decide, and hold it.",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/api"}],
        "tags": [
            *({"name": name, "description": about} for name, about in TAGS.values()),
            {"name": "Events", "description": "What subscribers are told."},
        ],
        "paths": paths,
        "webhooks": webhooks(schemas),
        "components": {
            "schemas": {**schemas.components, "Failure": failures.FAILURE},
            "examples": failures.examples(),
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "HR Auth's token for a person: HS256.",
                },
                API_KEY: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "A partner service's key: `brk_…`.",
                },
            },
        },
        "x-error-codes": failures.catalogue(),
    }
    needed = used(document)
    kept = {n: s for n, s in document["components"]["schemas"].items() if n in needed}
    document["components"]["schemas"] = dict(sorted(kept.items()))
    return document
