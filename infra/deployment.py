"""Packaging and deploying in one go, configured by the caller's environment."""

import tempfile
from os import environ
from pathlib import Path

from infra import deploy as deploying
from infra import package, parameters
from infra.progress import Progress


def deploy(
    *, stage: str, stack_name: str, region: str, endpoint_url: str | None, progress: Progress
) -> dict[str, str]:
    """Package the service, deploy it and return the stack's outputs."""
    # Before the long steps: what is missing is told at once.
    values = parameters.collect(environ, stage=stage)
    with tempfile.TemporaryDirectory() as folder:
        with progress.step("Packaging the service") as report:
            built = package.build(Path(folder), stage=stage, report=report)
        with progress.step(f"Deploying the stack {stack_name}") as report:
            return deploying.deploy(
                built,
                stack_name=stack_name,
                parameters=values,
                endpoint_url=endpoint_url,
                region=region,
                report=report,
            )


def destroy(*, stack_name: str, region: str, endpoint_url: str | None, progress: Progress) -> None:
    """Remove a deployed stack."""
    with progress.step(f"Removing the stack {stack_name}") as report:
        deploying.destroy(stack_name, endpoint_url=endpoint_url, region=region, report=report)
