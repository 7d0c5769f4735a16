"""Deploying: one way to the embedded cloud, to LocalStack and to AWS."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from infra.artifacts import Artifacts
from infra.cloud import Cloud, one_clear_line
from infra.package import Package, load_template
from infra.repairs import repair
from infra.stack import DeployError, Stack, TemplateSource

__all__ = ["DeployError", "deploy", "destroy", "outputs"]

# A longer template goes through the bucket.
TEMPLATE_BODY_LIMIT_BYTES = 51_200


def deploy(
    package: Package,
    *,
    stack_name: str,
    parameters: Mapping[str, str],
    endpoint_url: str | None,
    region: str,
    report: Callable[[str], None],
) -> dict[str, str]:
    """Bring the stack to what the package says and return its outputs."""
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    values = dict(parameters)
    if cloud.is_local:
        # LocalStack does not know the resource type; the repairs verify the sender by API.
        values["ManageMailIdentity"] = "false"
        values["Emulated"] = "true"
    with one_clear_line():
        artifacts = Artifacts(cloud, stack_name)
        report("Uploading the code")
        key = artifacts.store(package.zip_path.read_bytes(), ".zip")
        template = load_template(package)
        _point_to_object(template, artifacts.bucket, key)
        stack = Stack(cloud, stack_name, report)
        if not stack.apply(_source(template, artifacts), values):
            report(f"Stack {stack_name}: nothing to change")
        found = stack.outputs()
        if cloud.is_local:
            repair(cloud, template, found, mail_from=values["MailFrom"])
    return found


def destroy(
    stack_name: str, *, endpoint_url: str | None, region: str, report: Callable[[str], None]
) -> None:
    """Remove the stack and its artifacts; fine when there is none."""
    cloud = Cloud(region=region, endpoint_url=endpoint_url)
    with one_clear_line():
        Stack(cloud, stack_name, report).delete()
        Artifacts(cloud, stack_name).remove()


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
