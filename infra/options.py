"""What several commands of the command line ask for, said once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from infra.progress import Progress

if TYPE_CHECKING:
    from infra.place import Place

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


@dataclass(frozen=True)
class Where:
    """Which stack a command is about; each field is an option of its command line."""

    stack: StackName = "up"
    stage: OwnStage = None
    stack_name: DeployedName = None
    region: Region = "us-east-1"
    endpoint_url: EndpointUrl = None

    @property
    def is_local(self) -> bool:
        """Whether a stack of this machine is meant."""
        return self.stage is None and self.stack_name is None

    def place(self, own_stack: str | None = None) -> "Place":
        """Return where that is, or the local `own_stack`; raises OperatorError for none."""
        from infra import place as places

        return places.find(
            own_stack or self.stack,
            stage=self.stage,
            stack_name=self.stack_name,
            region=self.region,
            endpoint_url=self.endpoint_url,
        )


def asks_where(command: Callable[..., None]) -> Callable[..., None]:
    """Have a command take the options of `Where`, and be called with `where` made of them."""
    options = inspect.signature(Where).parameters

    @wraps(command)
    def asked(**given: object) -> None:
        said = {name: given.pop(name) for name in options}
        command(where=Where(**said), **given)  # type: ignore[arg-type]  # typer has checked them

    own = inspect.signature(command).parameters.values()
    parameters = [*(each for each in own if each.name != "where"), *options.values()]
    # What typer reads a command's options from.
    asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # of functions
    asked.__annotations__ = {each.name: each.annotation for each in parameters}
    return asked


def progress() -> Progress:
    """Return progress on stderr: stdout is for what was asked for."""
    return Progress(Console(stderr=True))
