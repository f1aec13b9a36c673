"""Views that are looked at again and again, and the cells that they share."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Literal, Protocol

import click
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from grps.deploy.figures import Figures


class View(Protocol):
    """What is shown; shares of time need two looks."""

    def look(self) -> RenderableType:
        """Return what is to be seen now."""


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
    """Show a view until Ctrl-C; off a terminal, or ``once``, print it."""
    console = Console()
    if once or not sys.stdout.isatty():
        view.look()
        time.sleep(interval)
        console.print(view.look())
        return
    with Live(view.look(), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(interval)
                live.update(view.look(), refresh=True)
        except KeyboardInterrupt:
            return


class FittingTable:
    """A table that leaves columns out where it would be wider than the terminal."""

    def __init__(self, head: tuple[str, ...], left: int, spare: tuple[str, ...] = ()) -> None:
        """Make a table without rows.

        Args:
            head: Titles of the columns.
            left: How many of the first ones are aligned to the left.
            spare: Titles of columns that can be left out, in this order.
        """
        self._head = head
        self._left = left
        self._spare = spare
        self._rows: list[tuple[str | Text, ...]] = []
        self._styles: list[str] = []

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        """Add a row; cells that are missing at its end are empty."""
        self._rows.append((*cells, *("",) * (len(self._head) - len(cells))))
        self._styles.append(style)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show the most columns that fit."""
        for count in range(len(self._spare) + 1):
            table = self._without(self._spare[:count])
            wide = options.update(width=_ANY_WIDTH)
            if Measurement.get(console, wide, table).maximum <= options.max_width:
                break
        yield table

    def _without(self, titles: tuple[str, ...]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        shown = [index for index, title in enumerate(self._head) if title not in titles]
        for index in shown:
            side: Literal["left", "right"] = "left" if index < self._left else "right"
            table.add_column(self._head[index], justify=side, no_wrap=True)
        for cells, style in zip(self._rows, self._styles, strict=True):
            table.add_row(*(cells[index] for index in shown), style=style)
        return table


_ANY_WIDTH = 10_000


def percent(part: float, whole: float) -> str:
    """Return a share, for a cell."""
    return f"{100 * part / whole:.1f}%" if part and whole else "0%"


USAGE_HEAD = ("CPU", "MEMORY")


def usage(figures: Figures, before: Figures | None) -> tuple[str, str]:
    """Return the cells of ``USAGE_HEAD``."""
    processors = figures.processors(before)
    share = "-" if processors is None else f"{100 * processors:.0f}%"
    return share, f"{figures.memory_bytes / 2**20:.0f} MiB"
