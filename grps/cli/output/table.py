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


def print_columns(rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """Print rows of as many cells, the first of which is the head: words, then numbers.

    Args:
        rows: The rows.
        words: How many of the first columns are words, whose cells begin at the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(cells).rstrip()
        say(click.style(line, bold=True) if number == 0 and sys.stdout.isatty() else line)
