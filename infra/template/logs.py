"""The log of each function, declared before the function would make one that is kept for ever."""

from infra.template.cloudformation import Template, sub
from infra.template.parts import FUNCTIONS, called

_KEPT_DAYS = 30


def logs() -> dict[str, Template]:
    """Return the log group of each function."""
    return {
        f"{called(function)}Logs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": sub(f"/aws/lambda/${{AWS::StackName}}-{name}"),
                "RetentionInDays": _KEPT_DAYS,
            },
        }
        for function, name in FUNCTIONS.items()
    }
