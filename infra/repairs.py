"""What an emulator leaves undone of a template, done by API; safe to repeat."""

from typing import Any

from infra.cloud import Cloud

_TABLE = "AWS::DynamoDB::Table"


def repair(
    cloud: Cloud, template: dict[str, Any], outputs: dict[str, str], *, mail_from: str
) -> None:
    """Verify the sender, and turn on expiry and recovery of tables where they are declared."""
    cloud.ses.verify_email_identity(EmailAddress=mail_from)
    recoverable = outputs["TablesAreProtected"] == "true"
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] != _TABLE:
            continue
        table = outputs[f"{logical_id}Name"]
        expiry = resource["Properties"].get("TimeToLiveSpecification")
        if expiry is not None:
            _expire(cloud, table, expiry["AttributeName"])
        if recoverable:
            cloud.dynamodb.update_continuous_backups(
                TableName=table,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )


def _expire(cloud: Cloud, table: str, attribute: str) -> None:
    described = cloud.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if described.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return  # to turn it on twice is an error
    cloud.dynamodb.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
    )
