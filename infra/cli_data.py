"""The commands that work on a stack's data."""

from pathlib import Path
from typing import Annotated

import typer

from infra.options import StackName, Where, asks_where, progress


@asks_where
def migrate(
    dry_run: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--dry-run", help="Count what would be rewritten; write nothing.")
    ] = False,
    status: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--status", help="Show how far each migration has come; do nothing.")
    ] = False,
    rate: Annotated[
        float, typer.Option(min=1, max=10_000, help="Rows a second, read or written.")
    ] = 200,
    *,
    where: Where,
) -> None:
    """Bring the stack's rows to the form of this release, beside the running service.

    Cut off, it goes on where it was when it is run again.
    """
    from infra import migrate as migrating

    place = where.place()
    if status:
        shown = migrating.states(place)
    else:
        title = "Counting what would be migrated" if dry_run else "Migrating"
        with progress().step(title) as report:
            shown = migrating.run(place, dry_run=dry_run, rate=rate, report=report)
    for state in shown:
        typer.echo(migrating.line(state))
    if not shown:
        typer.echo("Nothing to migrate: everything was done before.")


def seed(
    stack: StackName = "up",
    number: Annotated[
        int, typer.Option("--seed", help="Another number makes another quarter.", metavar="N")
    ] = 1,
) -> None:
    """Fill a local stack with a company's quarter: requests, decisions, holds, overdue reviews.

    Everyone is told of it, as of anything else: Finance, Audit, mailboxes and webhooks.
    """
    from infra import local, seed_story
    from infra import seed as seeding

    sown = seeding.run(local.find(stack), seed=number, progress=progress())
    typer.echo(f"{sown.requests} requests of {seed_story.DAYS} days, {sown.acts} things done.")


@asks_where
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; it will hold all that the tables do.")],
    suffix: Annotated[
        str,
        typer.Option(help="Read the tables that are named so after the stack's, e.g. -restored."),
    ] = "",
    *,
    where: Where,
) -> None:
    """Write all rows of a stack to a file; on AWS, of tables that were restored beside it."""
    from infra import backup as backups

    place = where.place()
    with progress().step(f"Writing {file}") as report:
        counts = backups.write(place, file, suffix=suffix, report=report)
    typer.echo(", ".join(f"{name}: {count}" for name, count in counts.items()))


@asks_where
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    *,
    where: Where,
) -> None:
    """Put the rows of a backup into a new stack; nobody is told of them again."""
    from infra import backup as backups

    place = where.place()
    with progress().step(f"Restoring {file}") as report:
        counts = backups.restore(place, file, report=report)
    typer.echo(", ".join(f"{name}: {count}" for name, count in counts.items()))
