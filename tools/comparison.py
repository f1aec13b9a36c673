"""Writes the figures of the table that compares servers: ``python -m tools.comparison [--check]``.

They follow from ``docs/performance/peers.json``, which ``python -m benchmarks.peers`` measures. The
words of the table are those of each page. ``--check`` writes nothing and exits with 1 if a page has
other figures.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.repository import ROOT

MEASURED = ROOT / "docs" / "performance" / "peers.json"
PAGES = ("README.md", "README.zh-CN.md", "docs/index.md", "docs/index.zh.md")
"""The pages that have the table."""
START, END = "<!-- figures of tools/comparison.py -->\n", "<!-- end of figures -->\n"
WORDS = 2
"""Columns before those of the servers: the workload and its connections."""
SERVERS = {
    "grps": ("GRPS", None),
    "triton": ("PyTriton", "nvidia-pytriton"),
    "mosec": ("MOSEC", "mosec"),
    "granian_rsgi": ("Granian", "granian"),
}
"""The columns: the names of servers, and of the package whose version is shown."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """A row of the table.

    Attributes:
        key: Its name in the measurements.
        connections: How many clients send requests at once.
        digits: Of the rate after the point.
    """

    key: str
    connections: int
    digits: int = 0


WORKLOADS = (Workload("W1", 32), Workload("W2", 8), Workload("W3", 32), Workload("W4", 4, digits=1))


def measurements() -> tuple[Row, list[Row]]:
    """Return what the measurements have in common, and the measurements."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured["meta"], measured["rows"]


def names(rows: list[Row]) -> list[str]:
    """Return the heads of the servers' columns, with their versions."""
    found = []
    for server, (title, package) in SERVERS.items():
        versions = next(row["versions"] for row in rows if row["server"] == server)
        found.append(title if package is None else f"{title} {versions[package]}")
    return found


def cells(workload: Workload, rows: list[Row]) -> list[str]:
    """Return the figures of a workload: of each server those of its fastest protocol."""
    return [_cell(server, workload, rows) for server in SERVERS]


def _cell(server: str, workload: Workload, rows: list[Row]) -> str:
    protocols: dict[str, list[Row]] = {}
    for row in rows:
        of = (row["server"], row["workload"], row.get("conc"))
        if of == (server, workload.key, workload.connections):
            protocols.setdefault(row["variant"], []).append(row)
    if not protocols:
        return "-"
    best = max(protocols.values(), key=lambda some: _median(some, "rps"))
    rate, cpu_ms = _median(best, "rps"), _median(best, "cpu_ms_per_req")
    return f"{rate:,.{workload.digits}f} ({cpu_ms:.2g})"


def _median(rows: list[Row], key: str) -> float:
    return float(statistics.median(row[key] for row in rows))


def with_figures(text: str, rows: list[Row]) -> str:
    """Return a page with these figures in its table.

    Raises:
        ValueError: The page has no such table, or one of another number of rows.
    """
    before, start, rest = text.partition(START)
    table, end, after = rest.partition(END)
    lines = [line for line in table.splitlines() if line]
    if not end or len(lines) != 2 + len(WORKLOADS):
        raise ValueError(f"there is no table of {len(WORKLOADS)} workloads after {START.strip()}")
    words = [re.split(r" *\| *", line.strip("| "))[:WORDS] for line in lines]
    figures = [names(rows), ["---"] * len(SERVERS), *(cells(one, rows) for one in WORKLOADS)]
    made = []
    for number, (some, others) in enumerate(zip(words, figures, strict=True)):
        if number > 1:
            some[-1] = str(WORKLOADS[number - 2].connections)
        line = "|".join(("---",) * (WORDS + len(SERVERS)))
        made.append(f"|{line}|" if number == 1 else f"| {' | '.join([*some, *others])} |")
    return before + start + "\n" + "\n".join(made) + "\n\n" + end + after


def stale(root: Path = ROOT) -> list[tuple[Path, str]]:
    """Return the pages whose figures are not those that were measured, with their right texts."""
    _, rows = measurements()
    pages = [(root / name, (root / name).read_text(encoding="utf-8")) for name in PAGES]
    right = [(page, text, with_figures(text, rows)) for page, text in pages]
    return [(page, made) for page, text, made in right if made != text]


def main() -> int:
    """Write the figures into the pages, or say which have others."""
    check = "--check" in sys.argv[1:]
    found = stale()
    for page, text in found:
        print(f"{'stale' if check else 'written'}: {page.relative_to(ROOT)}")
        if not check:
            page.write_text(text, encoding="utf-8")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())
