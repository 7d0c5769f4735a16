"""What several commands of the command line ask for, said once."""

from typing import Annotated

import typer
from rich.console import Console

from infra.progress import Progress

StackName = Annotated[str, typer.Option("--stack", help="Which local stack.", metavar="NAME")]
# Of a command below another one: where it is not given, the upper one's holds.
OwnStackName = Annotated[
    str | None, typer.Option("--stack", help="Which local stack.", metavar="NAME")
]
Region = Annotated[str, typer.Option(help="The region.", envvar="AWS_REGION")]
EndpointUrl = Annotated[
    str | None, typer.Option(help="A cloud that is not AWS, e.g. LocalStack.", metavar="URL")
]
DeployedName = Annotated[
    str | None,
    typer.Option("--stack-name", help="Default: budget-requests-STAGE.", metavar="NAME"),
]
Stage = Annotated[str, typer.Option(help="Where it goes, e.g. staging.")]
OwnStage = Annotated[
    str | None,
    typer.Option("--stage", help="A deployed stage, instead of a local stack.", metavar="STAGE"),
]


def progress() -> Progress:
    """Return progress on stderr: stdout is for what was asked for."""
    return Progress(Console(stderr=True))
