"""The cells of tables: what is shown, and the value by which rows are sorted."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from grps.cli.output.lines import duration
from grps.deploy.figures import Figures


class Cell(NamedTuple):
    """A text, and its value; ``None`` for none, which is sorted behind all others."""

    text: str | Text
    value: float | str | None = None


NOTHING = Cell("-")
BLANK = Cell("")


def word(text: str, style: str = "") -> Cell:
    """Return a cell of text."""
    return Cell(Text(text, style) if style else text, text.strip().lower())


def count(value: int) -> Cell:
    """Return a cell of a whole number."""
    return Cell(str(value), value)


def decimal(value: float) -> Cell:
    """Return a cell of a number with one decimal."""
    return Cell(f"{value:.1f}", value)


def ms(value: float) -> Cell:
    """Return a cell of a time in milliseconds."""
    return Cell(f"{value:.1f} ms", value)


def age(seconds: float) -> Cell:
    """Return a cell of a length of time."""
    return Cell(duration(seconds), seconds)


def share(value: float | None) -> Cell:
    """Return a cell of a share, in whole percents."""
    return NOTHING if value is None else Cell(f"{100 * value:.0f}%", value)


def percent(part: float, whole: float) -> Cell:
    """Return a cell of a part of a whole, in percents with a decimal."""
    if not part or not whole:
        return Cell("0%", 0.0)
    return Cell(f"{100 * part / whole:.1f}%", part / whole)


def memory(size_bytes: float) -> Cell:
    """Return a cell of a size."""
    return Cell(f"{size_bytes / 2**20:.0f} MiB", size_bytes)


def usage(figures: Figures, before: Figures | None) -> tuple[Cell, Cell]:
    """Return the cells of CPU and memory."""
    return share(figures.processors(before)), memory(figures.memory_bytes)
