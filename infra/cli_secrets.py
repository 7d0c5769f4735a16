"""The command that rotates secrets."""

import sys
from typing import Annotated

import typer

from infra.options import DeployedName, EndpointUrl, OwnStage, Region, StackName
from infra.secret_names import MADE_UP, SecretName


def rotate(  # noqa: PLR0917 - typer passes the options by name
    name: Annotated[
        SecretName | None,
        typer.Argument(help="Which secret; without it: how each stands.", case_sensitive=False),
    ] = None,
    from_stdin: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--stdin", help="Read the new value from stdin; else it is made up.")
    ] = False,
    finish: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--finish", help="Accept the one before no more.")
    ] = False,
    stack: StackName = "up",
    stage: OwnStage = None,
    stack_name: DeployedName = None,
    region: Region = "us-east-1",
    endpoint_url: EndpointUrl = None,
) -> None:
    """Put a new secret in force and accept the one before as well, until --finish.

    A value that is made up is printed, this once, where others have to know it.
    """
    from infra import local, rotation
    from infra import place as places

    place = places.find(
        stack, stage=stage, stack_name=stack_name, region=region, endpoint_url=endpoint_url
    )
    is_local = stage is None and stack_name is None
    if name is None:
        for state in rotation.states(place):
            typer.echo(rotation.line(state))
        return
    if finish:
        rotation.finish(place, name)
        if is_local:
            local.forget_secrets_before(stack)
        typer.echo(f"Only the {name} in force is accepted.", err=True)
        return
    given = sys.stdin.readline().rstrip("\r\n") if from_stdin else None
    value = rotation.rotate(place, name, given)
    if is_local and name not in MADE_UP:
        local.keep_secret(stack, name, value)
    typer.echo(rotation.told(name), err=True)
    if given is None and name not in MADE_UP:
        typer.echo(value)
