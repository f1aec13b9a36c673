"""Markdown tables from result files.

``python -m benchmarks.peers.report a.json [b.json ...] [--merge out.json]``.

Repeats are pooled: medians, with the range of req/s when there are several.
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

Row = dict[str, Any]
LIMITS = {
    "W1": ("nginx", None),
    "W2": ("nginx", None),
    "W3": ("inproc", ("ort-b1", "ort-b32", "torch-b1")),
    "W4": ("inproc", None),
    "W5": ("granian_rsgi", None),
    "W6": ("step_loop", None),
}
HEAD = "| server | variant | conc | req/s | p50 ms | p99 ms | CPU ms/req | RSS MB | err |"
STREAM_HEAD = (
    "| server | variant | conc | streams/s | chunks/s | first chunk p50 ms "
    "| p50 ms | p99 ms | CPU us/chunk | RSS MB | err |"
)
CHAT_HEAD = (
    "| server | variant | streams | tokens/s | TTFT p50 ms | ITL p50 ms | ITL p99 ms "
    "| CPU us/token | of the first process | RSS MB | err |"
)
CHAT_COLUMNS = (
    ("chunks_s", 0),
    ("ttfc_p50", 2),
    ("gap_p50", 2),
    ("gap_p99", 2),
    ("cpu_us_per_chunk", 2),
    ("first_cpu_us_per_chunk", 2),
    ("rss_mb", 0),
)
CHATS = ("W6", "W6-gguf")
CHUNKS = 200


def read_files(files: list[Path]) -> tuple[Row, list[Row]]:
    """Return the first file's meta and the rows of all files."""
    meta: Row = {}
    rows: list[Row] = []
    for file in files:
        data = json.loads(file.read_text())
        meta = meta or data["meta"]
        rows += data["rows"]
    return meta, rows


def number(value: float | None, digits: int = 2) -> str:
    """Render a number for a table cell."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def median(rows: list[Row], key: str) -> float | None:
    """Return the median of one column over the repeats."""
    values = [r[key] for r in rows if r.get(key) is not None]
    return statistics.median(values) if values else None


def rate(rows: list[Row]) -> str:
    """Render req/s with its range over the repeats."""
    values = [r["rps"] for r in rows if r.get("rps") is not None]
    text = number(median(rows, "rps"), 1)
    if len(values) > 1:
        text += f" [{number(min(values), 1)}..{number(max(values), 1)}]"
    return text


def line(name: str, variant: str, conc: int, rows: list[Row], streams: bool) -> str:
    """Render one table line."""
    errors = sum(r.get("errors") or 0 for r in rows)
    cells = [name, variant, str(conc), rate(rows)]
    cpu = median(rows, "cpu_ms_per_req")
    if streams:
        cells.append(number(median(rows, "chunks_s"), 0))
        cells.append(number(median(rows, "ttfc_p50")))
        cpu = None if cpu is None else cpu * 1e3 / CHUNKS
    cells += [number(median(rows, "p50")), number(median(rows, "p99"))]
    cells += [number(cpu, 3), number(median(rows, "rss_mb"), 0), str(errors)]
    return "| " + " | ".join(cells) + " |"


def chat_line(name: str, variant: str, conc: int, rows: list[Row]) -> str:
    """Render one table line of streams of tokens."""
    errors = sum(r.get("errors") or 0 for r in rows)
    cells = [number(median(rows, key), digits) for key, digits in CHAT_COLUMNS]
    return "| " + " | ".join([name, variant, str(conc), *cells, str(errors)]) + " |"


def is_limit(workload: str, server: str, variant: str) -> bool:
    """Tell whether a row is the peer-free limit of its workload."""
    name, variants = LIMITS.get(workload, ("", None))
    return server == name and (variants is None or variant in variants)


def table(workload: str, rows: list[Row]) -> list[str]:
    """Render the table of one workload: limits first, then best req/s first."""
    groups: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(dict)
    for row in rows:
        if row.get("rps") is not None:
            key = (str(row.get("via", row["server"])), str(row["variant"]))
            groups[key].setdefault(row["conc"], []).append(row)
    streams = workload == "W5"
    chats = workload in CHATS
    lines = [CHAT_HEAD if chats else STREAM_HEAD if streams else HEAD]
    lines.append("|" + "---|" * (lines[0].count("|") - 1))

    def order(item: tuple[tuple[str, str], dict[int, list[Row]]]) -> tuple[bool, float]:
        best = max(median(r, "rps") or 0 for r in item[1].values())
        return not is_limit(workload, *item[0]), -best

    for (server, variant), by_conc in sorted(groups.items(), key=order):
        limit = is_limit(workload, server, variant)
        name = f"**limit** ({server})" if limit else server
        for conc, repeats in sorted(by_conc.items()):
            if chats:
                lines.append(chat_line(name, variant, conc, repeats))
            else:
                lines.append(line(name, variant, conc, repeats, streams))
    return lines


def notes(rows: list[Row]) -> list[str]:
    """List skips and errors."""
    found = []
    for row in rows:
        reason = row.get("skipped") or row.get("error")
        if reason:
            where = f"{row['server']} {row.get('variant', '')}".strip()
            found.append(f"- {where}: {reason}")
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--merge", type=Path, help="also write all rows to this file")
    args = parser.parse_args()
    meta, rows = read_files(args.files)
    if args.merge:
        args.merge.write_text(json.dumps({"meta": meta, "rows": rows}, indent=1))
    print("Machine: " + ", ".join(f"{k} {v}" for k, v in meta.items()))
    for workload in sorted({r["workload"] for r in rows}):
        mine = [r for r in rows if r["workload"] == workload]
        print(f"\n### {workload}\n")
        print("\n".join(table(workload, mine)))
        remarks = notes(mine)
        if remarks:
            print("\nNot measured:\n" + "\n".join(remarks))


if __name__ == "__main__":
    main()
