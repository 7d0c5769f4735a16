"""A generated template as one stage sees it: conditions decided, what is not there left out."""

from collections.abc import Mapping
from typing import Any

from infra.template.cloudformation import Template

_NOTHING = {"Ref": "AWS::NoValue"}


def resolved(template: Template, parameters: Mapping[str, str]) -> Template:
    """Return `template` with every condition decided by `parameters`; references stay."""
    conditions = _Conditions(template["Conditions"], parameters)
    resources = {
        name: conditions.choose({k: v for k, v in resource.items() if k != "Condition"})
        for name, resource in template["Resources"].items()
        if conditions.holds(resource.get("Condition"))
    }
    whole = {name: part for name, part in template.items() if name != "Conditions"}
    return conditions.choose(whole | {"Resources": resources})  # type: ignore[no-any-return]  # a template as before


class _Conditions:
    def __init__(self, declared: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._declared = declared
        self._parameters = parameters

    def holds(self, name: str | None) -> bool:
        return name is None or self._decide({"Condition": name})

    def choose(self, value: Any) -> Any:  # noqa: ANN401 - any part of a template
        if isinstance(value, list):
            chosen = [self.choose(each) for each in value]
            return [each for each in chosen if each != _NOTHING]
        if not isinstance(value, dict):
            return value
        if "Fn::If" in value:
            name, then, otherwise = value["Fn::If"]
            return self.choose(then if self.holds(name) else otherwise)
        chosen_parts = {key: self.choose(part) for key, part in value.items()}
        return {key: part for key, part in chosen_parts.items() if part != _NOTHING}

    def _decide(self, condition: Mapping[str, Any]) -> bool:
        ((kind, of),) = condition.items()
        match kind:
            case "Condition":
                return self._decide(self._declared[of])
            case "Fn::Not":
                return not self._decide(of[0])
            case "Fn::And":
                return all(self._decide(each) for each in of)
            case "Fn::Or":
                return any(self._decide(each) for each in of)
            case "Fn::Equals":
                return self._text(of[0]) == self._text(of[1])
        raise ValueError(f"no condition: {kind}")

    def _text(self, value: Any) -> str:  # noqa: ANN401 - a text, or a function that gives one
        if isinstance(value, dict) and "Fn::Join" in value:
            return self._text(value["Fn::Join"][1]).replace(",", "")
        return self._parameters[value["Ref"]] if isinstance(value, dict) else str(value)
