"""CloudFormation as Python values: its files read, its functions written."""

from pathlib import Path
from typing import Any

import yaml

Template = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short forms: `!Ref X`, `!GetAtt X.Arn`, `!Sub "…"` and so on."""


def _function(loader: yaml.CSafeLoader, name: str, node: yaml.Node) -> Template:
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]  # what is left
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in {"Ref", "Condition"} else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _function)


def read(path: Path) -> Template:
    """Return a file's template, every function in its long form."""
    found: Template = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return found


def ref(name: str) -> Template:
    """Return what names a resource or parameter."""
    return {"Ref": name}


def get(name: str, attribute: str = "Arn") -> Template:
    """Return an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> Template:
    """Return a text with what stands in `${…}` filled in."""
    return {"Fn::Sub": text}


def named(suffix: str) -> Template:
    """Return a name of the stack's own."""
    return sub(f"${{AWS::StackName}}-{suffix}")
