"""Deploying to an embedded cloud of its own: create, change in place, fail in a line, remove."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import changes, deployment, embedded
from infra.changes import SECRET
from infra.cloud import Cloud
from infra.deploy import DeployError, Plan, deploy, destroy, kept_secrets, outputs, prepare
from infra.errors import OperatorError
from infra.package import Package, build, load_template
from infra.parameters import collect
from infra.progress import silent
from infra.secret_names import PARAMETERS, RESOURCES, SecretName
from infra.secret_store import SecretStore, of_stack
from infra.stack import Stack
from tests.infra.test_parameters import ENVIRONMENT

pytestmark = pytest.mark.e2e

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Target:
    """A stack on the cloud, which may not be there yet."""

    cloud: Cloud
    package: Package
    stack_name: str

    def deploy(self, said: list[str] | None = None, **parameters: str) -> dict[str, str]:
        return deploy(
            self.package,
            stack_name=self.stack_name,
            parameters=collect(ENVIRONMENT, stage="local") | parameters,
            endpoint_url=self.cloud.endpoint_url,
            region=self.cloud.region,
            report=([] if said is None else said).append,
        )

    def unprotect(self, name: str) -> None:
        self.cloud.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)

    def secret(self, name: SecretName) -> SecretStore:
        return of_stack(self.cloud, Stack(self.cloud, self.stack_name, lambda _: None), name)

    def kept(self) -> frozenset[str]:
        cloud = self.cloud
        return kept_secrets(self.stack_name, endpoint_url=cloud.endpoint_url, region=cloud.region)

    def outputs(self) -> dict[str, str]:
        cloud = self.cloud
        return outputs(self.stack_name, endpoint_url=cloud.endpoint_url, region=cloud.region)

    def prepared(self, **parameters: str) -> Plan:
        return prepare(
            self.package,
            stack_name=self.stack_name,
            parameters=collect(ENVIRONMENT, stage="local") | parameters,
            endpoint_url=self.cloud.endpoint_url,
            region=self.cloud.region,
            report=lambda _: None,
        )

    def destroy(self) -> None:
        destroy(
            self.stack_name,
            endpoint_url=self.cloud.endpoint_url,
            region=self.cloud.region,
            report=lambda _: None,
        )

    def changed(self, folder: Path, change: Change) -> "Target":
        shutil.copytree(self.package.zip_path.parent, folder)
        template = load_template(self.package)
        change(template)
        path = folder / self.package.template_path.name
        path.write_text(yaml.safe_dump(template))
        zip_path = folder / self.package.zip_path.name
        return replace(self, package=Package(zip_path=zip_path, template_path=path))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running, started = embedded.start(tmp_path_factory.mktemp("cloud"))
    yield Cloud(region=embedded.REGION, endpoint_url=running.endpoint_url)
    embedded.stop(running)
    started.forget()


@pytest.fixture(scope="module")
def local_package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(tmp_path_factory.mktemp("package"), stage="local", report=lambda _: None)


@pytest.fixture
def target(cloud: Cloud, local_package: Package) -> Iterator[Target]:
    found = Target(cloud=cloud, package=local_package, stack_name="deploy-test")
    yield found
    found.destroy()


def needs_an_impossible_alarm(template: dict[str, Any]) -> None:
    template["Resources"]["Impossible"] = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "nowhere",
            "MetricName": "nothing",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
        },
    }


def unprotect_all(target: Target) -> None:
    for name in Stack(target.cloud, target.stack_name, lambda _: None).tables():
        target.unprotect(name)


def test_a_second_deployment_changes_nothing(target: Target) -> None:
    said: list[str] = []
    first = target.deploy()
    assert target.deploy(said) == first
    assert said[-1] == "Stack deploy-test: nothing to change"


def test_a_changed_parameter_reaches_the_functions_and_leaves_the_data(target: Target) -> None:
    table = target.deploy()["RequestsTableName"]
    row = {"pk": {"S": "1"}, "sk": {"S": "1"}}
    target.cloud.dynamodb.put_item(TableName=table, Item=row)
    assert target.deploy(LogLevel="DEBUG")["RequestsTableName"] == table
    assert target.cloud.dynamodb.get_item(TableName=table, Key=row)["Item"] == row


def test_a_large_template_goes_through_the_bucket(target: Target, tmp_path: Path) -> None:
    def grow(template: dict[str, Any]) -> None:
        template["Metadata"] = {"Filling": ["x" * 1000] * 60}

    assert target.changed(tmp_path / "large", grow).deploy()["RestAPIId"]


def test_a_failed_creation_is_one_line_and_no_obstacle(target: Target, tmp_path: Path) -> None:
    failing = target.changed(tmp_path / "failing", needs_an_impossible_alarm)
    with pytest.raises(DeployError, match=r"deploy-test: Impossible \(.*\): Threshold") as failure:
        failing.deploy()
    assert "\n" not in str(failure.value)
    assert target.deploy()["RestAPIId"]


def test_a_failed_change_leaves_what_was_there(target: Target, tmp_path: Path) -> None:
    before = target.deploy()
    failing = target.changed(tmp_path / "failing", needs_an_impossible_alarm)
    with pytest.raises(DeployError, match="Impossible"):
        failing.deploy()
    assert target.deploy() == before


def test_a_short_secret_is_refused_before_anything_is_made(target: Target) -> None:
    with pytest.raises(OperatorError, match="JwtSecret"):
        target.deploy(JwtSecret="short")


def test_a_protected_stage_can_be_recovered_and_forgets_what_it_may(target: Target) -> None:
    table = target.deploy(Stage="prod")["WorkTableName"]
    unprotect_all(target)
    dynamodb = target.cloud.dynamodb
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_a_destroyed_stack_is_gone_and_may_be_destroyed_again(target: Target) -> None:
    target.deploy()
    target.destroy()
    target.destroy()
    with pytest.raises(OperatorError, match="There is no stack deploy-test"):
        target.outputs()
    assert target.cloud.s3.list_buckets()["Buckets"] == []


def test_a_cloud_that_does_not_answer_is_one_line(local_package: Package) -> None:
    nowhere = Cloud(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    with pytest.raises(OperatorError, match=r"http://127\.0\.0\.1:9") as failure:
        Target(cloud=nowhere, package=local_package, stack_name="deploy-test").deploy()
    assert "\n" not in str(failure.value)


def test_a_rotated_secret_survives_deployments(target: Target) -> None:
    target.deploy()
    secret = target.secret(SecretName.JWT_SECRET)
    secret.put("r" * 32)

    target.deploy(JwtSecret="r" * 32, LogLevel="DEBUG")
    assert secret.is_in_force("r" * 32)
    assert secret.state().overlaps

    with pytest.raises(OperatorError, match="JWT_SECRET is not the one in force") as refusal:
        target.deploy(LogLevel="INFO")
    assert ENVIRONMENT["JWT_SECRET"] not in str(refusal.value)
    assert secret.is_in_force("r" * 32)


def test_a_rotation_survives_another_description_of_its_secret(
    target: Target, tmp_path: Path
) -> None:
    def describe_anew(template: dict[str, Any]) -> None:
        for resource in template["Resources"].values():
            if resource["Type"] == SECRET:
                resource["Properties"]["Description"] += " So it is."

    target.deploy()
    before = {name: target.secret(name).read() for name in SecretName}
    rotated = (SecretName.FINANCE_API_KEY, SecretName.BUS_SEAL_KEY)
    for name in rotated:
        target.secret(name).put("r" * 64)

    changed = target.changed(tmp_path / "described", describe_anew)
    plan = changed.prepared(FinanceApiKey="r" * 64)
    assert {change.logical_id for change in plan.changes if change.type == SECRET} >= {
        RESOURCES[name] for name in SecretName
    }
    assert not any(change.changes_a_secret for change in plan.changes)
    plan.execute(lambda _: None)

    for name in SecretName:
        assert target.secret(name).is_in_force("r" * 64 if name in rotated else before[name])
        assert target.secret(name).state().overlaps == (name in rotated)


def test_a_value_that_the_template_would_change_is_seen_before_it_does(
    target: Target, tmp_path: Path
) -> None:
    def make_up_longer_ones(template: dict[str, Any]) -> None:
        made_up = template["Resources"]["BusSealKeyValue"]["Properties"]["GenerateSecretString"]
        made_up["PasswordLength"] = 128

    target.deploy()
    plan = target.changed(tmp_path / "longer", make_up_longer_ones).prepared()
    changed = {change.logical_id for change in plan.changes if change.changes_a_secret}
    plan.discard()
    assert changed == {"BusSealKeyValue"}


def test_a_stack_needs_its_secrets_once(target: Target) -> None:
    assert target.kept() == frozenset()
    target.deploy()
    kept = target.kept()
    assert kept == set(map(str, PARAMETERS.values()))

    without = {name: value for name, value in ENVIRONMENT.items() if name not in kept}
    changed = deploy(
        target.package,
        stack_name=target.stack_name,
        parameters=collect(without, stage="local", kept=kept) | {"LogLevel": "DEBUG"},
        endpoint_url=target.cloud.endpoint_url,
        region=target.cloud.region,
        report=lambda _: None,
    )

    assert changed == target.outputs()
    assert target.secret(SecretName.JWT_SECRET).is_in_force(ENVIRONMENT["JWT_SECRET"])


def test_what_would_change_is_known_before_it_does(target: Target) -> None:
    target.deploy()
    plan = target.prepared(LogLevel="DEBUG")
    functions = {c.logical_id for c in plan.changes if c.type == "AWS::Lambda::Function"}
    assert {"APIHandler", "Relay", "Jobs"} <= functions
    assert not any(change.may_lose_data for change in plan.changes)

    plan.discard()
    said: list[str] = []
    target.deploy(said)
    assert said[-1] == "Stack deploy-test: nothing to change"


def test_a_creation_that_is_discarded_leaves_nothing(target: Target) -> None:
    plan = target.prepared()
    assert {change.action for change in plan.changes} == {"Add"}
    plan.discard()
    with pytest.raises(OperatorError, match="There is no stack deploy-test"):
        target.outputs()


def test_who_interrupts_the_question_of_a_first_deployment_leaves_no_stack(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[changes.Change, ...]] = []

    def interrupt(would_change: tuple[changes.Change, ...]) -> None:
        asked.append(would_change)
        raise KeyboardInterrupt

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KeyboardInterrupt):
        deployment.deploy(
            stage="dev",
            stack_name=target.stack_name,
            region=target.cloud.region,
            endpoint_url=target.cloud.endpoint_url,
            progress=silent(),
            review=interrupt,
        )

    assert {change.action for would_change in asked for change in would_change} == {"Add"}
    with pytest.raises(OperatorError, match="There is no stack deploy-test"):
        target.outputs()


def test_a_table_that_would_go_is_seen_before_it_does(target: Target, tmp_path: Path) -> None:
    def forget_keys(template: dict[str, Any]) -> None:
        text = yaml.safe_dump(template).replace("KeysTable", "OtherTable")
        template.clear()
        template.update(yaml.safe_load(text))

    target.deploy()
    plan = target.changed(tmp_path / "renamed", forget_keys).prepared()
    lost = {change.logical_id for change in plan.changes if change.loses_data}
    plan.discard()
    assert lost == {"KeysTable"}


def test_what_is_protected_is_not_destroyed(target: Target) -> None:
    table = target.deploy(Stage="prod")["RequestsTableName"]
    with pytest.raises(OperatorError, match=r"Nothing was removed.*no-deletion-protection"):
        target.destroy()
    assert target.cloud.dynamodb.describe_table(TableName=table)["Table"]
    unprotect_all(target)


def test_a_stack_of_another_stage_is_refused_and_stays_protected(target: Target) -> None:
    table = target.deploy(Stage="staging")["RequestsTableName"]
    for stage in ("dev", "prod"):
        with pytest.raises(OperatorError, match=r"deploy-test is of the stage staging, not"):
            target.deploy(Stage=stage)
    described = target.cloud.dynamodb.describe_table(TableName=table)["Table"]
    assert described["DeletionProtectionEnabled"]
    unprotect_all(target)


def test_a_template_that_takes_protection_from_a_table_is_seen_before_it_does(
    target: Target, tmp_path: Path
) -> None:
    def unprotect_keys(template: dict[str, Any]) -> None:
        template["Resources"]["KeysTable"]["Properties"]["DeletionProtectionEnabled"] = False

    target.deploy(Stage="staging")
    plan = target.changed(tmp_path / "unprotected", unprotect_keys).prepared(Stage="staging")
    unprotected = {change.logical_id for change in plan.changes if change.may_lose_data}
    plan.discard()
    unprotect_all(target)
    assert unprotected == {"KeysTable"}


def test_one_attribute_more_deploys_in_place_and_loses_nothing(
    target: Target, tmp_path: Path
) -> None:
    """On AWS the index is also filled from the rows that are there, which takes its time."""

    def add_an_index(template: dict[str, Any]) -> None:
        table = template["Resources"]["BudgetsTable"]["Properties"]
        table["AttributeDefinitions"].append({"AttributeName": "owner", "AttributeType": "S"})
        table["GlobalSecondaryIndexes"] = [
            {
                "IndexName": "by_owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ]

    name = target.deploy()["BudgetsTableName"]
    dynamodb = target.cloud.dynamodb
    row = {"pk": {"S": "BUDGET#x"}, "sk": {"S": "BUDGET"}, "owner": {"S": "ada"}}
    dynamodb.put_item(TableName=name, Item=row)
    before = dynamodb.describe_table(TableName=name)["Table"]

    assert target.changed(tmp_path / "wider", add_an_index).deploy()["BudgetsTableName"] == name

    after = dynamodb.describe_table(TableName=name)["Table"]
    assert after["TableArn"] == before["TableArn"]
    assert after["CreationDateTime"] == before["CreationDateTime"]
    assert after["LatestStreamArn"] == before["LatestStreamArn"]
    found = dynamodb.query(
        TableName=name,
        IndexName="by_owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "ada"}},
    )
    assert found["Items"] == [row]
