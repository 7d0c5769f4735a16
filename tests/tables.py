"""The tables as infra/template/tables.yaml declares them, for moto."""

from functools import cache
from typing import Any

from infra.template import whole

#: What CreateTable takes of a table's properties; the rest is for CloudFormation.
_TAKEN = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@cache
def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the template's resources of a type, by name."""
    return {
        name: resource["Properties"]
        for name, resource in whole.template()["Resources"].items()
        if resource.get("Type") == kind
    }


@cache
def declared() -> dict[str, dict[str, Any]]:
    """Return each table's arguments for CreateTable, by its name in the template."""
    return {
        name: {key: properties[key] for key in _TAKEN if key in properties}
        for name, properties in resources("AWS::DynamoDB::Table").items()
    }
