"""The commands of those who see that nothing is lost."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.errors import OperatorError
from infra.options import Where, asks_where, progress

#: What dead letters are known by; `deliveries` are webhooks that were given up.
NAMES = "webhooks, audit, notifications, finance, jobs, inbound, relay, deliveries"

#: How many a second are sent, unless asked otherwise, and the most that SQS takes.
USUAL_RATE = 50
MAX_RATE = 500

_Rate = Annotated[int, typer.Option(min=1, max=MAX_RATE, help="At most so many a second.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")]

#: As events and log lines write their times, and as people do; all UTC.
_FORMATS = ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"]


@asks_where
def dlq(
    queue: Annotated[str | None, typer.Argument(help=f"{NAMES}; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002 - a flag of the command line
    *,
    where: Where,
) -> None:
    """List dead letters, each with why it is one and how old; none is taken away.

    `deliveries` are the webhooks that were given up.
    """
    from infra import dead_letters

    place = where.place()
    with progress().step("Looking at dead letters"):
        seen = dead_letters.seen(place, queue)
    typer.echo(seen.as_json(datetime.now(UTC)) if as_json else seen.table(datetime.now(UTC)))


@asks_where
def redrive(
    queue: Annotated[str, typer.Argument(help=f"{NAMES}.")],
    dry_run: _DryRun = False,  # noqa: FBT002 - a flag of the command line
    rate: _Rate = USUAL_RATE,
    *,
    where: Where,
) -> None:
    """Send dead letters back to where they came from; Audit is told.

    What the relay could not tell is told again, and `deliveries` that were given up are tried
    again. It can be cut off, and done twice.
    """
    from infra import dead_letters
    from infra import redrive as redriving

    place = where.place()
    if dry_run:
        typer.echo(dead_letters.seen(place, queue).table(datetime.now(UTC)))
        return
    sent = redriving.redrive(place, queue, rate=rate, progress=progress())
    typer.echo(f"Sent back: {sent.count}")
    if sent.left:
        more = f" (and {len(sent.left) - 1} more)" if sent.left[1:] else ""
        raise OperatorError(f"{sent.left[0]}{more}. See: dlq {queue}")


@asks_where
def republish(  # noqa: PLR0917 - typer passes the options by name
    request: Annotated[str | None, typer.Option(help="The id of a request, or its code.")] = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=_FORMATS, help="UTC; changes from then on.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=_FORMATS, help="UTC; and before then.")
    ] = None,
    department: Annotated[
        str | None, typer.Option(help="Only events of this one, and their audit entries.")
    ] = None,
    dry_run: _DryRun = False,  # noqa: FBT002 - a flag of the command line
    rate: _Rate = USUAL_RATE,
    *,
    where: Where,
) -> None:
    """Publish events and audit entries of the last 30 days again, with the same ids.

    Of one request, or of all changes in a time. Audit is told. It can be cut off, and done twice.
    """
    from infra import republish as republishing

    if (request is None) == (start is None and end is None):
        raise typer.BadParameter("name either --request, or --from and --to")
    place = where.place()
    if request is not None:
        asked = {"request": request}
        found = republishing.of_request(place, request)
    elif start is None or end is None:
        raise typer.BadParameter("a time needs both --from and --to")
    else:
        asked = {"from": start.isoformat(), "to": end.isoformat()}
        asked |= {"department": department} if department else {}
        utc = (start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
        found = republishing.of_span(place, *utc, department)
    if dry_run:
        for each in found.told:
            typer.echo(each.line())
    elif found.told:
        with progress().step("Publishing again") as report:
            done = republishing.publish(place, found, asked, rate=rate, report=report)
        typer.echo(f"Published again: {done} changes")
    if found.missing:
        raise OperatorError(f"{found.missing} changes are older than what is kept.")
    if not found.told:
        raise OperatorError("There is nothing to publish.")
