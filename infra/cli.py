"""The operator's command line: `python -m infra`. Each command asks a module to do the work."""

import sys
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from infra.cli_data import backup, migrate, restore, seed
from infra.cli_dead_letters import dlq, redrive, republish
from infra.cli_secrets import rotate
from infra.errors import OperatorError
from infra.options import (
    DeployedName,
    EndpointUrl,
    OwnStackName,
    Region,
    StackName,
    Stage,
    Where,
    asks_where,
    progress,
)

app = typer.Typer(
    name="python -m infra",
    help="Run, look at and deploy the budget request service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
standin = typer.Typer(
    help="Steer a stand-in of a local stack: finance, audit or receiver.", no_args_is_help=True
)
app.add_typer(standin, name="standin")
api_key = typer.Typer(
    help="Print a new API key for a service on a local stack; or list and revoke them.",
    invoke_without_command=True,
)
app.add_typer(api_key, name="api-key")
bus_key = typer.Typer(
    help="Print a new key for a partner's messages on the bus; or list and revoke them, and see"
    " what was refused.",
    invoke_without_command=True,
)
app.add_typer(bus_key, name="bus-key")
for command in (dlq, redrive, republish, rotate, migrate, backup, restore, seed):
    app.command()(command)


class StandInName(StrEnum):
    """The services that stand-ins play."""

    FINANCE = "finance"
    AUDIT = "audit"
    RECEIVER = "receiver"


StandInArgument = Annotated[StandInName, typer.Argument(help="Which stand-in.")]


@app.command()
def up(
    stack: StackName = "up",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the API is; 0: any free port.")
    ] = 4005,
) -> None:
    """Start a local stack and leave it running; on a running one, deploy again."""
    from infra import local

    started = local.up(stack, port=port, progress=progress())
    flag = "" if stack == local.DEFAULT_NAME else f" --stack {stack}"
    command = ".venv/bin/python -m infra"
    typer.echo(f"The API is at {started.api_url}")
    typer.echo(f"A token:     {command} token{flag} --role 'Finance Admin' --sub u-1 --name fa")
    typer.echo(f"End it with: {command} down{flag}")


