"""Latencies of a server that stalls: ``grpst perf`` beside theory, k6, vegeta and bombardier.

``python -m benchmarks.checks.stalls`` starts a server that stalls for a part of each period, and
sends requests at equal distances for a whole number of periods, by one load generator after
another. Theory is the response time of each arrival, as the schedule of the server gives it. At the
end, a closed loop of one connection shows what it hides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.checks.generators import SHARES, Figures, bombardier, grpst_perf, k6, vegeta
from grps.perf import Request

PATH = "/any"
_ARRIVALS = 100_000
"""Arrivals of a period of which percentiles are computed."""
_MOST_DISTANCE = 0.1


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the server answers.

    Attributes:
        service_s: From a request to its answer.
        stall_s: How long the server stalls.
        period_s: From the beginning of a stall to that of the next one.
    """

    service_s: float
    stall_s: float
    period_s: float

    def latency_s(self, arrival_s: float) -> float:
        """Return the response time of a request that arrives so long after a stall began."""
        if arrival_s < self.stall_s:
            return self.stall_s - arrival_s + self.service_s
        if arrival_s + self.service_s > self.period_s:
            return self.period_s + self.stall_s - arrival_s
        return self.service_s

    def figures(self) -> Figures:
        """Return the percentiles of arrivals at equal distances."""
        step_s = self.period_s / _ARRIVALS
        found = sorted(1e3 * self.latency_s(step_s * number) for number in range(_ARRIVALS))
        ms = tuple(found[_ARRIVALS * share // 100 - 1] for share in SHARES)
        return Figures("theory", ms, found[-1], _ARRIVALS, 0)


@contextmanager
def stalling(schedule: Schedule) -> Iterator[str]:
    """Run the server until the block ends; give its address."""
    flags = [f"--{name}={value}" for name, value in asdict(schedule).items()]
    command = [sys.executable, "-m", "benchmarks.checks.stalling_server", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def measured(schedule: Schedule, rate: int, seconds: float) -> list[Figures]:
    """Measure once with each load generator."""
    requests = [Request(PATH, b"", "GET")]
    connections = round(2 * rate * (schedule.stall_s + schedule.service_s)) + 1
    with stalling(schedule) as base:
        url = base + PATH
        return [
            grpst_perf(url, seconds, "--rate", str(rate), "--arrivals", "constant"),
            k6(base, requests, rate, seconds, connections),
            vegeta(base, requests, rate, seconds),
            bombardier(url, rate, seconds, connections),
        ]


def median(figures: Sequence[Figures]) -> Figures:
    """Return the medians of the figures of one load generator."""
    return Figures(
        tool=figures[0].tool,
        ms=tuple(
            statistics.median(each) for each in zip(*(one.ms for one in figures), strict=True)
        ),
        max_ms=statistics.median(one.max_ms for one in figures),
        requests=sum(one.requests for one in figures),
        failed=sum(one.failed for one in figures),
    )


def distance(one: Figures, other: Figures) -> float:
    """Return the largest share by which a latency differs from that of the other."""
    pairs = zip((*one.ms, one.max_ms), (*other.ms, other.max_ms), strict=True)
    return max(abs(mine - its) / its for mine, its in pairs)


def print_table(figures: Sequence[Figures]) -> None:
    """Print latencies in milliseconds."""
    heads = [*(f"p{share} ms" for share in SHARES), "max ms"]
    print("".ljust(24) + "".join(head.rjust(10) for head in heads) + "  requests  failed")
    for one in figures:
        values = "".join(f"{value:10.1f}" for value in (*one.ms, one.max_ms))
        print(f"{one.tool:<24}{values}{one.requests:>10}{one.failed:>8}", flush=True)


def main() -> int:
    """Measure, print and compare; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.stalls", description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="requests per second")
    parser.add_argument("--periods", type=int, default=5, help="length of one measurement")
    parser.add_argument("--repeats", type=int, default=1, help="measurements of each tool")
    parser.add_argument("--service_ms", type=float, default=20, help="from request to answer")
    parser.add_argument("--stall_ms", type=float, default=600, help="length of a stall")
    parser.add_argument("--period_s", type=float, default=4, help="from stall to stall")
    parser.add_argument("--json", type=Path, help="write the figures")
    given = parser.parse_args()
    schedule = Schedule(given.service_ms / 1e3, given.stall_ms / 1e3, given.period_s)
    seconds = given.periods * given.period_s
    runs = [measured(schedule, given.rate, seconds) for _ in range(given.repeats)]
    ours, *others = (median(each) for each in zip(*runs, strict=True))
    theory = schedule.figures()
    with stalling(schedule) as base:
        loop = grpst_perf(base + PATH, seconds, "--concurrency", "1")
    print_table([theory, ours, *others])
    print("closed loop of one connection:")
    print_table([loop])
    distances = {one.tool: distance(ours, one) for one in (theory, *others)}
    for name, value in distances.items():
        print(f"grpst perf differs from {name} by up to {value:.1%}")
    if given.json is not None:
        every = [asdict(one) for one in (theory, ours, *others)]
        told = {"open_loop": every, "closed_loop": asdict(loop), "distances": distances}
        given.json.write_text(json.dumps(told, indent=1) + "\n")
    failed = sum(one.failed for one in (ours, *others, loop))
    return int(failed > 0 or max(distances.values()) > _MOST_DISTANCE)


if __name__ == "__main__":
    sys.exit(main())
