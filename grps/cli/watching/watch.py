"""The verbs that show figures again and again: on a terminal with keys, otherwise once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live

from grps.cli.watching.browsing import browse
from grps.cli.watching.keyboard import Keyboard


class View(Protocol):
    """What is shown; shares of time need two looks."""

    def look(self) -> Sequence[RenderableType]:
        """Return what is shown at present, from top to bottom."""


def watching(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a verb that watches."""
    command = click.option("--once", is_flag=True, help="Print one look and end.")(command)
    return click.option(
        "--interval",
        type=click.FloatRange(min=0.2),
        default=1.0,
        show_default=True,
        help="Seconds between two looks.",
    )(command)


def watch(view: View, interval: float, *, once: bool) -> None:
    """Show a view until someone ends it; off a terminal, or ``once``, print it."""
    console = Console()
    if once or not sys.stdout.isatty():
        view.look()
        time.sleep(interval)
        console.print(Group(*view.look()))
    elif sys.stdin.isatty():
        browse(view.look, interval, console, Keyboard(sys.stdin.fileno()))
    else:
        _repeat(view, interval, console)


def _repeat(view: View, interval: float, console: Console) -> None:
    """Show a view until Ctrl-C, where there are no keys."""
    with Live(Group(*view.look()), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval)
                live.update(Group(*view.look()), refresh=True)
        except KeyboardInterrupt:
            return
