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


def test_the_compose_file_starts_every_service_that_the_template_uses_and_no_other(
    template: dict[str, dict[str, Any]],
) -> None:
    compose = yaml.safe_load((ROOT / "localstack-compose.yml").read_text())
    started = compose["services"]["localstack"]["environment"]["SERVICES"].split(",")
    types = {resource["Type"].split("::")[1] for resource in template["Resources"].values()}
    used = DEPLOYING.union(*(SERVICES[each] for each in types))
    assert sorted(started) == sorted(used)
