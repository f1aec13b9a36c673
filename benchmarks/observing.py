"""What it costs a service to be watched, and whether what it tells is true.

``python -m benchmarks.observing`` loads an echo of a tiny text by a Python function, by turns of
two services: one that nobody watches, and one with everything on: the dashboard's questions and a
scrape of ``/metrics`` each second, and traces of one request in a hundred sent to a collector. Then
it compares what the service counted with what the load generator did, and its percentiles with
those of a client that looks at its own clock.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.http_client import PREDICT
from benchmarks.load import Figures, ask, load, serving, write_request
from benchmarks.workloads import USER_CODE, workloads
from grps.server.state import ServiceState
from tools.programs.collector import collecting

ECHO = workloads()[0]
MODEL = {"inferer_name": "echo", "converter_type": "none"}
COLLECTOR = "127.0.0.1:43170"
TRACING = {"endpoint": f"http://{COLLECTOR}", "sample_ratio": 0.01}
WATCHED = (
    "metrics",
    "grps/v1/monitor/live",
    "grps/v1/monitor/requests",
    "grps/v1/monitor/trends?name=*qps&name=*latency_p50(ms)&name=*latency_p99(ms)",
)
QUANTILES = (50, 90, 99)
CLOCKED = 3000
"""Requests whose client looks at its own clock."""
TRUTH_S = 3
TICK_S = 1


def main() -> int:
    """Measure by turns and print what was found; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.observing", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=12, help="measurements of each service")
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    with tempfile.TemporaryDirectory() as made, collecting(Path(made), {"grpc": COLLECTOR}):
        folder = Path(made)
        script = write_request(folder, ECHO.body)
        with (
            serving(folder / "alone", USER_CODE, MODEL) as alone,
            serving(folder / "watched", USER_CODE, MODEL, {"tracing": TRACING}) as watched,
            watching(watched),
        ):
            states = {"alone": alone, "watched": watched}
            found: dict[str, list[Figures]] = {name: [] for name in states}
            for turn in range(arguments.rounds + 1):
                names = list(states) if turn % 2 else list(states)[::-1]
                for name in names:
                    figures = load(states[name], script, arguments.connections, arguments.seconds)
                    # The first turn warms up.
                    found[name] += [figures] if turn else []
            print_cost(found)
        # Another service: what came before must not be of its latest minute.
        with serving(folder / "fresh", USER_CODE, MODEL) as fresh:
            print_truth(fresh, script, arguments.connections)
    return 0


def print_cost(found: dict[str, list[Figures]]) -> None:
    """Print the medians of both services, and of the ratios of measurements side by side."""
    for name, figures in found.items():
        rate = statistics.median(one.rate for one in figures)
        cpu = statistics.median(one.cpu_ms for one in figures)
        print(f"{name:>8}  {rate:>9,.0f} req/s  {1000 * cpu:>6.2f} us of processor time each")
    pairs = zip(found["alone"], found["watched"], strict=True)
    ratios = sorted(watched.cpu_ms / alone.cpu_ms for alone, watched in pairs)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"watched costs {middle:.3f}x the processor time, quartiles {low:.3f}x to {high:.3f}x")


def print_truth(state: ServiceState, script: Path, connections: int) -> None:
    """Print what the service counted and measured beside what its clients know."""
    mine = clocked(state, CLOCKED)
    route = told_of(state, CLOCKED)
    for percent in QUANTILES:
        client_ms = statistics.quantiles(mine, n=100)[percent - 1]
        served_ms = route["minute"]["duration"][f"p{percent}_ms"]
        print(f"p{percent}: client {client_ms:.3f} ms, of which the service saw {served_ms:.3f} ms")
    figures = load(state, script, connections, TRUTH_S)
    sent = round(figures.rate * TRUTH_S)
    counted = told_of(state, CLOCKED + sent // 2)["statuses"]["200"] - CLOCKED
    print(f"load generator: about {sent:,} requests; service: {counted:,}")


def told_of(state: ServiceState, at_least: int) -> Any:
    """Return what the service tells of its route once a tick has seen so many requests."""
    while True:
        (route,) = ask(state, "grps/v1/monitor/live")["routes"]
        if route["minute"]["succeeded"] >= at_least and route["in_flight"] == 0:
            return route
        time.sleep(TICK_S / 10)


def clocked(state: ServiceState, count: int) -> list[float]:
    """Send requests one after another; return how many milliseconds each took."""
    connection = HTTPConnection("127.0.0.1", state.ports[0])
    lengths = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", PREDICT, ECHO.body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        lengths.append(1000 * (time.perf_counter() - began))
    connection.close()
    return lengths


@contextlib.contextmanager
def watching(state: ServiceState) -> Iterator[None]:
    """Ask a service each second what a dashboard and a scraper ask."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(TICK_S):
            for path in WATCHED:
                url = f"http://127.0.0.1:{state.ports[0]}/{path}"
                with contextlib.suppress(OSError), urlopen(url, timeout=10) as answer:
                    answer.read()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join()


if __name__ == "__main__":
    sys.exit(main())