@app.command()
def down(
    stack: StackName = "up",
    every: Annotated[bool, typer.Option("--all", help="Every local stack.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """End a local stack, with its data."""
    from infra import local

    for name in local.names() if every else [stack]:
        with progress().step(f"Ending the stack {name!r}"):
            was_there = local.down(name)
        if not was_there:
            typer.echo(f"No stack {name!r} was running.")


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,  # noqa: FBT002 - a flag of the command line
    stack: Annotated[
        str, typer.Option("--stack", help="What to call the stack.", metavar="NAME")
    ] = "demo",
    deadline: Annotated[
        float, typer.Option(min=0, help="Seconds within which everything must arrive.")
    ] = 60,
) -> None:
    """Play the main job on a stack of its own and show what everyone received."""
    from infra import demo as demonstration

    demonstration.run(
        keep=keep,
        console=Console(width=demonstration.WIDTH),
        name=stack,
        arrival_seconds=deadline,
    )


@app.command()
def status(
    stack: StackName = "up",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show where a local stack is and what it is made of."""
    from infra import local
    from infra import status as look

    found = look.of(local.find(stack))
    typer.echo(found.model_dump_json(by_alias=True, indent=2) if as_json else look.table(found))


@app.command()
def token(  # noqa: PLR0917 - typer passes the options by name
    role: Annotated[str, typer.Option(help="E.g. 'Finance Admin', 'HR Clerk', SuperAdmin.")],
    sub: Annotated[str, typer.Option(help="The user's id.")],
    name: Annotated[str, typer.Option(help="The user's name.")],
    stack: StackName = "up",
    department: Annotated[
        str | None, typer.Option(help="Wins over the role's leading word.")
    ] = None,
    email: Annotated[str | None, typer.Option(help="Where mails to the user go.")] = None,
    expires_in: Annotated[str, typer.Option(help="45s, 30m, 1h or 7d.")] = "1h",
) -> None:
    """Print a user token (JWT) that a local stack accepts."""
    from infra import local, tokens

    issued = local.find(stack).token(
        role,
        sub=sub,
        name=name,
        department=department,
        email=email,
        expires_in=tokens.parse_duration(expires_in),
    )
    typer.echo(issued)


@app.command()
def logs(
    function: Annotated[
        str | None, typer.Argument(help="api, relay, webhooks, inbound, …; default: all.")
    ] = None,
    stack: StackName = "up",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Print what the functions of a local stack logged."""
    from infra import local
    from infra import logs as function_logs

    for line in function_logs.lines(local.find(stack), function, follow=follow):
        typer.echo(line)


@app.command()
def invoke(
    job: Annotated[
        str,
        typer.Argument(help="finance-sync, reservation-expiry, daily-aggregates or sla-check."),
    ],
    payload: Annotated[
        Path | None,
        typer.Option(help="A JSON file: dryRun, department, date; see events/job-*.json."),
    ] = None,
    stack: StackName = "up",
    wait: Annotated[float, typer.Option(min=1, help="Seconds until it must have ended.")] = 900,
) -> None:
    """Run a job on a local stack, show how far it is, and print the run as JSON."""
    from infra import invoke as jobs
    from infra import local

    asked = jobs.read_payload(payload)
    ended = jobs.run(local.find(stack), job, asked, deadline_seconds=wait, progress=progress())
    typer.echo(jobs.result(ended))
    failure = jobs.failure(ended)
    if failure:
        raise OperatorError(failure)


@app.command()
def package(
    directory: Annotated[Path, typer.Argument(help="Where to put the two files.")],
    stage: Stage = "production",
) -> None:
    """Write the deployment zip and the template."""
    from infra import package as packaging

    with progress().step("Packaging the service") as report:
        built = packaging.build(directory, stage=stage, report=report)
    typer.echo(f"{built.zip_path}\n{built.template_path}")


@app.command()
def deploy(  # noqa: PLR0917 - typer passes the options by name
    stage: Stage,
    stack_name: DeployedName = None,
    region: Region = "us-east-1",
    endpoint_url: EndpointUrl = None,
    yes: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--yes", "-y", help="Do not ask whether to do what is shown.")
    ] = False,
    replace_tables: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--replace-tables", help="Tables may be replaced or removed.")
    ] = False,
) -> None:
    """Package, show what would change, and deploy to AWS or to what speaks like it.

    Configured by the environment. Stages other than local and dev are asked for first.
    """
    from infra import changes, deployment

    shown = progress()
    review = partial(
        changes.review,
        stage=stage,
        console=shown.console,
        agreed=yes,
        replaces_tables=replace_tables,
        ask=partial(typer.confirm, err=True) if sys.stdin.isatty() else None,
    )
    outputs = deployment.deploy(
        stage=stage,
        stack_name=stack_name or f"budget-requests-{stage}",
        region=region,
        endpoint_url=endpoint_url,
        progress=shown,
        review=review,
    )
    for key, value in sorted(outputs.items()):
        typer.echo(f"{key}: {value}")


@app.command()
def destroy(
    stage: Stage,
    stack_name: DeployedName = None,
    region: Region = "us-east-1",
    endpoint_url: EndpointUrl = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Remove a deployed stack with what it holds."""
    from infra import deployment

    name = stack_name or f"budget-requests-{stage}"
    if not yes:
        typer.confirm(f"Remove the stack {name} in {region} and its data?", abort=True, err=True)
    deployment.destroy(
        stack_name=name, region=region, endpoint_url=endpoint_url, progress=progress()
    )


@api_key.callback()
def api_key_create(  # noqa: PLR0917 - typer passes the options by name
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="Whose key it is.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="requests:read, requests:write, budgets:read, sync:run, webhooks:manage;"
            " once for each."
        ),
    ] = None,
    department: Annotated[
        list[str] | None,
        typer.Option(help="finance, hr, inventory, operations; once for each."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="30d, 12h, or a time such as 2030-01-31T00:00:00Z.")
    ] = None,
    stack: StackName = "up",
) -> None:
    """Print a new API key for a service on a local stack; or list and revoke them."""
    context.obj = stack
    if context.invoked_subcommand is not None:
        return
    from infra import local, service_keys

    given = {"--name": name, "--scope": scope, "--department": department}
    missing = [option for option, value in given.items() if not value]
    if missing:
        raise typer.BadParameter(f"a new key needs {', '.join(missing)}")
    made = service_keys.create(
        local.find(stack),
        name=name or "",
        scopes=scope or [],
        departments=department or [],
        expires=expires,
    )
    typer.echo(made)


@api_key.command("list")
def api_key_list(context: typer.Context, stack: OwnStackName = None) -> None:
    """List the API keys of a local stack, newest first; not the keys themselves."""
    from infra import local, service_keys

    for key in service_keys.every(local.find(stack or context.obj)):
        typer.echo(service_keys.line(key))


@api_key.command("revoke")
def api_key_revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Its id, or the key itself.")],
    stack: OwnStackName = None,
) -> None:
    """Revoke an API key, at once and for good."""
    from infra import local, service_keys

    typer.echo(service_keys.line(service_keys.revoke(local.find(stack or context.obj), key)))


@bus_key.callback()
@asks_where
def bus_key_create(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="The partner, as its messages say it.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="purchase_request.approved, finance.budget.updated, reservation.consumed,"
            " reservation.release_requested; once for each.",
        ),
    ] = None,
    department: Annotated[
        list[str] | None,
        typer.Option(help="finance, hr, inventory, operations; once for each."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="30d, 12h, or a time such as 2030-01-31T00:00:00Z.")
    ] = None,
    *,
    where: Where,
) -> None:
    """Print a new key as JSON: its keyId and, this once, its secret. Or list and revoke keys."""
    from infra import bus_keys

    context.obj = where.place
    if context.invoked_subcommand is not None:
        return
    given = {"--source": source, "--type": kind, "--department": department}
    missing = [option for option, value in given.items() if not value]
    if missing:
        raise typer.BadParameter(f"a new key needs {', '.join(missing)}")
    made = bus_keys.create(
        where.place(),
        source=source or "",
        types=kind or [],
        departments=department or [],
        expires=expires,
    )
    typer.echo(bus_keys.shown(*made))


