"""What a shadow version that hangs or crashes costs the version that replies.

``python -m benchmarks.checks.shadow`` runs three services side by side: one without a shadow, one
whose shadow hangs in each copy, and one whose shadow ends its worker process in each copy. One at
a time gets requests at equal distances, by turns, with the service without a shadow before and
after each other one. Its phases differ by noise only, which is the yardstick.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.checks.versions import NAME, serving_versions, traffic_of, version
from grps.perf import Constant, Content, Prepared, Target, Window, make_requests, measure
from grps.server.state import ServiceState

NONE, HUNG, CRASHING = "none", "hung", "crashing"
TURNS = (NONE, HUNG, NONE, CRASHING)
MOST_RATIO = 1.05
MOST_NOISE = 0.05
"""Of more, the ratio says nothing."""
MOST_GROWTH_MIB = 4.0
_MIB = 1 << 20
_WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Phase:
    """What one service did while it got requests.

    Attributes:
        shadow: What the service has for a shadow.
        p50_ms: The median latency of the version that replies.
        p99_ms: Its 99th percentile.
        max_ms: The longest latency.
        requests: Requests that were measured.
        failed: Requests that failed or were not sent.
        length_s: How long the phase took.
        memory: Seconds since its begin with the MiB of the server.
    """

    shadow: str
    p50_ms: float
    p99_ms: float
    max_ms: float
    requests: int
    failed: int
    length_s: float
    memory: Sequence[tuple[float, float]] = field(repr=False)


def models(shadow: str, model_ms: float) -> list[dict[str, Any]]:
    """Return both versions; the first replies."""
    arguments = {HUNG: {"hangs": True}, CRASHING: {"crashes": True}}.get(shadow, {})
    keys = {"isolation": "process"} if shadow == CRASHING else {}
    pause = {"model_s": model_ms / 1e3}
    return [version(1, pause), version(2, pause | arguments, **keys)]


def start(stack: ExitStack, folder: Path, model_ms: float) -> dict[str, ServiceState]:
    """Start the services."""
    states = {}
    for shadow in (NONE, HUNG, CRASHING):
        traffic: dict[str, Any] = {"weights": {"1": 1}}
        if shadow != NONE:
            traffic["shadow"] = {"version": "2"}
        service = serving_versions(folder / shadow, models(shadow, model_ms), traffic)
        states[shadow] = stack.enter_context(service)
    return states


def requests_to(target: Target) -> Prepared:
    """Return the request that is sent."""
    content = Content(given={"input": np.ones((1, 2), np.float32)})
    return make_requests("http", target, NAME, content, streaming=False)


def run(shadow: str, state: ServiceState, rate: float, seconds: float) -> Phase:
    """Send requests to one service."""
    target, process = Target("127.0.0.1", state.ports[0]), psutil.Process(state.pid)
    memory: list[tuple[float, float]] = []
    found = measure(
        target,
        requests_to(target),
        Constant(rate),
        Window(_WARM_UP_S, seconds),
        on_progress=lambda now: memory.append((now.elapsed_s, process.memory_info().rss / _MIB)),
    )
    return Phase(
        shadow=shadow,
        p50_ms=found.latency.percentile(50),
        p99_ms=found.latency.percentile(99),
        max_ms=found.latency.max,
        requests=found.total,
        failed=found.failed + found.not_sent,
        length_s=_WARM_UP_S + seconds,
        memory=memory,
    )


def ratios(phases: Sequence[Phase], shadow: str) -> list[float]:
    """Return the p99 of each phase of a service, by that of the phases beside it."""
    beside = zip(phases, phases[1:], phases[2:], strict=False)
    return [
        2 * one.p99_ms / (before.p99_ms + after.p99_ms)
        for before, one, after in beside
        if one.shadow == shadow
    ]


def noise(phases: Sequence[Phase]) -> list[float]:
    """Return by what share the p99 of each phase without a shadow differs from the one before."""
    values = [one.p99_ms for one in phases if one.shadow == NONE]
    return [abs(after / before - 1) for before, after in pairwise(values)]


def growth(phases: Sequence[Phase], shadow: str) -> tuple[float, float]:
    """Return how many MiB a service grew after its first phase, and how many per minute of load."""
    first, *later = (one for one in phases if one.shadow == shadow)
    samples = [
        (number * one.length_s + at_s, mib)
        for number, one in enumerate(later)
        for at_s, mib in one.memory
    ]
    at_s, mib = np.array(samples).T
    return float(mib[-1] - first.memory[-1][1]), float(np.polyfit(at_s / 60, mib, 1)[0])


def report(phases: Sequence[Phase]) -> list[str]:
    """Print what was found; return what is not as it should be, or is not known."""
    wrong = []
    between = noise(phases)
    middle, most = statistics.median(between), max(between)
    if middle > MOST_NOISE:
        wrong.append("no verdict on the p99: the noise is too large")
    print(f"noise: p99 of successive phases without a shadow: {middle:.1%}, at most {most:.1%}")
    for shadow in (NONE, HUNG, CRASHING):
        failed = sum(one.failed for one in phases if one.shadow == shadow)
        grown, slope = growth(phases, shadow)
        line = f"{shadow}: {failed} failed, memory {grown:+.1f} MiB, {slope:+.2f} MiB/minute"
        if shadow != NONE:
            found = ratios(phases, shadow)
            ratio = statistics.median(found)
            line += f", p99 {ratio:.3f}x ({min(found):.3f}x to {max(found):.3f}x)"
            if shadow == HUNG and ratio > MOST_RATIO and middle <= MOST_NOISE:
                wrong.append(f"the p99 with a hung shadow is {ratio:.3f}x")
        print(line)
        if failed:
            wrong.append(f"{shadow}: {failed} requests failed")
        if grown > MOST_GROWTH_MIB:
            wrong.append(f"{shadow}: memory grew by {grown:.1f} MiB")
    return wrong


def main() -> int:
    """Measure by turns and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks.shadow", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="length of a phase")
    parser.add_argument("--repeats", type=int, default=3, help="phases of each shadow, at least 2")
    parser.add_argument("--rate", type=float, default=100, help="requests per second")
    parser.add_argument("--model_ms", type=float, default=5, help="time of the model")
    parser.add_argument("--json", type=Path, help="write the phases")
    given = parser.parse_args()
    if given.repeats < 2:
        parser.error("--repeats: memory is compared with that after the first phase; use 2 or more")
    phases: list[Phase] = []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        states = start(stack, Path(name), given.model_ms)
        print("shadow      p50 ms   p99 ms   max ms  requests  failed   RSS MiB", flush=True)
        for shadow in (*TURNS * given.repeats, NONE):
            one = run(shadow, states[shadow], given.rate, given.seconds)
            phases.append(one)
            print(
                f"{shadow:<9}{one.p50_ms:9.3f}{one.p99_ms:9.3f}{one.max_ms:9.2f}"
                f"{one.requests:>10}{one.failed:>8}{one.memory[-1][1]:10.1f}",
                flush=True,
            )
        for shadow in (HUNG, CRASHING):
            told = traffic_of(states[shadow])["shadow"]
            counts = {key: told[key] for key in ("equal", "failed", "in_flight", "bytes", "shed")}
            print(f"copies for the {shadow} shadow: {counts}")
    wrong = report(phases)
    print("; ".join(wrong) or "as it should be")
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(one) for one in phases], indent=1) + "\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
