"""LocalStack is asked for all that the stack is made of."""

from typing import Any

import yaml

from infra.paths import ROOT

#: What a resource type's second word is called there; a serverless function is several things.
SERVICES = {
    "ApiGateway": {"apigateway"},
    "CloudWatch": {"cloudwatch"},
    "DynamoDB": {"dynamodb", "dynamodbstreams"},
    "Events": {"events"},
    "IAM": {"iam"},
    "KMS": {"kms"},
    "Lambda": {"lambda"},
    "Logs": {"logs"},
    "S3": {"s3"},
    "SES": {"ses"},
    "SNS": {"sns"},
    "SQS": {"sqs"},
    "SecretsManager": {"secretsmanager"},
    "Serverless": {"apigateway", "iam", "lambda"},
}
#: What deploying itself calls.
DEPLOYING = {"cloudformation", "s3", "sts"}


def localstack() -> dict[str, Any]:
    """Return the one service of the compose file."""
    (only,) = yaml.safe_load((ROOT / "localstack-compose.yml").read_text())["services"].values()
    found: dict[str, Any] = only
    return found


def test_the_image_is_pinned_to_the_last_that_starts_without_an_account() -> None:
    """From 2026.03.0 on (March 23, 2026) it ends at once where no token is set."""
    assert localstack()["image"] == "localstack/localstack:${LOCALSTACK_TAG:-4.14.0}"


def test_it_listens_on_this_machine_alone() -> None:
    assert localstack()["ports"] == ["127.0.0.1:4566:4566"]
    assert "network_mode" not in localstack()


def test_the_compose_file_starts_every_service_that_the_template_uses_and_no_other(
    template: dict[str, dict[str, Any]],
) -> None:
    started = localstack()["environment"]["SERVICES"].split(",")
    types = {resource["Type"].split("::")[1] for resource in template["Resources"].values()}
    used = DEPLOYING.union(*(SERVICES[each] for each in types))
    assert sorted(started) == sorted(used)