@bus_key.command("list")
def bus_key_list(context: typer.Context, stack: OwnStackName = None) -> None:
    """List the keys, newest first; not their secrets."""
    from infra import bus_keys

    for key in bus_keys.every(context.obj(stack)):
        typer.echo(bus_keys.line(key))


@bus_key.command("revoke")
def bus_key_revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="Its keyId.")],
    stack: OwnStackName = None,
) -> None:
    """Revoke a key, at once and for good."""
    from infra import bus_keys

    typer.echo(bus_keys.line(bus_keys.revoke(context.obj(stack), key_id)))


@bus_key.command("parked")
def bus_key_parked(
    context: typer.Context,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day they arrived (UTC); default: today."),
    ] = None,
    stack: OwnStackName = None,
) -> None:
    """Print a day's refused messages, newest first, one JSON object a line, with their content."""
    from infra import bus_keys

    for message in bus_keys.parked(context.obj(stack), day.date() if day else None):
        typer.echo(message.model_dump_json(by_alias=True))


@standin.command("received")
def standin_received(
    name: StandInArgument,
    stack: StackName = "up",
    forget: Annotated[bool, typer.Option("--forget", help="Drop them afterwards.")] = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Print the calls a stand-in received, one JSON object a line; without keys."""
    from infra import local

    client = local.find(stack).services.standin(name)
    for call in client.received():
        typer.echo(call.for_people())
    if forget:
        client.forget()


@standin.command("stop")
def standin_stop(name: StandInArgument, stack: StackName = "up") -> None:
    """Stop listening: connections are refused; what was received is kept."""
    from infra import local

    local.find(stack).services.standin(name).stop()


@standin.command("start")
def standin_start(name: StandInArgument, stack: StackName = "up") -> None:
    """Listen again, on the same port."""
    from infra import local

    local.find(stack).services.standin(name).start()


@standin.command("behaviour")
def standin_behaviour(  # noqa: PLR0917 - typer passes the options by name
    name: StandInArgument,
    stack: StackName = "up",
    status_code: Annotated[
        int | None, typer.Option("--status", min=100, max=599, help="Answer this.")
    ] = None,
    delay: Annotated[float, typer.Option(min=0, max=120, help="Seconds before the answer.")] = 0,
    redirect_to: Annotated[str | None, typer.Option(help="Redirect there.")] = None,
    retry_after: Annotated[str | None, typer.Option(help="The Retry-After header.")] = None,
    times: Annotated[int | None, typer.Option(min=1, help="For that many calls only.")] = None,
) -> None:
    """Tell a stand-in to fail or to be slow; without options, to do its job again."""
    from infra import local
    from infra.standins import Behaviour

    told = Behaviour(
        status=status_code,
        delay_seconds=delay,
        redirect_to=redirect_to,
        retry_after=retry_after,
        times=times,
    )
    local.find(stack).services.standin(name).behave(told)


def main() -> None:
    """Run a command; what goes wrong is one line, and the exit code says so."""
    try:
        app()
    except OperatorError as error:
        _fail(str(error))
    except OSError as error:
        _fail(str(error))


def _fail(message: str) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[red]Error:[/red] {escape(message)}")
    raise SystemExit(1)
