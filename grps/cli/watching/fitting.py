"""Tables that leave columns out where they would be wider than the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from grps.cli.watching.cells import BLANK, Cell

_ANY_WIDTH = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    is_word: bool = False
    """Aligned to the left, and sorted from A to Z."""
    spare: int = 0
    """When a narrow terminal leaves it out: 1 first; 0 for never."""
    is_extra: bool = False
    """Shown only where the table is watched and the terminal is wide enough."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    cells: tuple[Cell, ...]
    style: str = ""
    group: str = ""
    """What the row belongs to: rows of no group are shown whatever the filter is."""
    is_head: bool = False
    """The first row of its group, which stays first."""
    details: Callable[[], RenderableType] | None = None
    """What is shown of the row when it is opened; a row without is not selected."""

    @property
    def name(self) -> str:
        """The text of the first cell."""
        return str(self.cells[0].text).strip()

    @property
    def key(self) -> tuple[str, str]:
        """By which it is found again after a refresh."""
        return self.group, self.name


@dataclass(frozen=True, slots=True)
class Order:
    """Which rows are shown, and in which order."""

    needle: str = ""
    """Part of the name of a row or of its group."""
    column: str | None = None
    """Title of the column that rows are sorted by; ``None`` for as they come."""
    is_reversed: bool = False
    selected: tuple[str, str] | None = None


class FittingTable:
    """A table that shows its most important columns."""

    def __init__(
        self,
        columns: Sequence[Column],
        heading: Text | None = None,
        caption: Text | None = None,
    ) -> None:
        """Make a table without rows.

        Args:
            columns: All columns.
            heading: A line above it.
            caption: A line below it.
        """
        self._columns = columns
        self._heading = heading
        self._caption = caption
        self._order: Order | None = None
        self.rows: list[Row] = []

    def add_row(
        self,
        *cells: Cell,
        style: str = "",
        group: str = "",
        is_head: bool = False,
        details: Callable[[], RenderableType] | None = None,
    ) -> None:
        """Add a row, whose fields are those of ``Row``; cells that are missing are empty."""
        whole = (*cells, *(BLANK,) * (len(self._columns) - len(cells)))
        self.rows.append(Row(whole, style, group, is_head, details))

    @property
    def selectable(self) -> list[Row]:
        """The rows that can be opened."""
        return [row for row in self.rows if row.details is not None]

    def arranged(self, order: Order) -> FittingTable:
        """Return the table as a reader of the terminal orders it."""
        table = FittingTable(self._columns, self._heading, self._caption)
        table._order = order
        table.rows = self._sorted(self._filtered(order.needle.lower()), order)
        return table

    def titles_within(self, console: Console, width: int) -> list[str]:
        """Return the titles of the columns that fit."""
        return [column.title for column in self._fitting(console, width)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show the most columns that fit."""
        if self._order is not None and self._order.needle and not self.rows:
            return
        if self._heading is not None:
            yield self._heading
        yield self._table(self._fitting(console, options.max_width), options.max_width)
        if self._caption is not None:
            yield self._caption

    def _filtered(self, needle: str) -> list[Row]:
        def is_named(row: Row) -> bool:
            return needle in row.name.lower() or needle in row.group.lower()

        groups = {row.group for row in self.rows if is_named(row)}
        return [
            row
            for row in self.rows
            if not row.group or is_named(row) or (row.is_head and row.group in groups)
        ]

    def _sorted(self, rows: list[Row], order: Order) -> list[Row]:
        titles = [column.title for column in self._columns]
        if order.column not in titles or not any(row.details for row in rows):
            return rows
        index = titles.index(order.column)
        descends = self._columns[index].is_word == order.is_reversed
        arranged: list[Row] = []
        for _, together in groupby(rows, lambda row: row.group):
            group = list(together)
            arranged += [row for row in group if row.is_head]
            members = [row for row in group if not row.is_head]
            known = [row for row in members if row.cells[index].value is not None]
            arranged += sorted(known, key=partial(_value_at, index), reverse=descends)
            arranged += [row for row in members if row.cells[index].value is None]
        return arranged

    def _fitting(self, console: Console, width: int) -> list[Column]:
        left = [
            column for column in self._columns if self._order is not None or not column.is_extra
        ]
        wide = console.options.update(width=_ANY_WIDTH)
        for column in sorted((one for one in left if one.spare), key=lambda one: one.spare):
            if Measurement.get(console, wide, self._table(left, _ANY_WIDTH)).maximum <= width:
                break
            left.remove(column)
        return left

    def _table(self, columns: list[Column], width: int) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        shown = [index for index, column in enumerate(self._columns) if column in columns]
        for index in shown:
            side: Literal["left", "right"] = "left" if self._columns[index].is_word else "right"
            table.add_column(self._title(self._columns[index]), justify=side, no_wrap=True)
        # A name that is longer than the terminal goes on in the next line.
        table.columns[0].no_wrap = False
        table.columns[0].overflow = "fold"
        for row in self.rows:
            is_selected = self._order is not None and self._order.selected == row.key
            style = "reverse" if is_selected and row.details else row.style
            table.add_row(*(row.cells[index].text for index in shown), style=style)
        return table

    def _title(self, column: Column) -> str:
        if self._order is None or self._order.column != column.title:
            return column.title
        return f"{column.title}{'▼' if column.is_word == self._order.is_reversed else '▲'}"


def _value_at(index: int, row: Row) -> Any:
    """Return what a row is sorted by: a column has either texts or numbers."""
    return row.cells[index].value
