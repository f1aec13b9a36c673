"""What a terminal shows: the part of all tables that fits, and a line about the keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from grps.cli.watching.fitting import FittingTable, Order, Row

_PAGE = 10
"""Rows that Page Up and Page Down move by."""
_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1, "page_up": -_PAGE, "page_down": _PAGE}
_ENDS = {"home": 0, "g": 0, "end": -1, "G": -1}
_HELP = (
    ("↑ ↓ j k", "select"),
    ("Enter", "open"),
    ("/", "filter by name"),
    ("s < >", "sort by a column"),
    ("r", "reverse"),
    ("Esc", "back"),
    ("q", "quit"),
    ("?", "hide this help"),
)
_SHORT = (
    ("↑↓", "select"),
    ("Enter", "open"),
    ("/", "filter"),
    ("s", "sort"),
    ("?", "help"),
    ("q", "quit"),
)
_OPENED = (("↑↓", "scroll"), ("q", "back"))
_TYPING = (("Enter", "keep"), ("Esc", "clear"))


class Screen:
    """The state that keys change, and its picture."""

    def __init__(self, parts: Sequence[RenderableType]) -> None:
        """Show the first look."""
        self._parts = parts
        self._needle = ""
        self._column: str | None = None
        self._is_reversed = False
        self._selected: tuple[str, str] | None = None
        self._opened: tuple[str, str] | None = None
        self._is_typing = False
        self._has_help = False
        self._first = 0
        self._titles: list[str] = []
        self._select(0)

    def show(self, parts: Sequence[RenderableType]) -> None:
        """Show another look; the selected row stays selected while it exists."""
        before = [row.key for row in self._rows()]
        index = before.index(self._selected) if self._selected in before else 0
        self._parts = parts
        self._keep_selection(index)

    def press(self, key: str) -> bool:
        """Take a key; return False if it ends the program."""
        if self._is_typing:
            self._type(key)
        elif key == "?":
            self._has_help = not self._has_help
        elif key in ("q", "escape"):
            return self._go_back(key)
        elif key in _STEPS:
            self._move(_STEPS[key])
        elif key in _ENDS and self._opened is None:
            self._select(_ENDS[key])
        elif self._opened is None:
            self._press_in_list(key)
        return True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show as many lines as the terminal has; the selected row is one of them."""
        height = options.height or console.height
        footer = self._footer(options.max_width)
        body = console.render_lines(
            self._body(console, options.max_width), options.update(height=None), pad=False
        )
        room = max(1, height - len(footer))
        self._scroll(body, room)
        for line in body[self._first : self._first + room]:
            yield from line
            yield Segment.line()
        yield from [Segment.line()] * (room - len(body))
        yield Text("\n").join(footer)

    def _press_in_list(self, key: str) -> None:
        if key == "enter" and self._selected is not None:
            self._opened, self._first = self._selected, 0
        elif key == "/":
            self._is_typing = True
        elif key in ("s", ">", "<"):
            self._sort_by_next(-1 if key == "<" else 1)
        elif key == "r" and self._column is not None:
            self._is_reversed = not self._is_reversed

    def _type(self, key: str) -> None:
        """Take a key of the filter."""
        index = self._index()
        if key in ("enter", "escape"):
            self._is_typing = False
            self._needle = self._needle if key == "enter" else ""
        elif key == "backspace":
            self._needle = self._needle[:-1]
        elif len(key) == 1:
            self._needle += key
        elif key in _STEPS:
            self._move(_STEPS[key])
        self._keep_selection(index)

    def _go_back(self, key: str) -> bool:
        if self._has_help:
            self._has_help = False
        elif self._opened is not None:
            self._opened, self._first = None, 0
        elif key == "escape" and self._needle:
            self._needle = ""
        else:
            return False
        return True

    def _sort_by_next(self, step: int) -> None:
        """Sort by the next column that is shown; behind the last one, as rows come."""
        choices: list[str | None] = [None, *self._titles]
        index = choices.index(self._column) if self._column in choices else 0
        self._column = choices[(index + step) % len(choices)]
        self._is_reversed = False

    def _move(self, step: int) -> None:
        if self._opened is not None:
            self._first = max(0, self._first + step)
        elif rows := self._rows():
            self._selected = rows[min(max(0, self._index() + step), len(rows) - 1)].key

    def _order(self) -> Order:
        return Order(self._needle, self._column, self._is_reversed, self._selected)

    def _tables(self) -> Iterable[FittingTable]:
        order = self._order()
        return [part.arranged(order) for part in self._parts if isinstance(part, FittingTable)]

    def _rows(self) -> list[Row]:
        """Return the rows that can be selected, in the order in which they are shown."""
        return [row for table in self._tables() for row in table.selectable]

    def _index(self) -> int:
        keys = [row.key for row in self._rows()]
        return keys.index(self._selected) if self._selected in keys else 0

    def _select(self, index: int) -> None:
        rows = self._rows()
        self._selected = rows[index].key if rows else None

    def _keep_selection(self, index: int) -> None:
        """Select the row at a place if the selected one is not shown."""
        rows = self._rows()
        if self._selected not in [row.key for row in rows]:
            self._selected = rows[min(index, len(rows) - 1)].key if rows else None

    def _body(self, console: Console, width: int) -> Group:
        opened = [row for row in self._rows() if row.key == self._opened]
        if opened and opened[0].details is not None:
            return Group(opened[0].details())
        self._opened = None
        order = self._order()
        parts = [
            part.arranged(order) if isinstance(part, FittingTable) else part for part in self._parts
        ]
        listed = [part for part in parts if isinstance(part, FittingTable) and part.selectable]
        self._titles = listed[0].titles_within(console, width) if listed else []
        return Group(*parts)

    def _scroll(self, body: list[list[Segment]], room: int) -> None:
        """Choose the first line that is shown."""
        if self._opened is None:
            chosen = [
                number
                for number, line in enumerate(body)
                if any(part.style is not None and part.style.reverse for part in line)
            ]
            # The lines above the first rows, such as their titles, are shown with them.
            if chosen and self._index() == 0:
                self._first = 0
            if chosen:
                self._first = min(self._first, chosen[0])
                self._first = max(self._first, chosen[-1] - room + 1)
        self._first = max(0, min(self._first, len(body) - room))

    def _footer(self, width: int) -> list[Text]:
        parts: list[Text] = []
        if self._opened is None and (self._is_typing or self._needle):
            parts.append(Text.assemble(("filter ", "dim"), self._needle, "▏" * self._is_typing))
        if self._opened is None and self._column is not None:
            way = "reversed" if self._is_reversed else ""
            parts.append(Text.assemble(("sorted by ", "dim"), self._column, f" {way}".rstrip()))
        return _packed([*parts, *_keys(self._hints())], width)

    def _hints(self) -> Iterable[tuple[str, str]]:
        """Return the keys that have a meaning at present."""
        if self._is_typing:
            return _TYPING
        if self._has_help:
            return _HELP
        return _SHORT if self._opened is None else _OPENED


def _keys(keys: Iterable[tuple[str, str]]) -> list[Text]:
    return [Text.assemble((key, "bold"), " ", (what, "dim")) for key, what in keys]


def _packed(parts: Sequence[Text], width: int) -> list[Text]:
    """Return lines of parts, none of which is cut."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + 3 + part.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], "   ", part)
        else:
            lines.append(part)
    return lines
