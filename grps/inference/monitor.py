"""Metrics of the user's code: recorded per second, kept for thirty days, read as series."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["avg", "max", "min", "inc", "cdf"]

SPANS = ((24 * 60 * 60, 30), (60 * 60, 24), (60, 60), (1, 60))
"""Seconds that one point stands for, and how many points are kept; upstream's order."""
SAMPLES = 10_000
"""Latest values that a distribution is made of, at most."""
SAMPLES_AGE_S = 60
POINTS = tuple((percent, percent) for percent in (*range(10, 91, 10), *range(91, 100)))
"""Points of a distribution as they are shown and as percentages."""
LAST_POINTS = ((100, 99.9), (101, 99.99))
"""Upstream shows them so."""


@dataclass(slots=True)
class Summary:
    """The values of one stretch of time."""

    tick: int
    total: float = 0.0
    count: int = 0
    low: float | None = None
    high: float | None = None

    def add(self, value: float) -> None:
        """Take in a value."""
        self.total += value
        self.count += 1
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)

    def read(self, kind: Kind) -> float | None:
        """The one number that stands for the values; an idle minimum has none."""
        if kind == "avg":
            return self.total / self.count if self.count else 0.0
        if kind == "inc":
            return self.total
        return self.low if kind == "min" else self.high or 0


class Ring:
    """The latest stretches of one length."""

    def __init__(self, span_s: int, size: int) -> None:
        """Keep ``size`` stretches of ``span_s`` seconds."""
        self._span_s = span_s
        self._kept: deque[Summary] = deque(maxlen=size)

    def add(self, now: float, value: float) -> None:
        """Take in a value of this moment."""
        tick = int(now) // self._span_s
        # A clock that was set back adds to the latest stretch rather than opening an older one.
        if not self._kept or self._kept[-1].tick < tick:
            self._kept.append(Summary(tick))
        self._kept[-1].add(value)

    def read(self, now: float) -> list[Summary]:
        """All stretches up to this moment, the oldest first."""
        tick = int(now) // self._span_s
        by_tick = {summary.tick: summary for summary in self._kept}
        first = tick - (self._kept.maxlen or 0) + 1
        return [by_tick.get(number) or Summary(number) for number in range(first, tick + 1)]


class Series:
    """One metric."""

    def __init__(self, kind: Kind) -> None:
        """Make a series without values."""
        self._kind = kind
        self._rings = [Ring(*span) for span in SPANS]
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def add(self, now: float, value: float) -> None:
        """Take in a value of this moment."""
        if self._kind == "cdf":
            self._samples.append((now, value))
            return
        for ring in self._rings:
            ring.add(now, value)

    def read(self, now: float) -> dict[str, Any]:
        """The series in upstream's shape."""
        if self._kind == "cdf":
            return {"label": "CDF", "data": self._distribution(now)}
        summaries = [summary for ring in self._rings for summary in ring.read(now)]
        points = [[index, summary.read(self._kind)] for index, summary in enumerate(summaries)]
        return {"label": "trend", "data": points}

    def _distribution(self, now: float) -> list[list[float]]:
        recent = sorted(value for at, value in self._samples if now - at < SAMPLES_AGE_S)
        last = len(recent) - 1
        return [
            [shown, recent[min(int(len(recent) * percent / 100), last)] if recent else 0.0]
            for shown, percent in (*POINTS, *LAST_POINTS)
        ]


class Monitor:
    """All metrics of the user's code; any thread may use it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Make a monitor without metrics.

        Args:
            clock: Tells the time in seconds since the epoch.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[str, Series] = {}

    def avg(self, key: str, value: float) -> None:
        """Record a value of which the average counts."""
        self._add("avg", key, value)

    def max(self, key: str, value: float) -> None:
        """Record a value of which the largest counts."""
        self._add("max", key, value)

    def min(self, key: str, value: float) -> None:
        """Record a value of which the smallest counts."""
        self._add("min", key, value)

    def inc(self, key: str, value: float) -> None:
        """Add to a sum."""
        self._add("inc", key, value)

    def cdf(self, key: str, value: float) -> None:
        """Record a value of which the distribution counts."""
        self._add("cdf", key, value)

    def read(self, key: str) -> dict[str, Any] | None:
        """Return a series in upstream's shape, ``None`` for an unknown key.

        A trend has the points of 30 days, 24 hours, 60 minutes and 60 seconds in this order,
        each ending at the present; a distribution covers the last minute.
        """
        with self._lock:
            series = self._series.get(key)
            return series.read(self._clock()) if series is not None else None

    def _add(self, kind: Kind, key: str, value: float) -> None:
        with self._lock:
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(kind)
            series.add(self._clock(), value)


app_monitor = Monitor()
