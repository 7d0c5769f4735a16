"""The tables as infra/template.yaml declares them, for moto."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[1] / "infra" / "template.yaml"

#: What CreateTable takes of a table's properties; the rest is for CloudFormation.
_TAKEN = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation, whose functions (`!Ref` and so on) say nothing to us."""


_Loader.add_multi_constructor("!", lambda *_: None)


@cache
def declared() -> dict[str, dict[str, Any]]:
    """Return each table's arguments for CreateTable, by its name in the template."""
    template = yaml.load(TEMPLATE.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return {
        name: {key: resource["Properties"][key] for key in _TAKEN if key in resource["Properties"]}
        for name, resource in template["Resources"].items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    }
