"""How the cost of a request changes with what grows: tensors, connections, models, instances.

``python -m benchmarks.scale`` prints tables in Markdown; ``--only tensors`` one of them. CPU is the
server's, per request; the load generator shares the machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load import Figures, load, serving_models, write_request
from benchmarks.workloads import USER_CODE, user_model

TEXT = '{"str_data": "hello world"}'
RAW = "application/octet-stream"
KIB, MIB = 2**10, 2**20
SIZES = (KIB, 16 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB)
CONNECTIONS = (1, 4, 16, 64, 256, 1000)
MODELS = (1, 10, 50, 200)
INSTANCES = (1, 2, 4, 8)
SETTINGS: dict[str, Any] = {
    "max_connections": 1100,
    "max_concurrency": 1100,
    "limits": {"max_request_bytes": 65 * MIB, "max_inflight_bytes": 1024 * MIB},
}


def tell(headings: str, rows: Iterable[list[object]]) -> None:
    """Print a table in Markdown, row by row as they come."""
    print(f"\n| {headings} |\n|{'---|' * (headings.count('|') + 1)}", flush=True)
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def short(figures: Figures) -> list[object]:
    """Return rate, latencies and CPU as cells."""
    return [f"{figures.rate:,.0f}", figures.p50, figures.p99, f"{figures.cpu_ms:.3f}"]


def tensors(folder: Path, seconds: int) -> None:
    """Cost against the size of a float32 tensor that user code gets as an array."""

    def rows() -> Iterable[list[object]]:
        models = [user_model("first", "first", converter_type="numpy")]
        with serving_models(folder, USER_CODE, models, SETTINGS) as state:
            for size in SIZES:
                script = write_request(folder, bytes(size), RAW)
                query = f"?model=first&shape={size // 4}"
                # The first large ones also pay for memory that later ones use again.
                load(state, script, 4, 1, query)
                figures = load(state, script, 4, seconds, query)
                speed = figures.rate * size / 2**30
                label = f"{size // KIB} KiB" if size < MIB else f"{size // MIB} MiB"
                yield [label, *short(figures), f"{speed:.2f}"]

    tell("tensor | req/s | p50 | p99 | CPU ms/req | GiB/s", rows())


def connections(folder: Path, seconds: int) -> None:
    """Cost against the number of connections, by user code and natively."""

    def rows() -> Iterable[list[object]]:
        identity = {"name": "id", "version": "1.0.0", "inferer_type": "identity"}
        models = [user_model("echo", "echo"), identity]
        with serving_models(folder, USER_CODE, models, SETTINGS) as state:
            process = psutil.Process(state.pid)
            script = write_request(folder, TEXT)
            for count in CONNECTIONS:
                user = load(state, script, count, seconds, "?model=echo")
                native = load(state, script, count, seconds, "?model=id")
                rss = f"{process.memory_info().rss / MIB:.0f}"
                yield [count, *short(user), *short(native), rss]

    tell(
        "connections | user code req/s | p50 | p99 | CPU ms/req"
        " | native req/s | p50 | p99 | CPU ms/req | RSS MiB",
        rows(),
    )


def models(folder: Path, seconds: int) -> None:
    """Cost against the number of models that a service has."""

    def rows() -> Iterable[list[object]]:
        for count in MODELS:
            served = [user_model(f"m{number}", "echo") for number in range(count)]
            began = time.monotonic()
            with serving_models(folder / str(count), USER_CODE, served, SETTINGS) as state:
                start_s = time.monotonic() - began
                process = psutil.Process(state.pid)
                rss, threads = process.memory_info().rss / MIB, process.num_threads()
                script = write_request(folder, TEXT)
                figures = load(state, script, 32, seconds, f"?model=m{count - 1}")
                yield [count, f"{start_s:.2f}", f"{rss:.0f}", threads, *short(figures)]

    tell("models | start s | idle RSS MiB | threads | req/s | p50 | p99 | CPU ms/req", rows())


def instances(folder: Path, seconds: int) -> None:
    """Rate against the number of instances of code that waits and of code that computes."""

    def rate(name: str, inferer: str, count: int, isolation: str) -> str:
        keys: dict[str, Any] = {"instances": count, "isolation": isolation}
        keys["inferer_args"] = {"sleep_s": 0.005}
        if isolation == "thread":
            keys["max_threads"] = count
        served = [user_model("m", inferer, **keys)]
        with serving_models(folder / name, USER_CODE, served, SETTINGS) as state:
            figures = load(state, write_request(folder, TEXT), 32, seconds, "?model=m")
        return f"{figures.rate:,.0f} · {figures.cpu_ms:.2f}"

    def rows() -> Iterable[list[object]]:
        for count in INSTANCES:
            cells: list[object] = [count]
            for inferer in ("sleeper", "compute"):
                for isolation in ("thread", "process"):
                    name = f"{inferer}_{isolation}_{count}"
                    cells.append(rate(name, inferer, count, isolation))
            yield cells

    tell(
        "instances | waits 5 ms, threads | waits 5 ms, processes"
        " | computes, threads | computes, processes",
        rows(),
    )


TABLES: dict[str, Callable[[Path, int], None]] = {
    "tensors": tensors,
    "connections": connections,
    "models": models,
    "instances": instances,
}


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--only", choices=list(TABLES), help="one table")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    for name, measure in TABLES.items():
        if arguments.only in (None, name):
            with tempfile.TemporaryDirectory() as scratch:
                measure(Path(scratch), arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
