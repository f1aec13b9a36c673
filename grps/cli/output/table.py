"""Rows of text in columns."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from grps.cli.output.lines import say


def print_table(rows: Sequence[Sequence[str]], colored: int, colors: Mapping[str, str]) -> None:
    """Print rows, the first of which is the head; on a terminal with colours.

    Args:
        rows: Rows of as many cells.
        colored: The column whose cells have colours.
        colors: Colours by the text of a cell.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    fancy = sys.stdout.isatty()
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if fancy and number > 0:
            cells[colored] = click.style(cells[colored], fg=colors.get(row[colored]))
        line = "  ".join(cells).rstrip()
        say(click.style(line, bold=True) if fancy and number == 0 else line)
