"""What no emulator shows of the template: asserted on the one that is generated."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from chalicelib.domain.deliveries import SweepOrder
from chalicelib.domain.events import AUDIT_SOURCE, EVENT_SOURCE
from chalicelib.domain.inbound import REJECTED
from chalicelib.domain.jobs import JobName, JobOrder, JobPayload
from chalicelib.domain.retries import MAX_RECEIVES
from chalicelib.handlers.http.envelope import INTERNAL_ERROR, STATUS
from chalicelib.handlers.http.security_headers import SECURITY_HEADERS
from infra.front import COMPRESSES_FROM
from infra.package import Package
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
    "Jobs": "chalicelib.handlers.jobs.jobs",
    "Inbound": "chalicelib.handlers.inbound.inbound",
}
# Those that the bus feeds, each by a rule of its own; jobs are fed by their schedules and the API.
ON_THE_BUS = ("Webhooks", "Audit", "Notifications", "Finance", "Inbound")
WORKERS = (*ON_THE_BUS, "Jobs")
SCHEDULES = {
    "FinanceSyncRule": ("finance-sync", "rate(15 minutes)"),
    "SlaCheckRule": ("sla-check", "rate(15 minutes)"),
    "ReservationExpiryRule": ("reservation-expiry", "cron(0 0 * * ? *)"),
    "DailyAggregatesRule": ("daily-aggregates", "cron(0 1 * * ? *)"),
}
# What sends to a worker's queue besides its rule.
ALSO_SEND = {"Webhooks": ("WebhooksSweepRule",)}
# The tables whose rows carry what is told of their change.
TOLD = ("BudgetsTable", "KeysTable", "RequestsTable", "WebhooksTable")

# The statements that name no resource, and why they may.
UNSCOPED = {
    ("Relay", "FindStream"): "IAM knows no resource for ListStreams; it tells names alone",
    ("Notifications", "SendMail"): "only where the sender's identity is not ours to name, and"
    " then only from the sender's address",
    **{(name, "Trace"): "IAM knows no resource for what X-Ray is sent" for name in HANDLERS},
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


def mappings(function: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["Properties"] for event in function["Events"].values()]


def mapping(function: dict[str, Any]) -> dict[str, Any]:
    (properties,) = mappings(function)
    return properties


def variables(function: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def test_cfn_lint_finds_nothing(lint: subprocess.CompletedProcess[str]) -> None:
    assert (lint.stdout, lint.stderr, lint.returncode) == ("", "", 0)


def test_the_template_has_no_aliases(package: Package) -> None:
    tokens = yaml.scan(package.template_path.read_text())
    assert not [token for token in tokens if isinstance(token, yaml.AliasToken)]


def test_the_functions_are_those_of_the_design(functions: dict[str, dict[str, Any]]) -> None:
    assert {name: function["Handler"] for name, function in functions.items()} == HANDLERS


@pytest.mark.parametrize("name", ["Relay", *WORKERS])
def test_a_mapping_reports_each_message_that_failed(
    name: str, functions: dict[str, dict[str, Any]]
) -> None:
    for options in mappings(functions[name]):
        assert options["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_takes_from_its_own_queue(name: str, functions: dict[str, dict[str, Any]]) -> None:
    assert mapping(functions[name])["Queue"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}


def test_the_relay_reads_the_streams_of_what_is_told_from_their_beginning(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    options = mappings(functions["Relay"])
    assert {event["Type"] for event in functions["Relay"]["Events"].values()} == {"DynamoDB"}
    read = [each["Stream"]["Fn::GetAtt"] for each in options]
    assert sorted(read) == [[name, "StreamArn"] for name in TOLD]
    assert {each["StartingPosition"] for each in options} == {"TRIM_HORIZON"}
    streams = {
        name: table["StreamSpecification"]
        for name, table in of_type("AWS::DynamoDB::Table").items()
        if "StreamSpecification" in table
    }
    # Old images say whether the outbox is news.
    assert streams == {name: {"StreamViewType": "NEW_AND_OLD_IMAGES"} for name in TOLD}


def test_the_relay_wakes_only_for_a_row_with_something_to_tell(
    functions: dict[str, dict[str, Any]],
) -> None:
    # Every write of a request's own row tells something, packed with the request.
    request = {"Keys": {"sk": {"S": ["REQUEST"]}}}
    others = {"NewImage": {"outbox": {"S": [{"exists": True}]}}}
    for options in mappings(functions["Relay"]):
        is_requests = options["Stream"]["Fn::GetAtt"][0] == "RequestsTable"
        (only,) = options["FilterCriteria"]["Filters"]
        assert json.loads(only["Pattern"]) == {"dynamodb": request if is_requests else others}


def test_the_relay_parks_what_it_cannot_tell(functions: dict[str, dict[str, Any]]) -> None:
    for options in mappings(functions["Relay"]):
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
        assert redrive["maxReceiveCount"] == MAX_RECEIVES
        assert dead_letters in queues


def test_dead_letters_are_kept_longer_than_messages_which_are_longer_than_tried(
    of_type: Resources,
) -> None:
    for name, queue in of_type("AWS::SQS::Queue").items():
        days = 14 if name.endswith("DeadLetterQueue") else 7
        assert queue["MessageRetentionPeriod"] == days * DAY_SECONDS


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


def test_the_api_looks_at_every_queue(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    api = functions["APIHandler"]
    monitored = json.loads(variables(api)["MONITORED_QUEUES"]["Fn::Sub"])
    names = {
        name: queue["QueueName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for name, queue in of_type("AWS::SQS::Queue").items()
    }
    assert monitored == {told: f"${{{name}}}" for name, told in names.items()}
    (looks,) = (s for s in statements(api, of_type) if s["Sid"] == "LookAtQueues")
    assert looks["Action"] == ["sqs:GetQueueAttributes"]
    assert {resource["Fn::GetAtt"][0] for resource in looks["Resource"]} == set(names)


def test_bodies_reach_the_api_byte_for_byte(of_type: Resources) -> None:
    (api,) = of_type("AWS::Serverless::Api").values()
    assert api["BinaryMediaTypes"] == ["application/json"]


def test_what_the_gateway_refuses_by_itself_is_in_the_envelope(of_type: Resources) -> None:
    (api,) = of_type("AWS::Serverless::Api").values()
    known = {error.code: int(status) for error, status in STATUS.items()} | {INTERNAL_ERROR: 500}
    told = {}
    for name, response in api["GatewayResponses"].items():
        body = json.loads(response["ResponseTemplates"]["application/json"])
        assert body.keys() == {"success", "message", "code", "requestId"}
        assert response.get("StatusCode", 500) == known[body["code"]]
        told[name] = body["code"]
    assert told == {
        "REQUEST_TOO_LARGE": "BODY_TOO_LARGE",
        "THROTTLED": "RATE_LIMIT_EXCEEDED",
        "MISSING_AUTHENTICATION_TOKEN": "ROUTE_NOT_FOUND",
        "DEFAULT_4XX": "FORBIDDEN",
        "DEFAULT_5XX": "INTERNAL_ERROR",
    }


def test_what_the_gateway_refuses_by_itself_has_the_headers_of_our_answers(
    of_type: Resources,
) -> None:
    (api,) = of_type("AWS::Serverless::Api").values()
    ours = {name: f"'{value}'" for name, value in SECURITY_HEADERS.items()}
    for response in api["GatewayResponses"].values():
        assert response["ResponseParameters"]["Headers"] == ours | {
            "Access-Control-Allow-Origin": {"Fn::Sub": "'${CorsOrigin}'"},
            "Vary": "'Origin'",
        }


def test_the_gateway_compresses_answers_as_large_as_the_local_front_does(
    of_type: Resources,
) -> None:
    (api,) = of_type("AWS::Serverless::Api").values()
    assert api["MinimumCompressionSize"] == COMPRESSES_FROM


def test_the_api_answers_before_the_gateway_gives_up(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    assert functions["APIHandler"]["Timeout"] < API_GATEWAY_LIMIT_SECONDS
    assert of_type("AWS::Serverless::Api")["RestAPI"]["StageName"] == "api"


def test_the_rules_are_those_of_the_design(of_type: Resources) -> None:
    rules = of_type("AWS::Events::Rule").items()
    schedules = {*SCHEDULES, "WebhooksSweepRule"}
    patterns = {name: rule["EventPattern"] for name, rule in rules if name not in schedules}
    assert patterns == {
        "WebhooksRule": {
            "source": ["budget-requests"],
            "detail-type": [{"anything-but": [REJECTED]}],
        },
        "AuditRule": {"source": ["budget-requests.audit"]},
        "NotificationsRule": {
            "source": ["budget-requests"],
            "detail-type": [
                "budget_request.submitted",
                "budget_request.approved",
                "budget_request.rejected",
                "budget_request.overdue",
                "reservation.expiring",
            ],
        },
        "FinanceRule": {
            "source": ["budget-requests"],
            "detail-type": [
                "budget_request.approved",
                "reservation.consumed",
                "reservation.released",
                "reservation.expired",
            ],
        },
        "InboundRule": {"source": [{"anything-but": [EVENT_SOURCE, AUDIT_SOURCE]}]},
    }


@pytest.mark.parametrize("name", ON_THE_BUS)
def test_a_rule_sends_to_its_queue_and_parks_what_it_cannot_deliver(
    name: str, of_type: Resources
) -> None:
    rule = of_type("AWS::Events::Rule")[f"{name}Rule"]
    (target,) = rule["Targets"]
    assert rule["EventBusName"] == {"Ref": "EventBus"}
    assert target["Arn"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [f"{name}DeadLetterQueue", "Arn"]}}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_asks_for_its_job_and_names_the_run_by_the_firing(
    name: str, of_type: Resources
) -> None:
    rule = of_type("AWS::Events::Rule")[name]
    job, schedule = SCHEDULES[name]
    assert rule["ScheduleExpression"] == schedule
    assert "EventBusName" not in rule  # schedules fire on the default bus alone
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["JobsQueue", "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}}
    transformer = target["InputTransformer"]
    assert transformer["InputPathsMap"] == {"id": "$.id", "time": "$.time"}
    # EventBridge puts texts in quotes where the template has none around their names.
    firing = {"<id>": '"6a7e8feb"', "<time>": '"2026-03-10T12:00:00Z"'}
    message = transformer["InputTemplate"]
    for placeholder, value in firing.items():
        message = message.replace(placeholder, value)
    order = JobOrder.model_validate_json(message)
    assert (order.job, order.run_id, order.by) == (job, "6a7e8feb", "schedule")
    assert order.queued_at == datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert order.payload == JobPayload()


def test_every_job_has_a_schedule() -> None:
    assert sorted(job for job, _ in SCHEDULES.values()) == sorted(JobName)


def test_only_schedules_may_send_to_the_queue_of_jobs(of_type: Resources) -> None:
    policy = of_type("AWS::SQS::QueuePolicy")["JobsQueuePolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(rule["Fn::GetAtt"][0] for rule in allowed) == sorted(SCHEDULES)


def test_whoever_reckons_with_quarters_is_told_when_the_year_begins(
    functions: dict[str, dict[str, Any]],
) -> None:
    told = {"Ref": "FiscalYearFirstMonth"}
    for name in ("APIHandler", "Jobs", "Inbound"):
        assert variables(functions[name])["FISCAL_YEAR_FIRST_MONTH"] == told


@pytest.mark.parametrize("name", ON_THE_BUS)
def test_only_the_own_rule_may_send_to_a_queue(name: str, of_type: Resources) -> None:
    policy = of_type("AWS::SQS::QueuePolicy")[f"{name}QueuePolicy"]
    queues = [f"{name}Queue", f"{name}DeadLetterQueue"]
    assert policy["Queues"] == [{"Ref": queue} for queue in queues]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == [{"Fn::GetAtt": [queue, "Arn"]} for queue in queues]
    rules = [{"Fn::GetAtt": [rule, "Arn"]} for rule in (f"{name}Rule", *ALSO_SEND.get(name, ()))]
    allowed = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert as_list(allowed) == rules


def test_what_is_due_is_looked_for_every_minute(of_type: Resources) -> None:
    rule = of_type("AWS::Events::Rule")["WebhooksSweepRule"]
    (target,) = rule["Targets"]
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    assert "EventBusName" not in rule  # schedules fire on the default bus alone
    assert target["Arn"] == {"Fn::GetAtt": ["WebhooksQueue", "Arn"]}
    assert SweepOrder.model_validate_json(target["Input"])


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
        is_unscoped = '"*"' in json.dumps(statement["Resource"])
        assert is_unscoped == ((name, statement["Sid"]) in UNSCOPED)


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
    streams = set(TOLD) if name == "Relay" else set()
    assert granted(functions[name], of_type, "dynamodb") == told | streams


def test_the_relay_may_add_to_what_was_told_and_no_more(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    (keeps,) = (s for s in statements(functions["Relay"], of_type) if s["Sid"] == "KeepWhatIsTold")
    assert keeps["Action"] == ["dynamodb:PutItem"]
    assert keeps["Resource"] == [{"Fn::GetAtt": ["ToldTable", "Arn"]}]
    assert not [
        name
        for name, function in functions.items()
        if name != "Relay" and "ToldTable" in granted(function, of_type, "dynamodb")
    ]
    assert variables(functions["Relay"])["SET_ASIDE_QUEUE_URL"] == {"Ref": "RelayDeadLetterQueue"}


def test_the_relay_may_read_streams_and_no_table(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    (reads,) = (s for s in statements(functions["Relay"], of_type) if s["Sid"] == "ReadStreams")
    assert sorted(r["Fn::GetAtt"] for r in reads["Resource"]) == [[t, "StreamArn"] for t in TOLD]


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


def test_inbound_alone_derives_the_secrets_of_partners_keys_and_reads_keys_one_by_one(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    can_derive = {
        name
        for name, function in functions.items()
        if "BusKeysSecretValue" in granted(function, of_type, "secretsmanager")
    }
    assert can_derive == {"Inbound"}
    on_keys = [
        action
        for statement in statements(functions["Inbound"], of_type)
        if {"Fn::GetAtt": ["KeysTable", "Arn"]} in as_list(statement["Resource"])
        for action in statement["Action"]
    ]
    assert on_keys == ["dynamodb:GetItem"]


def test_the_seal_is_known_to_the_relay_and_to_those_who_act_on_what_it_sends(
    functions: dict[str, dict[str, Any]], of_type: Resources
) -> None:
    known_to = {
        name
        for name, function in functions.items()
        if "BusSealKeyValue" in granted(function, of_type, "secretsmanager")
    }
    assert known_to == {"Relay", "Webhooks", "Audit", "Notifications", "Finance"}
    may_put = {n for n, each in functions.items() if granted(each, of_type, "events")}
    assert known_to & may_put == {"Relay"}


def test_what_comes_over_the_bus_shows_it(of_type: Resources) -> None:
    # By its envelope the audit worker tells it from what the API queues, which has no seal.
    for rule in of_type("AWS::Events::Rule").values():
        if "EventBusName" in rule:
            for target in rule["Targets"]:
                assert not target.keys() & {"Input", "InputPath", "InputTransformer"}


def test_secrets_come_from_parameters_that_stay_hidden_and_have_no_default(
    template: dict[str, Any], of_type: Resources
) -> None:
    parameters = template["Parameters"]
    secrets = of_type("AWS::SecretsManager::Secret")
    made_up = {name for name, secret in secrets.items() if "GenerateSecretString" in secret}
    used = {secrets[name]["SecretString"]["Ref"] for name in secrets.keys() - made_up}
    hidden = {name for name, parameter in parameters.items() if parameter.get("NoEcho")}
    assert used == hidden == {"JwtSecret", "FinanceApiKey", "AuditApiKey", "BusSigningKey"}
    assert not any("Default" in parameters[name] for name in hidden)
    assert made_up == {"BusKeysSecretValue", "BusSealKeyValue"}
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
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
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
    assert expiring == {"ToldTable": expires, "WebhooksTable": expires, "WorkTable": expires}
