"""What a service still does when ten times as much is asked as it can do.

``python -m benchmarks.overload`` finds the rate at which a model of 20 ms answers, then sends
requests at one to ten times that rate, whether answers come or not, and counts what was answered in
time. Every request has a deadline. Memory is the server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.http_client import PREDICT, Connection
from benchmarks.load import serving
from benchmarks.workloads import USER_CODE

MODEL = {
    "inferer_name": "sleeper",
    "inferer_args": {"sleep_s": 0.02},
    "instances": 2,
    "max_threads": 2,
}
FACTORS = (1, 2, 5, 10)
MOST_CONNECTIONS = 4000
SETTINGS = {"max_connections": MOST_CONNECTIONS + 100}
DEADLINE_MS = 500
BODY = b'{"str_data": "hello world"}'
HEADERS = {"X-Request-Timeout-Ms": str(DEADLINE_MS)}


@dataclass
class Tally:
    """What became of the requests of one measurement."""

    sent: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    """Of requests that were answered in time."""

    @property
    def answered(self) -> int:
        """Requests that were answered in time."""
        return len(self.latencies_s)

    def latency_ms(self, share: float) -> float:
        """Return a percentile of the latencies."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


class Client:
    """Connections that stay open, each with one request at a time."""

    def __init__(self, port: int) -> None:
        """Speak to the server on ``port``."""
        self._port = port
        self._idle: list[Connection] = []
        self._open = 0

    async def ask(self, tally: Tally) -> None:
        """Send one request and note its outcome; none is sent without a connection."""
        if self._idle:
            connection = self._idle.pop()
        elif self._open < MOST_CONNECTIONS:
            self._open += 1
            connection = Connection(self._port)
        else:
            tally.statuses[0] = tally.statuses.get(0, 0) + 1
            return
        began = time.monotonic()
        status, _ = await connection.ask(PREDICT, BODY, HEADERS)
        elapsed_s = time.monotonic() - began
        self._idle.append(connection)
        tally.statuses[status] = tally.statuses.get(status, 0) + 1
        if status == 200 and elapsed_s * 1e3 <= DEADLINE_MS:
            tally.latencies_s.append(elapsed_s)


async def find_peak(port: int, seconds: float) -> float:
    """Return the rate of answers to a few clients that wait for each."""
    client, tally = Client(port), Tally()
    end = time.monotonic() + seconds

    async def run() -> None:
        while time.monotonic() < end:
            await client.ask(tally)

    await asyncio.gather(*(run() for _ in range(8)))
    return tally.answered / seconds


async def offer(port: int, rate: float, seconds: float) -> Tally:
    """Send requests at a rate for a while and return what became of them."""
    client, tally = Client(port), Tally()
    began = time.monotonic()
    running: set[asyncio.Task[None]] = set()
    while (elapsed_s := time.monotonic() - began) < seconds:
        while tally.sent < elapsed_s * rate:
            tally.sent += 1
            task = asyncio.ensure_future(client.ask(tally))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(0.001)
    await asyncio.gather(*running)
    return tally


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        serving(Path(name) / "p", USER_CODE, MODEL, SETTINGS) as state,
    ):
        port, process = state.ports[0], psutil.Process(state.pid)
        peak = asyncio.run(find_peak(port, arguments.seconds))
        print(f"peak: {peak:,.0f} answers/s; deadline {DEADLINE_MS} ms")
        print("offered/s  in time/s  of peak    p50 ms    p99 ms   RSS MiB  statuses", flush=True)
        for factor in FACTORS:
            tally = asyncio.run(offer(port, factor * peak, arguments.seconds))
            rss = process.memory_info().rss / 2**20
            rate = tally.answered / arguments.seconds
            print(
                f"{tally.sent / arguments.seconds:>9,.0f}  {rate:>9,.0f}  {rate / peak:>7.0%}"
                f"  {tally.latency_ms(0.5):>8.1f}  {tally.latency_ms(0.99):>8.1f}  {rss:>8.1f}"
                f"  {dict(sorted(tally.statuses.items()))}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
