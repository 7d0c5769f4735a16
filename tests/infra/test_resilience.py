"""What keeps data, keeps it secret, and keeps a burst from hurting anyone: by stage."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters import aws
from chalicelib.domain.events import AUDIT_SOURCE, EVENT_SOURCE
from infra.parameters import STAGES, collect
from infra.template.resolved import resolved
from tests.infra.conftest import Resources
from tests.infra.test_parameters import ENVIRONMENT
from tests.infra.test_template import HANDLERS, WORKERS, mapping, statements

Staged = Callable[..., dict[str, Any]]
KEY = {"Fn::GetAtt": ["DataKey", "Arn"]}
#: What a role may do with the key to read and write encrypted tables and queues.
USES = {
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
}
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}


@pytest.fixture
def staged(template: dict[str, Any]) -> Staged:
    """The resources of a stage, by name."""

    def of(stage: str, **variables: str) -> dict[str, Any]:
        parameters = collect(ENVIRONMENT | variables, stage=stage)
        resources: dict[str, Any] = resolved(template, parameters)["Resources"]
        return resources

    return of


@pytest.mark.parametrize("stage", ["staging", "prod", "anything-else"])
def test_a_table_that_keeps_data_can_be_recovered_and_not_be_deleted(
    stage: str, staged: Staged
) -> None:
    resources = staged(stage)
    tables = [each for each in resources.values() if each["Type"] == "AWS::DynamoDB::Table"]
    assert len(tables) == 6
    for table in tables:
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        recovery = table["Properties"]["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True}
        assert table["UpdateReplacePolicy"] == "Retain"
    assert resources["DataKey"]["Properties"]["PendingWindowInDays"] == 30


@pytest.mark.parametrize("stage", ["local", "dev"])
def test_a_stage_to_try_things_on_goes_away_whole(stage: str, staged: Staged) -> None:
    resources = staged(stage)
    for each in resources.values():
        if each["Type"] == "AWS::DynamoDB::Table":
            assert each["Properties"]["DeletionProtectionEnabled"] is False
    assert resources["DataKey"]["Properties"]["PendingWindowInDays"] == 7


def test_all_that_holds_data_is_encrypted_with_the_stacks_own_key(of_type: Resources) -> None:
    own = {"Ref": "DataKey"}
    for table in of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": KEY,
        }
    for queue in of_type("AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == own
    for secret in of_type("AWS::SecretsManager::Secret").values():
        assert secret["KmsKeyId"] == own
    for group in of_type("AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == KEY


def test_what_outlives_its_stack_does_not_outlive_a_creation_that_failed(
    template: dict[str, Any],
) -> None:
    policies = {
        name: resource["DeletionPolicy"]
        for name, resource in template["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert policies == dict.fromkeys(
        ("ApiGatewayLogsRole", "ApiGatewayAccount", "MailIdentity"), "RetainExceptOnCreate"
    )


def test_the_key_is_rotated_and_lets_in_rules_and_for_this_account_alarms_and_logs(
    of_type: Resources,
) -> None:
    (key,) = of_type("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    account, rules, alarms, logs = key["KeyPolicy"]["Statement"]
    assert account["Principal"] == {
        "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    }
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in rules  # EventBridge would not meet one, and lose events silently
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert rules["Action"] == alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    own_account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert alarms["Condition"] == {"StringEquals": own_account}
    (named,) = logs["Condition"]["ArnLike"].values()
    assert named["Fn::Sub"].endswith(":log-group:/aws/*/${AWS::StackName}*")


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_uses_the_key_through_the_services_it_calls_alone(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    granted = statements(functions[name], of_type)
    (uses,) = (each for each in granted if each["Sid"] == "UseOwnKeyThroughServices")
    assert uses["Resource"] == [KEY]
    assert set(uses["Action"]) <= USES
    if any(action in WRITES for each in granted for action in each["Action"]):
        assert set(uses["Action"]) == USES
    called = {action.split(":")[0] for each in granted for action in each["Action"]}
    encrypted = {"dynamodb", "sqs", "secretsmanager"} & called
    via = uses["Condition"]["StringEquals"]["kms:ViaService"]
    assert {each["Fn::Sub"] for each in via} == {
        f"{service}.${{AWS::Region}}.amazonaws.com" for service in encrypted
    }


def test_every_call_can_be_traced(functions: dict[str, dict[str, Any]], of_type: Resources) -> None:
    assert of_type("AWS::Serverless::Api")["RestAPI"]["TracingEnabled"] is True
    for function in functions.values():
        assert function["Tracing"] == "Active"
        (trace,) = (each for each in statements(function, of_type) if each["Sid"] == "Trace")
        assert trace["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def test_the_gateway_takes_so_many_calls_and_logs_no_body(of_type: Resources) -> None:
    (settings,) = of_type("AWS::Serverless::Api")["RestAPI"]["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiCallsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiCallsAtOnce"}
    assert settings["DataTraceEnabled"] is False


def test_the_access_log_is_json_that_names_the_call_and_nobody(staged: Staged) -> None:
    resources = staged("prod")
    told = resources["RestAPI"]["Properties"]["AccessLogSetting"]
    group = resources["AccessLogs"]["Properties"]["LogGroupName"]["Fn::Sub"]
    assert told["DestinationArn"]["Fn::Sub"].endswith(f":log-group:{group}")
    line = json.loads(told["Format"])
    assert line["requestId"] == "$context.requestId"
    # An address, a browser, an identity, or a path with ids in it would be somebody's.
    assert not [each for each in line.values() if "identity" in each or "authorizer" in each]
    assert "$context.path" not in line.values()
    assert resources["ApiGatewayAccount"]["Properties"]["CloudWatchRoleArn"]


def test_an_emulator_gets_nothing_that_it_does_not_know(
    template: dict[str, Any], staged: Staged
) -> None:
    emulated = collect(ENVIRONMENT, stage="local") | {
        "Emulated": "true",
        "ManageMailIdentity": "false",
    }
    left_out = staged("local").keys() - resolved(template, emulated)["Resources"].keys()
    assert left_out == {"EventArchive", "ApiGatewayLogsRole", "ApiGatewayAccount", "MailIdentity"}


def test_the_account_of_api_gateway_may_be_left_to_others(staged: Staged) -> None:
    resources = staged("prod", MANAGE_API_GATEWAY_ACCOUNT="false")
    assert "ApiGatewayAccount" not in resources
    assert "AccessLogSetting" in resources["RestAPI"]["Properties"]


def test_what_was_on_the_bus_is_kept_for_a_while(staged: Staged) -> None:
    archive = staged("prod")["EventArchive"]["Properties"]
    assert archive["EventPattern"] == {"source": [EVENT_SOURCE, AUDIT_SOURCE]}
    assert archive["RetentionDays"] == {"Ref": "EventArchiveDays"}


def test_partners_in_other_accounts_put_events_in_their_own_name_alone(staged: Staged) -> None:
    assert "Policy" not in staged("prod")["EventBus"]["Properties"]
    bus = staged("prod", PARTNER_ACCOUNTS="111111111111,222222222222")["EventBus"]["Properties"]
    (statement,) = bus["Policy"]["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "PartnerAccounts"}}
    assert statement["Action"] == "events:PutEvents"
    assert statement["Condition"] == {
        "StringNotEquals": {"events:source": [EVENT_SOURCE, AUDIT_SOURCE]}
    }


@pytest.mark.parametrize("name", WORKERS)
def test_a_burst_reaches_a_partner_a_few_at_a_time(
    name: str, functions: dict[str, dict[str, Any]]
) -> None:
    most = mapping(functions[name])["ScalingConfig"]["MaximumConcurrency"]
    assert 2 <= most <= 20  # two are the least that SQS knows
    assert "ReservedConcurrentExecutions" not in functions[name]


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_outlives_the_calls_it_makes(
    name: str, functions: dict[str, dict[str, Any]]
) -> None:
    one_call = aws.CONNECT_TIMEOUT_SECONDS + aws.READ_TIMEOUT_SECONDS
    assert functions[name]["Timeout"] > one_call * aws.MAX_ATTEMPTS


def test_chalice_knows_the_stages_that_have_a_file(project: Path) -> None:
    config = json.loads((project / ".chalice" / "config.json").read_text())
    assert sorted(config["stages"]) == sorted(path.stem for path in STAGES.glob("*.json"))


def test_a_stages_file_is_what_the_caller_does_not_set() -> None:
    assert collect(ENVIRONMENT, stage="prod")["LogRetentionDays"] == "90"
    assert collect(ENVIRONMENT, stage="anything-else")["LogRetentionDays"] == "30"
    chosen = ENVIRONMENT | {"LOG_RETENTION_DAYS": "7"}
    assert collect(chosen, stage="prod")["LogRetentionDays"] == "7"


@pytest.mark.parametrize("path", sorted(STAGES.glob("*.json")), ids=lambda path: str(path.stem))
def test_a_stages_file_sets_what_is_known_and_no_secret(path: Path) -> None:
    given = json.loads(path.read_text())
    assert not given.keys() & ENVIRONMENT.keys()
    parameters = collect(ENVIRONMENT, stage=path.stem)
    for name, value in given.items():
        assert parameters["".join(word.capitalize() for word in name.split("_"))] == value
