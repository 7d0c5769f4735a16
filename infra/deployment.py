"""Packaging and deploying in one go, configured by the caller's environment."""

import tempfile
from collections.abc import Callable
from os import environ
from pathlib import Path

from infra import deploy as deploying
from infra import package, parameters, secret_names
from infra.changes import Change
from infra.progress import Progress


def deploy(
    *,
    stage: str,
    stack_name: str,
    region: str,
    endpoint_url: str | None,
    progress: Progress,
    review: Callable[[tuple[Change, ...]], None],
) -> dict[str, str]:
    """Package the service, deploy it and return the stack's outputs.

    `review` sees what would change before it does, and raises to leave everything as it is.
    """
    # Before the long steps: what is missing is told at once.
    kept = _kept_secrets(stage, stack_name, region=region, endpoint_url=endpoint_url)
    values = parameters.collect(environ, stage=stage, kept=kept)
    with tempfile.TemporaryDirectory() as folder:
        with progress.step("Packaging the service") as report:
            built = package.build(Path(folder), stage=stage, report=report)
        plan = None
        try:
            with progress.step("Working out what changes") as report:
                plan = deploying.prepare(
                    built,
                    stack_name=stack_name,
                    parameters=values,
                    endpoint_url=endpoint_url,
                    region=region,
                    report=report,
                )
            review(plan.changes)
        except BaseException:  # refused, or interrupted
            if plan:
                plan.discard()
            raise
        with progress.step(f"Deploying the stack {stack_name}") as report:
            return plan.execute(report)


def destroy(*, stack_name: str, region: str, endpoint_url: str | None, progress: Progress) -> None:
    """Remove a deployed stack."""
    with progress.step(f"Removing the stack {stack_name}") as report:
        deploying.destroy(stack_name, endpoint_url=endpoint_url, region=region, report=report)


def _kept_secrets(
    stage: str, stack_name: str, *, region: str, endpoint_url: str | None
) -> frozenset[str]:
    """Ask the cloud only where something is missing that a stack may have."""
    named = [str(name) for name in secret_names.PARAMETERS.values()]
    if all(environ.get(name) for name in named):
        return frozenset()
    # What is wrong whatever the cloud says, is told without asking it.
    parameters.collect(environ, stage=stage, kept=named)
    return deploying.kept_secrets(stack_name, endpoint_url=endpoint_url, region=region)
