"""Tables that fit the terminal, and the order that a reader gives them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from grps.cli.verbs.cluster.top import COLUMNS
from grps.cli.verbs.top import MODEL_COLUMNS, SERVICE_COLUMNS, STEP_COLUMNS
from grps.cli.watching.cells import NOTHING, Cell, count, decimal, ms, word
from grps.cli.watching.fitting import Column, FittingTable, Order

NAME = "resnet50-classifier-1.0.0"


def printed(table: FittingTable, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(table)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def table_of(columns: tuple[Column, ...]) -> FittingTable:
    """A table with a row of long cells."""
    table = FittingTable(columns)
    cells = [word(NAME), *(ms(12345.6) for _ in columns[1:])]
    table.add_row(*cells, group="demo", details=Text)
    return table


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("columns", [SERVICE_COLUMNS, MODEL_COLUMNS, STEP_COLUMNS, COLUMNS])
def test_no_word_is_cut(columns: tuple[Column, ...], width: int) -> None:
    table = table_of(columns)
    titles = {column.title for column in columns}
    for shown in (table, table.arranged(Order())):
        lines = printed(shown, width)
        assert "…" not in "".join(lines)
        assert max(map(len, lines)) <= width
        head, row = lines
        for title in sorted(titles, key=len, reverse=True):
            head = head.replace(title, "")
        assert head.strip() == ""
        assert row.replace(NAME, "").replace("12345.6 ms", "").strip() == ""


def test_a_name_wider_than_the_terminal_goes_on_in_the_next_line() -> None:
    lines = printed(table_of(SERVICE_COLUMNS), 20)
    assert "".join(line.split(" ")[0] for line in lines[1:]) == NAME


def test_columns_leave_in_the_order_of_their_importance() -> None:
    columns = (Column("NAME"), Column("A", spare=2), Column("B", spare=1), Column("C"))
    table = FittingTable(columns)
    table.add_row(*map(word, ("name", "aaaa", "bbbb", "cccc")))
    assert [printed(table, width)[0].split() for width in (22, 21, 15)] == [
        ["NAME", "A", "B", "C"],
        ["NAME", "A", "C"],
        ["NAME", "C"],
    ]


def test_extra_columns_are_for_readers_of_a_terminal() -> None:
    table = table_of(MODEL_COLUMNS)
    assert "P90" not in printed(table, 400)[0]
    assert "PREPROCESS" in printed(table.arranged(Order()), 400)[0]


def services() -> FittingTable:
    table = FittingTable((Column("NAME", is_word=True), Column("CALLS"), Column("QUEUE")))
    for group, name, calls, queue in (
        ("one", "b", 2.0, 1),
        ("one", "a", 30.0, 2),
        ("two", "c", 4.0, None),
        ("two", "d", 5.0, 7),
    ):
        cells = (word(name), decimal(calls), NOTHING if queue is None else count(queue))
        table.add_row(*cells, group=group, details=Text)
    return table


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (Order(), "bacd"),
        (Order(column="NAME"), "abcd"),
        (Order(column="NAME", is_reversed=True), "badc"),
        (Order(column="CALLS"), "abdc"),
        (Order(column="CALLS", is_reversed=True), "bacd"),
        (Order(column="QUEUE"), "abdc"),
        (Order(column="QUEUE", is_reversed=True), "badc"),
        (Order(column="OTHER"), "bacd"),
        (Order(needle="A"), "a"),
        (Order(needle="two"), "cd"),
        (Order(needle="none"), ""),
    ],
)
def test_rows_are_sorted_and_filtered_within_their_group(order: Order, names: str) -> None:
    assert "".join(row.name for row in services().arranged(order).rows) == names


def test_the_head_of_a_group_stays_with_its_rows() -> None:
    table = FittingTable((Column("NAME", is_word=True), Column("CALLS")))
    for group in ("one", "two"):
        table.add_row(word(group), decimal(9), group=group, is_head=True)
        for number in (1, 2):
            name = Cell(f"  {group}-{number}", f"{group}-{number}")
            table.add_row(name, decimal(number), group=group, details=Text)
    names = [row.name for row in table.arranged(Order(column="CALLS")).rows]
    assert names == ["one", "one-2", "one-1", "two", "two-2", "two-1"]
    names = [row.name for row in table.arranged(Order(needle="two-1")).rows]
    assert names == ["two", "two-1"]


def test_what_belongs_to_no_group_is_never_filtered() -> None:
    table = FittingTable((Column("NAME"),))
    table.add_row(word("demo"))
    assert printed(table.arranged(Order(needle="other")), 80) == ["NAME", "demo"]
    assert printed(services().arranged(Order(needle="other")), 80) == []
