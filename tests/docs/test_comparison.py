"""The table that compares servers has the figures that were measured, on every page."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import pytest

from tests.docs.pages import CHINESE_README, README, blocks
from tests.support import REPOSITORY
from tools.comparison import (
    MEASURED,
    PAGES,
    SERVERS,
    WORKLOADS,
    Workload,
    measurements,
    stale,
    with_figures,
)

MOST_LINES = 110
"""Of a README: about two screens."""
META, ROWS = measurements()


def rows_of(page: str) -> list[list[str]]:
    """The cells of the table of a page, without its head."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    table = text.split("<!-- figures of tools/comparison.py -->")[1].split("<!-- end of figures")[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line]
    return lines[2:]


def best(server: str, workload: Workload) -> str:
    """The figures of the fastest protocol of a server, derived without the tool."""
    rows = [
        row
        for row in json.loads(MEASURED.read_text(encoding="utf-8"))["rows"]
        if (row["server"], row["workload"], row.get("conc"))
        == (server, workload.key, workload.connections)
    ]
    rates: dict[str, tuple[float, float]] = {}
    for variant in {row["variant"] for row in rows}:
        some = [row for row in rows if row["variant"] == variant]
        rate, cpu_ms = (
            statistics.median(row[key] for row in some) for key in ("rps", "cpu_ms_per_req")
        )
        rates[variant] = rate, cpu_ms
    if not rates:
        return "-"
    rate, cpu_ms = max(rates.values())
    return f"{rate:,.{workload.digits}f} ({cpu_ms:.2g})"


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_derived(page: str) -> None:
    rows = rows_of(page)
    assert len(rows) == len(WORKLOADS)
    for workload, (_, connections, *figures) in zip(WORKLOADS, rows, strict=True):
        assert int(connections) == workload.connections
        assert figures == [best(server, workload) for server in SERVERS]


def test_no_page_is_stale() -> None:
    assert [page for page, _ in stale()] == [], "run: python -m tools.comparison"


def test_other_measurements_make_other_figures() -> None:
    text = README.read_text(encoding="utf-8")
    faster = [{**row, "rps": 2 * row["rps"]} if row.get("rps") else row for row in ROWS]
    assert with_figures(text, ROWS) == text
    assert with_figures(text, faster) != text
    with pytest.raises(ValueError, match="there is no table of 4 workloads"):
        with_figures("# A page without a table\n", ROWS)


@pytest.mark.parametrize("page", PAGES)
def test_the_machine_and_the_day_are_named(page: str) -> None:
    text = " ".join((REPOSITORY / page).read_text(encoding="utf-8").split())
    after = text.split("<!-- end of figures -->")[1]
    count = 1 + max(row.get("rep", 0) for row in ROWS)
    for fact in (META["date"], META["cpu"], str(META["cores"]), str(count)):
        assert fact in after


def test_the_command_measures_what_is_shown() -> None:
    (command,) = [block.text for block in blocks(README) if "benchmarks.peers" in block.text]
    named = re.search(r"--servers (\S+)", command)
    assert named is not None
    assert set(named[1].split(",")) == set(SERVERS)
    sizes = ";".join(f"{one.key}={one.connections}" for one in WORKLOADS)
    assert f'--conc "{sizes}"' in command


@pytest.mark.parametrize("page", [README, CHINESE_README], ids=["en", "zh"])
def test_a_readme_stays_short(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    for command in ("make demo", "make test"):
        assert f"\n{command} " in text
