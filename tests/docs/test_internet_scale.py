"""The figures of the page "to internet scale" follow from the measurements that it names."""

from __future__ import annotations

import ast
import json
import math
import operator
import re
import statistics

import pytest

from tests.docs.pages import DOCS

PAGE = DOCS / "guides" / "internet-scale.md"
MEASURED = json.loads((DOCS / "performance" / "peers.json").read_text())["rows"]
RATE = 1_000_000
USE = 0.6
"""Share of the processors that a plan uses."""
PRICE = 0.04
"""Of a processor for an hour."""
IMAGE_BYTES = 3 * 224 * 224 * 4
LINK_GBIT_S = 100
CELLS = 12
SUM = re.compile(r"([\d(][\d,.() x/+-]*[\d)]) = ([\d,.]*\d)")
ROW = re.compile(r"^\| (W\d), .+? \| `(\w+)`, `([\w-]+)`, (\d+) \| (.+) \|$", re.MULTILINE)


def median(key: str, server: str, workload: str, variant: str, connections: int) -> float:
    wanted = (server, workload, variant, connections)
    keys = ("server", "workload", "variant", "conc")
    values = [row[key] for row in MEASURED if tuple(map(row.get, keys)) == wanted]
    assert values, wanted
    return statistics.median(values)


def derived(server: str, workload: str, variant: str, connections: int) -> list[str]:
    """The cells of a row: what is measured, and what a million requests a second need."""
    measured = (server, workload, variant, connections)
    cpu_ms = median("cpu_ms_per_req", *measured)
    rate = median("rps", *measured)
    processors = RATE * cpu_ms / 1000
    cost = RATE * cpu_ms / 1000 / 3600 / USE * PRICE
    return [
        f"{cpu_ms:.3f}",
        f"{processors:,.0f}",
        f"{processors / USE:,.0f}",
        f"{rate:,.0f}",
        f"{math.ceil(RATE / (USE * rate)):,}",
        f"{cost:.2g}" if cost < 1 else f"{cost:.2f}",
    ]


def rows() -> list[tuple[tuple[str, str, str, int], list[str]]]:
    return [
        ((server, workload, variant, int(connections)), cells.split(" | "))
        for workload, server, variant, connections, cells in ROW.findall(PAGE.read_text())
    ]


def test_the_page_has_rows_of_ours_and_of_others() -> None:
    servers = {measured[0] for measured, _ in rows()}
    assert {"grps", "grps_native", "triton"} <= servers
    tables = [line for line in PAGE.read_text().splitlines() if line.startswith("| W")]
    assert len(rows()) == len(tables)


@pytest.mark.parametrize(("measured", "cells"), rows())
def test_rows_are_derived(measured: tuple[str, str, str, int], cells: list[str]) -> None:
    assert cells == derived(*measured)


def test_sums_are_right() -> None:
    sums = SUM.findall(" ".join(PAGE.read_text().split()))
    assert len(sums) >= 6
    for text, result in sums:
        value = _value(text.replace(",", "").replace("x", "*"))
        shown = float(result.replace(",", ""))
        # Bits become Gbit.
        value = value / 1e9 if value > 1e9 else value
        assert shown in (round(value), math.ceil(value)), text


def _value(text: str) -> float:
    operators = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv"}

    def of(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            done: float = getattr(operator, operators[type(node.op)])(of(node.left), of(node.right))
            return done
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, (int, float))
        return node.value

    return of(ast.parse(text, mode="eval").body)


def test_connections_are_those_of_the_measurement() -> None:
    page = (DOCS / "performance.md").read_text()
    rates = {}
    for connections in (64, 1000):
        row = re.search(rf"^\| {connections} \| (.+) \|$", page, re.MULTILINE)
        assert row is not None
        cells = row[1].split(" | ")
        rates[connections] = [int(cells[i].replace(",", "")) for i in (0, 4)]
    user, native = (f"{many / few:.0%}" for many, few in zip(rates[1000], rates[64], strict=True))
    text = " ".join(PAGE.read_text().replace(" %", "%").split())
    assert f"[{user}](../performance.md#scaling) of its rate with 64" in text
    assert f"with a native model {native}." in text


def test_network_and_cells_are_derived() -> None:
    text = " ".join(PAGE.read_text().split())
    gbit_s = RATE * IMAGE_BYTES * 8 / 1e9
    assert f"{RATE:,} x {IMAGE_BYTES:,} x 8 = {gbit_s:,.0f} Gbit/s" in text
    links = math.ceil(gbit_s / (LINK_GBIT_S * USE))
    assert f"{gbit_s:,.0f} / ({LINK_GBIT_S} x {USE}) = {links} links" in text
    per_cell = RATE // (CELLS - 2)
    assert f"{RATE:,} / ({CELLS} - 2) = {per_cell:,} requests" in text
    pod = USE * median("rps", "grps", "W1", "grps-json", 32)
    pods = math.ceil(per_cell / pod)
    assert f"{per_cell:,} / {pod:,.0f} = {pods} pods" in text
    assert f"{CELLS} x {pods} = {CELLS * pods} pods" in text
    used = RATE / CELLS / (pods * pod / USE)
    assert f"{used:.0%} of what they can" in text
