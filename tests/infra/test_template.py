"""What no emulator shows of the template: asserted on the one that is generated."""

import json
import subprocess
from typing import Any

import pytest

from tests.infra.conftest import Resources

DAY_SECONDS = 24 * 60 * 60
API_GATEWAY_LIMIT_SECONDS = 29

HANDLERS = {
    "APIHandler": "app.app",
    "Relay": "chalicelib.handlers.relay.relay",
    "Webhooks": "chalicelib.handlers.webhooks.webhooks",
    "Audit": "chalicelib.handlers.audit.audit",
    "Notifications": "chalicelib.handlers.notifications.notifications",
    "Finance": "chalicelib.handlers.finance.finance",
}
WORKERS = ("Webhooks", "Audit", "Notifications", "Finance")

# The statements that name no resource, and why they may.
UNSCOPED = {
    ("Relay", "FindStream"): "IAM knows no resource for ListStreams; it tells names alone",
    ("Notifications", "SendMail"): "only where the sender's identity is not ours to name, and"
    " then only from the sender's address",
}


def role_of(function: dict[str, Any], of_type: Resources) -> dict[str, Any]:
    return of_type("AWS::IAM::Role")[function["Role"]["Fn::GetAtt"][0]]


def statements(function: dict[str, Any], of_type: Resources) -> list[dict[str, Any]]:
    return [
        statement
        for policy in role_of(function, of_type)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def granted(function: dict[str, Any], of_type: Resources, service: str) -> set[str]:
    """Logical ids of the resources on which a function may call a service."""
    return {
        resource["Fn::GetAtt"][0]
        for statement in statements(function, of_type)
        if any(action.startswith(f"{service}:") for action in statement["Action"])
        for resource in as_list(statement["Resource"])
        if isinstance(resource, dict) and "Fn::GetAtt" in resource
    }


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - template values have no type
    return value if isinstance(value, list) else [value]


def mapping(function: dict[str, Any]) -> dict[str, Any]:
    (event,) = function["Events"].values()
    properties: dict[str, Any] = event["Properties"]
    return properties


def variables(function: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def test_cfn_lint_finds_nothing(lint: subprocess.CompletedProcess[str]) -> None:
    assert (lint.stdout, lint.stderr, lint.returncode) == ("", "", 0)


def test_the_functions_are_those_of_the_design(functions: dict[str, dict[str, Any]]) -> None:
    assert {name: function["Handler"] for name, function in functions.items()} == HANDLERS


@pytest.mark.parametrize("name", ["Relay", *WORKERS])
def test_a_mapping_reports_each_message_that_failed(
    name: str, functions: dict[str, dict[str, Any]]
) -> None:
    assert mapping(functions[name])["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_takes_from_its_own_queue(name: str, functions: dict[str, dict[str, Any]]) -> None:
    assert mapping(functions[name])["Queue"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}


def test_the_relay_reads_the_requests_stream_from_its_beginning(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    options = mapping(functions["Relay"])
    assert options["Stream"] == {"Fn::GetAtt": ["RequestsTable", "StreamArn"]}
    assert options["StartingPosition"] == "TRIM_HORIZON"
    stream = of_type("AWS::DynamoDB::Table")["RequestsTable"]["StreamSpecification"]
    assert stream == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_the_relay_wakes_only_for_a_change_with_events(
    functions: dict[str, dict[str, Any]],
) -> None:
    (only,) = mapping(functions["Relay"])["FilterCriteria"]["Filters"]
    assert json.loads(only["Pattern"]) == {
        "dynamodb": {"NewImage": {"outbox": {"S": [{"exists": True}]}}}
    }


def test_the_relay_parks_what_it_cannot_tell(functions: dict[str, dict[str, Any]]) -> None:
    options = mapping(functions["Relay"])
    assert options["BisectBatchOnFunctionError"] is True
    assert options["MaximumRetryAttempts"] > 0
    destination = options["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination == {"Fn::GetAtt": ["RelayDeadLetterQueue", "Arn"]}


def test_every_queue_has_a_dead_letter_queue(of_type: Resources) -> None:
    queues = of_type("AWS::SQS::Queue")
    served = {name for name in queues if not name.endswith("DeadLetterQueue")}
    assert served == {f"{name}Queue" for name in WORKERS}
    for name in served:
        redrive = queues[name]["RedrivePolicy"]
        dead_letters = name.replace("Queue", "DeadLetterQueue")
        assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": [dead_letters, "Arn"]}
        # The delays of chalicelib.domain.retries are reckoned with it.
        assert redrive["maxReceiveCount"] == 14
        assert dead_letters in queues


def test_every_queue_is_encrypted_and_keeps_messages_two_weeks(of_type: Resources) -> None:
    for queue in of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert queue["MessageRetentionPeriod"] == 14 * DAY_SECONDS


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_may_postpone_messages_of_its_own_queue_alone(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    assert variables(functions[name])["QUEUE_URL"] == {"Ref": f"{name}Queue"}
    assert granted(functions[name], of_type, "sqs") == {f"{name}Queue"}


@pytest.mark.parametrize("name", WORKERS)
def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_run(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    hidden_seconds = of_type("AWS::SQS::Queue")[f"{name}Queue"]["VisibilityTimeout"]
    assert hidden_seconds >= 6 * functions[name]["Timeout"]


def test_the_api_answers_before_the_gateway_gives_up(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    assert functions["APIHandler"]["Timeout"] < API_GATEWAY_LIMIT_SECONDS
    assert of_type("AWS::Serverless::Api")["RestAPI"]["StageName"] == "api"


def test_the_rules_are_those_of_the_design(of_type: Resources) -> None:
    patterns = {name: rule["EventPattern"] for name, rule in of_type("AWS::Events::Rule").items()}
    assert patterns == {
        "WebhooksRule": {"source": ["budget-requests"]},
        "AuditRule": {"source": ["budget-requests.audit"]},
        "NotificationsRule": {
            "source": ["budget-requests"],
            "detail-type": [
                "budget_request.submitted",
                "budget_request.approved",
                "budget_request.rejected",
            ],
        },
        "FinanceRule": {
            "source": ["budget-requests"],
            "detail-type": ["budget_request.approved", "reservation.released"],
        },
    }


@pytest.mark.parametrize("name", WORKERS)
def test_a_rule_sends_to_its_queue_and_parks_what_it_cannot_deliver(
    name: str, of_type: Resources
) -> None:
    rule = of_type("AWS::Events::Rule")[f"{name}Rule"]
    (target,) = rule["Targets"]
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert target["Arn"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [f"{name}DeadLetterQueue", "Arn"]}}


@pytest.mark.parametrize("name", WORKERS)
def test_only_the_own_rule_may_send_to_a_queue(name: str, of_type: Resources) -> None:
    policy = of_type("AWS::SQS::QueuePolicy")[f"{name}QueuePolicy"]
    queues = [f"{name}Queue", f"{name}DeadLetterQueue"]
    assert policy["Queues"] == [{"Ref": queue} for queue in queues]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == [{"Fn::GetAtt": [queue, "Arn"]} for queue in queues]
    rule = {"Fn::GetAtt": [f"{name}Rule", "Arn"]}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule}}


def test_every_function_has_a_role_of_its_own(functions: dict[str, dict[str, Any]]) -> None:
    roles = {function["Role"]["Fn::GetAtt"][0] for function in functions.values()}
    assert len(roles) == len(functions)


@pytest.mark.parametrize("name", HANDLERS)
def test_a_role_names_its_actions_and_resources(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    role = role_of(functions[name], of_type)
    assert "ManagedPolicyArns" not in role
    for statement in statements(functions[name], of_type):
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        if '"*"' in json.dumps(statement["Resource"]):
            assert (name, statement["Sid"]) in UNSCOPED


def test_mail_is_sent_from_the_sender_alone(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    (mail,) = (
        statement
        for statement in statements(functions["Notifications"], of_type)
        if statement["Sid"] == "SendMail"
    )
    condition, named, otherwise = mail["Resource"]["Fn::If"]
    assert condition == "DeclaresMailIdentity"
    assert named["Fn::Sub"].endswith(":identity/${MailFrom}")
    assert otherwise == "*"
    assert mail["Condition"] == {"StringEqualsIfExists": {"ses:FromAddress": {"Ref": "MailFrom"}}}


@pytest.mark.parametrize("name", HANDLERS)
def test_nothing_is_deleted_or_scanned(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    actions = {action for each in statements(functions[name], of_type) for action in each["Action"]}
    assert not actions & {
        "dynamodb:DeleteItem",
        "dynamodb:Scan",
        "dynamodb:BatchWriteItem",
        "dynamodb:PartiQLDelete",
    }


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_may_touch_the_tables_it_is_told_of_and_no_other(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    told = {
        value["Ref"]
        for variable, value in variables(functions[name]).items()
        if variable.endswith("_TABLE")
    }
    stream = {mapping(functions[name])["Stream"]["Fn::GetAtt"][0]} if name == "Relay" else set()
    assert granted(functions[name], of_type, "dynamodb") == told | stream


@pytest.mark.parametrize("name", HANDLERS)
def test_a_function_may_read_the_secrets_it_is_told_of_and_no_other(
    name: str, functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    told = {
        value["Fn::GetAtt"][0]
        for variable, value in variables(functions[name]).items()
        if variable.endswith("_ARN")
    }
    assert granted(functions[name], of_type, "secretsmanager") == told


def test_secrets_come_from_parameters_that_stay_hidden_and_have_no_default(
    template: dict[str, Any], of_type: Resources
) -> None:
    parameters = template["Parameters"]
    used = {
        secret["SecretString"]["Ref"] for secret in of_type("AWS::SecretsManager::Secret").values()
    }
    hidden = {name for name, parameter in parameters.items() if parameter.get("NoEcho")}
    assert used == hidden == {"JwtSecret", "FinanceApiKey", "AuditApiKey", "BusSigningKey"}
    assert not any("Default" in parameters[name] for name in hidden)
    assert parameters["JwtSecret"]["MinLength"] == 32


def test_no_function_is_told_a_secret(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    hidden = {name for name, each in template["Parameters"].items() if each.get("NoEcho")}
    for function in functions.values():
        assert not [value for value in variables(function).values() if value.get("Ref") in hidden]


@pytest.mark.parametrize("name", HANDLERS)
def test_a_log_is_kept_for_a_while_and_only_its_function_writes_to_it(
    name: str,
    template: dict[str, Any],
    functions: dict[str, dict[str, Any]],
    of_type: Resources,
) -> None:
    group_id = template["Resources"][name]["DependsOn"]
    group = of_type("AWS::Logs::LogGroup")[group_id]
    function_name = functions[name]["FunctionName"]["Fn::Sub"]
    assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{function_name}"}
    assert group["RetentionInDays"] == 30
    (writes,) = (
        statement
        for statement in statements(functions[name], of_type)
        if "logs:PutLogEvents" in statement["Action"]
    )
    (resource,) = writes["Resource"]
    assert resource["Fn::Sub"].endswith(f":log-group:/aws/lambda/{function_name}:*")


def test_tables_are_protected_by_stage(template: dict[str, Any], of_type: Resources) -> None:
    protected = {"Fn::If": ["ProtectsTables", True, False]}
    for table in of_type("AWS::DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["DeletionProtectionEnabled"] == protected
        assert table["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": protected
        }
    stages = [{"Fn::Equals": [{"Ref": "Stage"}, stage]} for stage in ("local", "dev")]
    assert template["Conditions"]["ProtectsTables"] == {"Fn::Not": [{"Fn::Or": stages}]}


def test_what_may_be_forgotten_expires(of_type: Resources) -> None:
    expiring = {
        name: table["TimeToLiveSpecification"]
        for name, table in of_type("AWS::DynamoDB::Table").items()
        if "TimeToLiveSpecification" in table
    }
    expires = {"AttributeName": "expires_at", "Enabled": True}
    assert expiring == {"WebhooksTable": expires, "WorkTable": expires}
