"""Predicts by simulation what settings can serve."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from grps.tune.curves.curve import Curves
from grps.tune.goal import Goal
from grps.tune.settings import Settings, Variant
from grps.tune.simulation import Policy, RunTime, Simulated, poisson, simulate

_REQUESTS = 1000
FEW_REQUESTS = 500
"""Enough to tell whether settings are worth a closer look."""
_PROCESS_MS = 0.15
"""What a worker process adds to a run: the way of its batch there and back."""
_STEPS = 5
_JITTERS = 1 << 12


@dataclass(frozen=True, slots=True)
class Overhead:
    """What serving adds to the model, as measured of a service.

    Attributes:
        latency_ms: Of a request alone.
        cpu_ms: CPU time of a request outside of instances: the server's threads, and the load
            generator if it runs on the same machine.
        run_ms: What an instance does for a batch besides the run of the model.
    """

    latency_ms: float = 0.3
    cpu_ms: float = 0.1
    run_ms: float = 0.03


@dataclass(frozen=True, slots=True)
class Predicted:
    """What settings are expected to do at a rate."""

    rate: float
    latency_ms: float
    """The percentile of the goal."""
    cpu_ms: float
    """CPU time of a request."""
    mean_batch: float


class Predictor:
    """Simulates settings on measured curves."""

    def __init__(
        self, curves: dict[Variant, Curves], goal: Goal, *, cpus: int, concurrency: int
    ) -> None:
        """Predict for a machine and a server.

        Args:
            curves: What was measured.
            goal: The limit of the latency.
            cpus: Processors that model and server share.
            concurrency: ``max_concurrency`` of the server.
        """
        self._curves = curves
        self._goal = goal
        self._cpus = cpus
        self._concurrency = concurrency
        self.overhead = Overhead()
        self._arrivals = poisson(_REQUESTS)

    def at(self, settings: Settings, rate: float, requests: int = _REQUESTS) -> Predicted:
        """Return what settings do at a rate."""
        curves = self._curves[settings.variant]
        found = self._simulated(settings, rate, requests)
        # The first requests find an empty queue.
        around_ms = max(0.0, self.overhead.latency_ms - self.overhead.run_ms)
        latencies = found.latencies_s[requests // 10 :] * 1000 + around_ms
        percentile = float(np.percentile(latencies, self._goal.share))
        sizes = Counter(one.count for one in found.batches)
        runs_ms = sum(curves.alone.cpu_ms(size) * times for size, times in sizes.items())
        cpu_ms = runs_ms / requests + self._serving_ms(found.mean_batch)
        return Predicted(rate, percentile, cpu_ms, found.mean_batch)

    def holds(self, settings: Settings, rate: float, requests: int = _REQUESTS) -> bool:
        """Whether settings are expected to hold the limit at a rate."""
        if rate >= self.capacity(settings):
            return False
        return self.at(settings, rate, requests).latency_ms <= self._goal.limit_ms

    def goodput(self, settings: Settings, at_least: float = 0.0) -> float:
        """Return the highest rate at which settings are expected to hold the limit.

        Args:
            settings: What is predicted.
            at_least: A rate below which the answer does not matter; 0 is returned then.
        """
        if at_least and not self.holds(settings, at_least, FEW_REQUESTS):
            return 0.0
        low, high = at_least, self.capacity(settings)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            if self.holds(settings, middle):
                low = middle
            else:
                high = middle
        return low

    def capacity(self, settings: Settings) -> float:
        """Return the rate that full batches without a pause serve."""
        curves, batch = self._curves[settings.variant], min(settings.max_batch, self._concurrency)
        sizes = [size for size in (1, 2, 4, 8, 16, 32, 64, 128, batch) if size <= batch]
        run_time = self.run_time(settings, 0.0)
        best = max(size * settings.runs / run_time(size, settings.runs) for size in sizes)
        cpu_ms = min(curves.alone.cpu_ms(size) / size + self._serving_ms(size) for size in sizes)
        return min(best, 1000 * self._cpus / cpu_ms)

    def _serving_ms(self, batch: float) -> float:
        """Return the CPU time that serving adds to a request in a batch."""
        return self.overhead.cpu_ms + self.overhead.run_ms / batch

    def _simulated(self, settings: Settings, rate: float, requests: int) -> Simulated:
        window = None if settings.wait_us is None else settings.wait_us / 1e6
        policy = Policy(settings.runs, settings.max_batch, window, self._concurrency)
        arrivals = self._arrivals[:requests] / rate
        return simulate(arrivals, policy, self.run_time(settings, rate))

    def run_time(self, settings: Settings, rate: float) -> RunTime:
        """Return the run time of batches while the server works on requests at a rate."""
        curves, isolation = self._curves[settings.variant], settings.isolation
        added_ms = self.overhead.run_ms
        added_ms += _PROCESS_MS if isolation == "process" else 0.0
        serving = rate * self.overhead.cpu_ms / 1000
        known: dict[tuple[int, int], tuple[float, tuple[float, ...]]] = {}
        places = np.random.default_rng(2).random(_JITTERS).tolist()
        number = 0

        def mean_ms(rows: int, busy: int) -> tuple[float, tuple[float, ...]]:
            ms = curves.ms(rows, busy, isolation)
            cores = busy * curves.alone.cpu_ms(rows) / max(curves.alone.ms(rows), 1e-6)
            crowded = max(1.0, (min(cores, self._cpus) + serving) / self._cpus)
            points = curves.alone.points
            nearest = min(points, key=lambda one: abs(one.rows - rows))
            return ms * crowded + added_ms, nearest.ratios

        def run_time(rows: int, busy: int) -> float:
            nonlocal number
            key = (rows, busy)
            if key not in known:
                known[key] = mean_ms(rows, busy)
            ms, ratios = known[key]
            if rate == 0.0:
                return ms / 1000
            number = (number + 1) % _JITTERS
            return ms * ratios[int(places[number] * len(ratios))] / 1000

        return run_time
