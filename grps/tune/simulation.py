"""A simulation of the batcher, request by request, on a clock of its own.

It decides as ``crates/grps-core/src/scheduling/batching/batcher.rs`` does for requests of equal
shapes and one priority. Both are tested on the same cases, ``batcher_cases.txt`` beside it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Times = np.ndarray
"""Seconds, ascending."""
RunTime = Callable[[int, int], float]
"""Seconds of a run by its rows and the runs in progress, itself included."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests form batches.

    Attributes:
        instances: Runs that may be in progress at once.
        max_batch: Most rows of a batch.
        window_s: How long an idle instance waits to fill a batch; ``None`` with ``when_busy``.
        concurrency: Most requests that wait for an instance or run; others wait before them.
    """

    instances: int = 1
    max_batch: int = 1
    window_s: float | None = None
    concurrency: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that was run."""

    start_s: float
    end_s: float
    first: int
    """The first of its requests, which arrived one after the other."""
    count: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of it.

    Attributes:
        latencies_s: Of each request, in the order of arrival.
        batches: What was run.
    """

    latencies_s: np.ndarray
    batches: Sequence[Batch]

    @property
    def mean_batch(self) -> float:
        """Requests of a batch, on the average."""
        return len(self.latencies_s) / len(self.batches) if self.batches else 0.0


def simulate(arrivals: Times, policy: Policy, run_time: RunTime) -> Simulated:
    """Serve requests of one row each.

    Args:
        arrivals: When they arrive.
        policy: How they form batches.
        run_time: How long batches run.
    """
    times: list[float] = arrivals.tolist()
    ends = np.empty(len(times))
    idle = [(0.0, 0)] * policy.instances
    """When each instance is idle, and the requests that it runs until then."""
    batches = []
    first = 0
    while first < len(times):
        idle_s, _ = heapq.heappop(idle)
        start, count = _next(times, first, idle_s, idle, policy)
        busy = 1 + sum(1 for until, _ in idle if until > start)
        end = start + run_time(count, busy)
        heapq.heappush(idle, (end, count))
        ends[first : first + count] = end
        batches.append(Batch(start, end, first, count))
        first += count
    return Simulated(ends - arrivals, batches)


def _next(
    times: list[float],
    first: int,
    idle_s: float,
    others: list[tuple[float, int]],
    policy: Policy,
) -> tuple[float, int]:
    """Return when the next batch starts and how many requests it has."""
    start = max(idle_s, times[first])
    most = policy.max_batch
    if policy.concurrency < policy.instances * most:
        running = sum(count for until, count in others if until > start)
        most = max(1, min(most, policy.concurrency - running))
    count = _arrived(times, first, start, most)
    if policy.window_s is None or most in (1, count):
        return start, count
    last = first + most - 1
    filled = times[last] if last < len(times) else float("inf")
    start = max(start, min(times[first] + policy.window_s, filled))
    return start, _arrived(times, first, start, most)


def _arrived(times: list[float], first: int, now: float, most: int) -> int:
    """Return how many requests wait, at most a batch of them."""
    end = min(first + most, len(times))
    at = first + 1
    while at < end and times[at] <= now:
        at += 1
    return at - first


def poisson(count: int, seed: int = 1) -> Times:
    """Return arrivals of one request per second; divided by a rate, they are those of the rate."""
    return np.cumsum(np.random.default_rng(seed).exponential(1.0, count))
