"""One route as the document tells it."""

from http import HTTPStatus
from typing import Any

from pydantic.alias_generators import to_camel

from chalicelib.handlers.http import envelope
from chalicelib.handlers.http.api import Route
from chalicelib.handlers.http.call import Nothing
from chalicelib.handlers.http.openapi import examples, failures, headers, parameters
from chalicelib.handlers.http.openapi.schemas import Schema, Schemas

#: What the routes of a module are about, in the order they are shown.
TAGS = {
    "requests": ("Budget requests", "A request's life: create, read, submit, decide, cancel."),
    "lists": ("Lists", "Many at once, in pages."),
    "drafts": ("Drafts", "Changing what is not submitted yet."),
    "items": ("Items", "A request's lines, and what is decided of each."),
    "reviews": ("Reviews", "Many approvals at once, and what one would hold."),
    "budgets": ("Budgets", "What departments have, what is held of it, and what is left."),
    "sync": ("Finance sync", "Finance's figures: fetch them, and see how old they are."),
    "webhooks": ("Webhooks", "Who is told of which events."),
    "deliveries": ("Webhook deliveries", "What was sent, how it went, and sending it again."),
    "api_keys": ("API keys", "How other services prove who they are."),
    "analytics": ("Analytics", "Departments in figures, for their admins."),
    "metrics": ("Metrics", "The service in figures."),
    "ops": ("Operations", "Jobs: have one run, and see how runs went."),
    "health": ("Service", "Is the service there."),
    "docs": ("Documentation", "This document, and the page that shows it."),
}

BEARER, API_KEY = "bearer", "apiKey"

_CACHED: Schema = {
    "const": True,
    "description": "The answer comes from a cache; it hides no write that was answered before.",
}


def name_of(route: Route) -> str:
    """Return a route's operationId."""
    return to_camel(f"{_module(route)}_{route.name}")


def operation(route: Route, schemas: Schemas) -> Schema:
    """Return the operation object of a route."""
    told: Schema = {
        "operationId": name_of(route),
        "summary": route.summary,
        "tags": [TAGS[_module(route)][0]],
        "security": _security(route),
        "parameters": parameters.of(route, schemas),
        "responses": {
            str(int(route.status)): _page(route) if route.is_page else _success(route, schemas),
            **failures.responses(route),
        },
    }
    if route.body is not Nothing:
        told["requestBody"] = {
            "required": schemas.needs_body(route.body),
            "content": {
                "application/json": {
                    "schema": schemas.of_body(route.body),
                    "examples": {
                        name: {"value": value} for name, value in examples.of_body(route.body)
                    },
                }
            },
        }
    return told


def _module(route: Route) -> str:
    return route.module.rpartition(".")[2]


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.is_open:
        return []
    return [{name: []} for name in (BEARER, *([API_KEY] if route.scope else []))]


def _success(route: Route, schemas: Schemas) -> Schema:
    properties: Schema = {"success": {"const": True}, "message": {"type": "string"}}
    if route.gives is not None:
        properties["data"] = schemas.of_answer(route.gives)
    if route.meta is not None:
        properties["meta"] = schemas.of_answer(route.meta)
    optional: Schema = {envelope.CACHED: _CACHED} if route.may_be_cached else {}
    content: Schema = {
        "schema": {
            "type": "object",
            "required": [*properties],
            "properties": properties | optional,
            "additionalProperties": False,
        }
    }
    answer = examples.of_answer(name_of(route))
    if answer is not None:
        content["example"] = envelope.told(answer, route.message)
    return {
        "description": route.message,
        "headers": headers.of_success(route),
        "content": {"application/json": content},
    }


def _page(route: Route) -> dict[str, Any]:
    schema = {"type": "object"} if route.media_type == "application/json" else {"type": "string"}
    return {
        "description": HTTPStatus(route.status).phrase,
        "content": {route.media_type: {"schema": schema}},
    }
