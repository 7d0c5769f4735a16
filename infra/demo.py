"""The demonstration: its own stack, the main job through HTTP, and what everyone received."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from os import environ
from pathlib import Path

import httpx
from rich.console import Console

from infra import demo_arrivals, demo_story, local, logs
from infra.demo_arrivals import Arrivals, Partners
from infra.demo_story import Told
from infra.errors import OperatorError
from infra.local import RunningStack
from infra.paths import stack_folder
from infra.progress import Progress
from infra.waiting import wait_for

NAME = "demo"
WIDTH = 100
ARRIVAL_SECONDS = 60.0
SETTLE_SECONDS = 2.0
"""How long to look on once everything is there: what is told twice comes close together."""


class NotArrivedError(OperatorError):
    """Something that should have reached a partner did not, or came as it must not."""


def run(
    *,
    keep: bool,
    console: Console,
    name: str = NAME,
    arrival_seconds: float = ARRIVAL_SECONDS,
    environment: Mapping[str, str] = environ,
) -> None:
    """Play it all; raises NotArrivedError naming what did not arrive in time, or came twice."""
    began = time.monotonic()
    progress = Progress(console)
    if local.down(name):
        progress.note("The demo stack that was kept is ended.")
    with ExitStack() as cleanup:
        cleanup.push(lambda error, *_: _end(name, progress, keep_logs=error is not None))
        stack = local.up(
            name, or_any_port=True, owned=True, environment=environment, progress=progress
        )
        cleanup.callback(stack.services.close)
        console.print(f"\n[bold]The main job[/bold] on {stack.api_url}", highlight=False)
        try:
            told = demo_story.tell(stack, console, environment)
            progress.note("")
            with progress.step("Waiting for the news to arrive"):
                arrivals = wait(stack, told, arrival_seconds=arrival_seconds)
        except httpx.HTTPError as error:
            raise OperatorError(
                f"A part of the stack does not answer: {error or type(error).__name__}."
                f" What the functions logged: {_keep_log(stack)}"
            ) from None
        demo_arrivals.show(arrivals, console)
        failures = failures_of(arrivals, arrival_seconds=arrival_seconds)
        if failures:
            raise NotArrivedError(f"{failures} What the functions logged: {_keep_log(stack)}")
        console.print(
            f"\n[green]Everything arrived.[/green] The demo took {time.monotonic() - began:.1f} s.",
            highlight=False,
        )
        if keep:
            stack.set_free()
            cleanup.pop_all()
            _say_how_to_go_on(stack, console)


def wait(
    partners: Partners,
    told: Told,
    *,
    arrival_seconds: float = ARRIVAL_SECONDS,
    settle_seconds: float = SETTLE_SECONDS,
) -> Arrivals:
    """Return what has arrived when all of it has, and nothing more came, or the deadline passed."""
    latest: list[Arrivals] = []

    def look() -> Arrivals:
        latest[:] = [demo_arrivals.look(partners, told)]
        return latest[0]

    if wait_for(lambda: not look().missing, deadline_seconds=arrival_seconds):
        wait_for(lambda: look().wrong, deadline_seconds=settle_seconds)
    return latest[0]


def failures_of(arrivals: Arrivals, *, arrival_seconds: float) -> str:
    """Return in one line what is wrong with the arrivals; empty where nothing is."""
    told = []
    if arrivals.missing:
        told.append(f"Not arrived within {arrival_seconds:g} s: {'; '.join(arrivals.missing)}.")
    if arrivals.wrong:
        told.append(f"Arrived, but not as it must, once and signed: {'; '.join(arrivals.wrong)}.")
    return " ".join(told)


def _keep_log(stack: RunningStack) -> Path:
    path = stack_folder(stack.name) / "functions.log"
    path.write_text("\n".join(logs.lines(stack, None, follow=False)))
    return path


def _end(name: str, progress: Progress, *, keep_logs: bool) -> None:
    with progress.step("Ending the stack"):
        local.down(name, keep_logs=keep_logs)


def _say_how_to_go_on(stack: RunningStack, console: Console) -> None:
    command, which = ".venv/bin/python -m infra", f"--stack {stack.name}"
    console.print(
        f"The stack runs on: {stack.api_url}\n"
        f"  a token:  {command} token {which} --role 'Finance Admin' --sub u-1 --name fa\n"
        f"  the log:  {command} logs {which}\n"
        f"  end it:   {command} down {which}",
        highlight=False,
        soft_wrap=True,
    )
