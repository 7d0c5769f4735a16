"""The OpenAPI document as a judge of bodies and answers."""

from typing import Any

import jsonschema_rs

Json = dict[str, Any]


def wrong_with(value: object, schema: Json, document: Json) -> list[str]:
    """Return what is wrong with `value` by a schema of `document`."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "components": document["components"],
    }
    validator = jsonschema_rs.validator_for(whole, validate_formats=True)
    return [
        f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(value)
    ]


def operations(document: Json) -> dict[tuple[str, str], Json]:
    """Return every operation by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def answer_schema(document: Json, method: str, path: str, status: int) -> Json:
    """Return the schema of an answer; KeyError where the document knows none."""
    response = operations(document)[method, path]["responses"][str(status)]
    schema: Json = response["content"]["application/json"]["schema"]
    return schema
