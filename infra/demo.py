"""The demonstration: its own stack, the main job through HTTP, and what everyone received."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from os import environ
from pathlib import Path

from rich.console import Console

from infra import demo_arrivals, demo_story, local, logs
from infra.demo_arrivals import Arrivals
from infra.demo_story import Told
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.paths import stack_folder
from infra.ports import is_free, who_holds
from infra.progress import Progress
from infra.waiting import wait_for

NAME = "demo"
WIDTH = 100
ARRIVAL_SECONDS = 60.0


class NotArrivedError(OperatorError):
    """Something that should have reached a partner did not."""


def run(*, keep: bool, console: Console, environment: Mapping[str, str] = environ) -> None:
    """Play it all; raises NotArrivedError naming what did not arrive in time."""
    began = time.monotonic()
    progress = Progress(console)
    if local.down(NAME):
        progress.note("The demo stack that was kept is ended.")
    port = _port(progress)
    with ExitStack() as cleanup:
        cleanup.push(lambda error, *_: _end(progress, keep_logs=error is not None))
        stack = local.up(NAME, port=port, owned=True, environment=environment, progress=progress)
        cleanup.callback(stack.services.close)
        console.print(f"\n[bold]The main job[/bold] on {stack.api_url}", highlight=False)
        told = demo_story.tell(stack, console, environment)
        arrivals = _await(stack, told, progress)
        demo_arrivals.show(arrivals, console)
        if arrivals.missing:
            raise NotArrivedError(
                f"Not arrived within {ARRIVAL_SECONDS:.0f} s: {'; '.join(arrivals.missing)}."
                f" What the functions logged: {_keep_log(stack)}"
            )
        console.print(
            f"\n[green]Everything arrived.[/green] The demo took {time.monotonic() - began:.1f} s.",
            highlight=False,
        )
        if keep:
            stack.set_free()
            cleanup.pop_all()
            _say_how_to_go_on(stack, console)


def _port(progress: Progress) -> int:
    if is_free(local.DEFAULT_PORT):
        return local.DEFAULT_PORT
    holder = who_holds(local.DEFAULT_PORT)
    progress.note(f"Port {local.DEFAULT_PORT} is taken by {holder}: the demo takes another one.")
    return local.ANY_PORT


def _await(stack: RunningStack, told: Told, progress: Progress) -> Arrivals:
    latest: list[Arrivals] = []

    def all_arrived() -> bool:
        latest[:] = [demo_arrivals.look(stack, told)]
        return not latest[0].missing

    progress.note("")
    with progress.step("Waiting for the news to arrive"):
        wait_for(all_arrived, deadline_seconds=ARRIVAL_SECONDS)
    return latest[0]


def _keep_log(stack: RunningStack) -> Path:
    path = stack_folder(NAME) / "functions.log"
    path.write_text("\n".join(logs.lines(stack, None, follow=False)))
    return path


def _end(progress: Progress, *, keep_logs: bool) -> None:
    with progress.step("Ending the stack"):
        local.down(NAME, keep_logs=keep_logs)


def _say_how_to_go_on(stack: RunningStack, console: Console) -> None:
    command = ".venv/bin/python -m infra"
    console.print(
        f"The stack runs on: {stack.api_url}\n"
        f"  a token:  {command} token --stack {NAME} --role 'Finance Admin' --sub u-1 --name fa\n"
        f"  the log:  {command} logs --stack {NAME}\n"
        f"  end it:   {command} down --stack {NAME}",
        highlight=False,
        soft_wrap=True,
    )
