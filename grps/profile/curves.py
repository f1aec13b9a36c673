"""Latency by batch size, by threads, or by any other whole number, measured in this process.

``measure_curve`` is given what runs the model with a size and returns how long each run took; it
knows neither models nor engines, so that others can measure their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from grps.errors import GrpsError

Durations = Callable[[int], Sequence[float]]
"""Runs the model some times with a size; returns the seconds of each run, at least one."""

_MEDIAN = 0.5


@dataclass(frozen=True, slots=True)
class Timing:
    """How often something is run to be timed.

    Attributes:
        warmup: Runs before, which are not timed.
        least: Timed runs at least, however long they take.
        most: Timed runs at most.
        budget_s: Seconds after which no run begins, if there were ``least``; warm-up included.
    """

    warmup: int = 2
    least: int = 3
    most: int = 100
    budget_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Point:
    """The runs with one size.

    Attributes:
        size: Rows of a batch, threads of a run, or what else was varied.
        durations_s: Seconds of each run, in the order of the runs.
    """

    size: int
    durations_s: tuple[float, ...]

    @property
    def p50_s(self) -> float:
        """The median of the durations."""
        return quantile(self.durations_s, _MEDIAN)

    @property
    def best_s(self) -> float:
        """The shortest of the durations, which other load on the machine changes least."""
        return min(self.durations_s)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points by ascending size.

    Attributes:
        points: At least one.
        ended: Why there are no larger sizes: the cause if one failed; empty if none did.
    """

    points: tuple[Point, ...]
    ended: str = ""


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile, interpolated linearly.

    Args:
        values: At least one.
        share: From 0 to 1.
    """
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def time_runs(run: Callable[[], object], timing: Timing = Timing()) -> list[float]:
    """Run something repeatedly and return the seconds of each timed run."""
    began = time.perf_counter()
    for _ in range(timing.warmup):
        run()
    durations: list[float] = []
    while len(durations) < timing.most:
        start = time.perf_counter()
        if len(durations) >= timing.least and start - began >= timing.budget_s:
            break
        run()
        durations.append(time.perf_counter() - start)
    return durations


def measure_curve(
    durations_of: Durations,
    sizes: Iterable[int],
    on_point: Callable[[Point], None] | None = None,
) -> Curve:
    """Measure the points of a curve, smallest size first.

    Args:
        durations_of: Runs the model with a size. If it raises a ``GrpsError``, such as of a model
            that takes no such batch, the curve ends before that size.
        sizes: At least one.
        on_point: Called with each point once it is measured.

    Raises:
        GrpsError: The smallest size failed.
    """
    points: list[Point] = []
    for size in sorted(set(sizes)):
        try:
            point = Point(size, tuple(durations_of(size)))
        except GrpsError as error:
            if not points:
                raise
            return Curve(tuple(points), f"{size}: {error}")
        points.append(point)
        if on_point is not None:
            on_point(point)
    return Curve(tuple(points))


def doubling(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4 … and ``most``, which is at least 1."""
    sizes = [1]
    while sizes[-1] * 2 < most:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if most == 1 else (*sizes, most)
