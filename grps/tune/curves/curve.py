"""Latencies of batches over their rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from grps.tune.settings import Isolation, Variant


@dataclass(frozen=True, slots=True)
class Point:
    """Runs of one size.

    Attributes:
        rows: Rows of each run.
        ms: The median of their durations.
        cpu_ms: CPU time of a run.
        ratios: Durations by the median, ascending: how much they differ.
    """

    rows: int
    ms: float
    cpu_ms: float
    ratios: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """Runs of several sizes while a number of copies run.

    Attributes:
        parallel: Runs that were in progress at once.
        isolation: Whether the copies were in threads of a process, or in processes.
        points: Ascending by rows.
    """

    parallel: int
    isolation: Isolation
    points: tuple[Point, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """Rows per second that runs without a pause serve, for each of the points."""
        return tuple(1000 * one.rows * self.parallel / one.ms for one in self.points)

    def ms(self, rows: int) -> float:
        """Return how long a run takes; beyond the largest size in proportion."""
        return _between([one.rows for one in self.points], [one.ms for one in self.points], rows)

    def cpu_ms(self, rows: int) -> float:
        """Return the CPU time of a run."""
        sizes, values = [one.rows for one in self.points], [one.cpu_ms for one in self.points]
        return _between(sizes, values, rows)


@dataclass(frozen=True, slots=True)
class Curves:
    """All curves of one variant.

    Attributes:
        variant: How the copies were loaded.
        load_s: How long a copy took to load.
        found: The curves.
    """

    variant: Variant
    load_s: float
    found: tuple[Curve, ...]

    def ms(self, rows: int, busy: int, isolation: Isolation = "thread") -> float:
        """Return how long a run takes while ``busy`` runs, itself included, are in progress."""
        curves = self.of(isolation)
        counts = [one.parallel for one in curves]
        return _between(counts, [one.ms(rows) for one in curves], busy)

    def of(self, isolation: Isolation) -> list[Curve]:
        """Return the curves of an isolation by their parallel runs; one run is alike in both."""
        curves = [one for one in self.found if one.parallel == 1 or one.isolation == isolation]
        return sorted(curves, key=lambda one: one.parallel)

    def most_parallel(self, isolation: Isolation) -> int:
        """Return the most runs at once that were measured; 1 if none were."""
        return self.of(isolation)[-1].parallel

    @property
    def alone(self) -> Curve:
        """The curve of one run at a time."""
        return self.of("thread")[0]


def _between(places: Sequence[int], values: Sequence[float], at: int) -> float:
    """Return a value by straight lines between those known; beyond the last one in proportion."""
    if at >= places[-1]:
        return values[-1] * at / places[-1]
    right = bisect_left(places, at)
    if right == 0:
        return values[0]
    share = (at - places[right - 1]) / (places[right] - places[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])
