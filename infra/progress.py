"""Progress for a person: one line for each long step, with how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

Report = Callable[[str], None]


class Progress:
    """Prints a line when a step is done; on a terminal also what it is doing meanwhile."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Report]:
        """Time a step; what is reported inside it is shown while it runs."""
        began = time.monotonic()
        try:
            with self.console.status(f"{title} …") as status:
                yield lambda detail: status.update(f"{title} … [dim]{escape(detail)}[/dim]")
        except BaseException:
            self._line("[red]✗[/red]", title, began)
            raise
        self._line("[green]✓[/green]", title, began)

    def note(self, text: str) -> None:
        """Print a line of its own."""
        self.console.print(escape(text), soft_wrap=True, highlight=False)

    def _line(self, mark: str, title: str, began: float) -> None:
        seconds = time.monotonic() - began
        self.console.print(f"{mark} {title:<50} {seconds:6.1f} s", highlight=False)


def silent() -> Progress:
    """Return a progress that shows nothing, for tests."""
    return Progress(Console(quiet=True))
