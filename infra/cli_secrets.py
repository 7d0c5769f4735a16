"""The command that rotates secrets."""

import sys
from typing import Annotated

import typer

from infra.options import Where, asks_where
from infra.secret_names import MADE_UP, SecretName


@asks_where
def rotate(
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
    *,
    where: Where,
) -> None:
    """Put a new secret in force and accept the one before as well, until --finish.

    A value that is made up is printed, this once, where others have to know it.
    """
    from infra import local, rotation

    place = where.place()
    if name is None:
        for state in rotation.states(place):
            typer.echo(rotation.line(state))
        return
    if finish:
        rotation.finish(place, name)
        if where.is_local:
            local.forget_secrets_before(where.stack)
        typer.echo(f"Only the {name} in force is accepted.", err=True)
        return
    given = sys.stdin.readline().rstrip("\r\n") if from_stdin else None
    value = rotation.rotate(place, name, given)
    if where.is_local and name not in MADE_UP:
        local.keep_secret(where.stack, name, value)
    typer.echo(rotation.told(name), err=True)
    if given is None and name not in MADE_UP:
        typer.echo(value)
