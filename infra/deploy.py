"""Deploying: one way to the embedded cloud, to LocalStack and to AWS."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import secret_names, secret_store
from infra.artifacts import Artifacts
from infra.changes import Change
from infra.cloud import Cloud, one_clear_line
from infra.errors import OperatorError
from infra.package import Package, load_template
from infra.repairs import repair
from infra.stack import ChangeSet, DeployError, Stack, TemplateSource

__all__ = ["DeployError", "deploy", "destroy", "outputs", "prepare"]

# A longer template goes through the bucket.
TEMPLATE_BODY_LIMIT_BYTES = 51_200


@dataclass(frozen=True)
class Plan:
    """A deployment that is prepared: what would change, to be executed or discarded."""

    stack_name: str
    _cloud: Cloud
    _template: dict[str, Any]
    _mail_from: str
    _prepared: ChangeSet | None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the cloud would do to the stack's resources."""
        return self._prepared.changes if self._prepared else ()

    def execute(self, report: Callable[[str], None]) -> dict[str, str]:
        """Do it and return the stack's outputs."""
        with one_clear_line():
            stack = Stack(self._cloud, self.stack_name, report)
            if self._prepared:
                stack.execute(self._prepared)
            else:
                report(f"Stack {self.stack_name}: nothing to change")
            found = stack.outputs()
            if self._cloud.is_local:
                repair(self._cloud, self._template, found, mail_from=self._mail_from)
        return found

    def discard(self) -> None:
        """Leave everything as it is."""
        with one_clear_line():
            if self._prepared:
                Stack(self._cloud, self.stack_name, lambda _: None).discard(self._prepared)


def deploy(
    package: Package,
    *,
    stack_name: str,
    parameters: Mapping[str, str],
    endpoint_url: str | None,
    region: str,
    report: Callable[[str], None],
    rotates_secrets: bool = False,
) -> dict[str, str]:
    """Bring the stack to what the package says, without asking, and return its outputs."""
    return prepare(
        package,
        stack_name=stack_name,
        parameters=parameters,
        endpoint_url=endpoint_url,
        region=region,
        report=report,
        rotates_secrets=rotates_secrets,
    ).execute(report)


def prepare(
    package: Package,
    *,
    stack_name: str,
    parameters: Mapping[str, str],
    endpoint_url: str | None,
    region: str,
    report: Callable[[str], None],
    rotates_secrets: bool = False,
) -> Plan:
    """Upload the code and have the cloud work out what would change.

    A stack keeps its stage and its secrets, whatever the parameters say. Another stage raises
    OperatorError. Secrets are rotated, not deployed: others than those in force raise
    OperatorError, or are rotated in with `rotates_secrets`.
    """
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    values = dict(parameters)
    if cloud.is_local:
        # LocalStack does not know the resource type; the repairs verify the sender by API.
        values["ManageMailIdentity"] = "false"
        values["Emulated"] = "true"
    with one_clear_line():
        known = Stack(cloud, stack_name, report)
        deployed = known.parameters()
        _refuse_another_stage(stack_name, deployed, values)
        kept = deployed.keys() & secret_names.PARAMETERS.keys()
        for parameter in kept & values.keys():
            name, value = secret_names.PARAMETERS[parameter], values.pop(parameter)
            store = secret_store.of_stack(cloud, known, name)
            if rotates_secrets:
                store.put(value)
            elif not store.is_in_force(value):
                raise OperatorError(
                    f"{name} is not the one in force, and a deployment changes no secrets:"
                    f" use `python -m infra rotate {name}`, or leave {name} unset."
                )
        artifacts = Artifacts(cloud, stack_name)
        report("Uploading the code")
        key = artifacts.store(package.zip_path.read_bytes(), ".zip")
        template = load_template(package)
        _point_to_object(template, artifacts.bucket, key)
        report("Working out what changes")
        prepared = known.prepare(_source(template, artifacts), values, kept=kept)
    return Plan(stack_name, cloud, template, values["MailFrom"], prepared)


def kept_secrets(stack_name: str, *, endpoint_url: str | None, region: str) -> frozenset[str]:
    """Return which secrets the stack has already: none where it is to be created."""
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        known = Stack(cloud, stack_name, lambda _: None).parameters()
    names = secret_names.PARAMETERS
    return frozenset(str(names[parameter]) for parameter in known.keys() & names.keys())


def destroy(
    stack_name: str, *, endpoint_url: str | None, region: str, report: Callable[[str], None]
) -> None:
    """Remove the stack and its artifacts; fine when there is none.

    Raises OperatorError, with nothing removed, while a table is protected.
    """
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        stack = Stack(cloud, stack_name, report)
        guarded = [name for name in stack.tables() if _is_protected(cloud, name)]
        if guarded:
            raise OperatorError(
                f"Nothing was removed: the tables {', '.join(guarded)} are protected. If their data"
                " may go, run `aws dynamodb update-table --no-deletion-protection-enabled"
                " --table-name NAME` for each, then this again."
            )
        stack.delete()
        Artifacts(cloud, stack_name).remove()


def _refuse_another_stage(
    stack_name: str, deployed: Mapping[str, str], values: Mapping[str, str]
) -> None:
    """Raise OperatorError where the stack is of another stage: what protects it would change."""
    stage = deployed.get("Stage")
    if stage is not None and stage != values["Stage"]:
        raise OperatorError(
            f"Nothing was changed: the stack {stack_name} is of the stage {stage}, not"
            f" {values['Stage']}, and a stack keeps its stage. Say --stage {stage}, or name"
            " another stack."
        )


def _is_protected(cloud: Cloud, table: str) -> bool:
    try:
        described = cloud.dynamodb.describe_table(TableName=table)["Table"]
    except cloud.dynamodb.exceptions.ResourceNotFoundException:
        return False  # somebody removed it by hand; the stack may go all the same
    return described.get("DeletionProtectionEnabled", False)


def outputs(stack_name: str, *, endpoint_url: str | None, region: str) -> dict[str, str]:
    """Return what the deployed stack tells of itself."""
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        return Stack(cloud, stack_name, lambda _: None).outputs()


def _point_to_object(template: dict[str, Any], bucket: str, key: str) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}


def _source(template: dict[str, Any], artifacts: Artifacts) -> TemplateSource:
    body = json.dumps(template, separators=(",", ":"))
    if len(body.encode()) <= TEMPLATE_BODY_LIMIT_BYTES:
        return TemplateSource(body=body)
    return TemplateSource(url=artifacts.url(artifacts.store(body.encode(), ".json")))
