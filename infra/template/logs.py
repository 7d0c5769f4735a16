"""The logs, declared before anything else would make them, to be kept for ever."""

from infra.template.cloudformation import Template, get, ref, sub
from infra.template.parts import FUNCTIONS, called


def logs() -> dict[str, Template]:
    """Return the log group of each function, and of the calls that the gateway took."""
    names = {
        f"{called(function)}Logs": f"/aws/lambda/${{AWS::StackName}}-{name}"
        for function, name in FUNCTIONS.items()
    }
    names["AccessLogs"] = "/aws/apigateway/${AWS::StackName}"
    return {
        logical_id: {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {
                "LogGroupName": sub(name),
                "RetentionInDays": ref("LogRetentionDays"),
                "KmsKeyId": get("DataKey"),
            },
        }
        for logical_id, name in names.items()
    }
